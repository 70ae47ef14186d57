//! The description of a table, and the statements for it. No I/O.

use syncline_engine::{Item, ports::ConnectorError, value::Fields};

use super::{
    column::{Column, Kind},
    convert::instant_of,
    db::{Dialect, Raw},
    keys::Spelling,
};
use crate::stamp::unread;

#[derive(Debug)]
pub(super) struct Table {
    pub(super) dialect: Dialect,
    /// Database and table, for messages.
    pub(super) label: String,
    /// The table's quoted name.
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// Positions in `columns`.
    pub(super) key: usize,
    pub(super) modified: Option<usize>,
    pub(super) version: Option<usize>,
    pub(super) marker: Option<usize>,
    /// For each column, whether it becomes a field of listed items.
    pub(super) listed: Vec<bool>,
    /// All columns hold stored values (SQLite), as opposed to those of views and computed ones.
    pub(super) is_stored: bool,
    /// The database assigns the key of a new row.
    pub(super) key_assigned: bool,
    pub(super) key_nullable: bool,
    /// Which spellings of a key the database treats as equal.
    pub(super) spelling: Spelling,
    /// Columns of unique indexes, except the key's.
    pub(super) unique: Vec<Vec<usize>>,
    /// A constraint (SQLite) deletes rows that conflict with a write (`ON CONFLICT REPLACE`). A conflict clause in a
    /// statement overrides it, also in triggers, so the clause is used only if needed.
    pub(super) replaces: bool,
    /// The statement that grants the privilege to insert rows, if the role lacks it.
    pub(super) no_insert: Option<String>,
    /// Triggers and rules by name, for messages.
    pub(super) triggers: Vec<String>,
    /// The sequence that numbers the key, if it may be set.
    pub(super) sequence: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    /// All columns, as read.
    pub(super) raw: Vec<Raw>,
    pub(super) item: Item,
}

/// Builds a statement and numbers its arguments.
pub(super) struct Statement<'a> {
    table: &'a Table,
    pub(super) sql: String,
    pub(super) arguments: Vec<Raw>,
}

/// A quoted identifier, in the syntax of both databases.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The name of a column in a listing's statement.
pub(super) fn alias(position: usize) -> String {
    format!("c{position}")
}

impl Table {
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    pub(super) fn key(&self) -> &Column {
        &self.columns[self.key]
    }

    /// The clause that keeps a write from deleting other rows, see [`Table::replaces`].
    pub(super) fn or_abort(&self) -> &'static str {
        if self.replaces { "OR ABORT " } else { "" }
    }

    /// A statement that selects all columns.
    pub(super) fn select(&self) -> Statement<'_> {
        let columns: Vec<String> = self.columns.iter().map(|column| self.read(column)).collect();
        // The alias matters: in PostgreSQL, ORDER BY "id" would sort by the text that is selected under that name.
        let sql = format!("SELECT {} FROM {} AS t", columns.join(", "), self.name);
        Statement { table: self, sql, arguments: Vec::new() }
    }

    /// A statement that selects what listed items need; other columns are null. The columns are named by [`alias`].
    pub(super) fn select_listed(&self) -> Statement<'_> {
        let read = |(position, column): (usize, &Column)| match self.reads(position) {
            true => format!("{} AS {}", self.read(column), alias(position)),
            false => "NULL".to_owned(),
        };
        let columns: Vec<String> = self.columns.iter().enumerate().map(read).collect();
        let sql = format!("SELECT {} FROM {} AS t", columns.join(", "), self.name);
        Statement { table: self, sql, arguments: Vec::new() }
    }

    /// Makes listed items have these fields and the key; empty means all columns.
    pub(super) fn list_only(&mut self, fields: &[String]) {
        let wanted = |name: &String| fields.is_empty() || fields.contains(name) || *name == self.key().name;
        self.listed = self.columns.iter().map(|column| wanted(&column.name)).collect();
    }

    /// True if a listing needs this column.
    pub(super) fn reads(&self, position: usize) -> bool {
        let place = Some(position);
        self.listed[position] || position == self.key || place == self.modified || place == self.version
    }

    /// A statement that begins with `sql`.
    pub(super) fn statement(&self, sql: String) -> Statement<'_> {
        Statement { table: self, sql, arguments: Vec::new() }
    }

    fn read(&self, column: &Column) -> String {
        let name = quoted(&column.name);
        match (self.dialect, column.kind) {
            (Dialect::Sqlite, _) => format!("t.{name}"),
            (Dialect::Postgres, Kind::Array) => format!("array_to_json(t.{name})::text"),
            (Dialect::Postgres, _) => format!("t.{name}::text"),
        }
    }

    /// The key as an insert returns it.
    pub(super) fn returning_key(&self) -> String {
        let key = quoted(&self.key().name);
        if self.dialect == Dialect::Postgres { format!("{key}::text") } else { key }
    }

    /// The expression to compare with an id. Types whose text PostgreSQL could refuse to parse are compared as text: an
    /// id that is no such value does not exist.
    pub(super) fn key_compared(&self) -> String {
        let key = quoted(&self.key().name);
        if self.dialect == Dialect::Postgres
            && !matches!(self.key().kind, Kind::Int | Kind::Text | Kind::Uuid)
        {
            format!("{key}::text")
        } else {
            key
        }
    }

    /// An id as the key column may store it; empty if it cannot exist there.
    pub(super) fn key_arguments(&self, id: &str) -> Vec<Raw> {
        let plain = self.plain_key(id);
        let whole = plain.parse::<i64>().ok().filter(|number| number.to_string() == plain);
        match (self.dialect, self.key().kind) {
            (Dialect::Postgres, Kind::Int) => whole.map(Raw::Int).into_iter().collect(),
            (Dialect::Postgres, Kind::Uuid) if !is_uuid(&plain) => Vec::new(),
            (Dialect::Postgres, Kind::Uuid) => vec![Raw::Text(plain)],
            (Dialect::Postgres, _) if id.contains('\0') => Vec::new(),
            // A column without a type treats a number and its text as different.
            (Dialect::Sqlite, Kind::Any) => {
                whole.map(Raw::Int).into_iter().chain([Raw::Text(id.to_owned())]).collect()
            }
            (Dialect::Sqlite, Kind::Int) => vec![Raw::Text(plain)],
            _ => vec![Raw::Text(id.to_owned())],
        }
    }

    /// The triggers and rules that may have affected a write.
    pub(super) fn by_triggers(&self) -> String {
        match self.triggers.as_slice() {
            [] => String::new(),
            names => format!("; look at its triggers and rules: {}", names.join(", ")),
        }
    }

    /// Converts a row with all its columns to an item.
    pub(super) fn row(&self, raw: Vec<Raw>) -> Result<Row, ConnectorError> {
        let item = self.item(raw.clone(), |_| true)?;
        Ok(Row { raw, item })
    }

    /// Converts a listed row to an item.
    pub(super) fn listed(&self, raw: Vec<Raw>) -> Result<Item, ConnectorError> {
        self.item(raw, |position| self.listed[position])
    }

    fn item(&self, mut raw: Vec<Raw>, is_field: impl Fn(usize) -> bool) -> Result<Item, ConnectorError> {
        let id = self.id_of(&raw)?;
        let (mut modified, mut unreadable) = (None, None);
        if let Some(position) = self.modified {
            modified = instant_of(&raw[position]);
            if modified.is_none() && raw[position] != Raw::Null {
                let (column, content) = (&self.columns[position].name, raw[position].shown());
                unreadable = (!content.trim().is_empty()).then(|| unread(column, &content));
            }
        }
        let version = self.version.and_then(|position| match &raw[position] {
            Raw::Int(number) => Some(number.to_string()),
            Raw::Text(text) => Some(text.clone()),
            _ => None,
        });
        let mut fields = Fields::new();
        for (position, column) in self.columns.iter().enumerate() {
            if Some(position) != self.marker && is_field(position) {
                let value = std::mem::replace(&mut raw[position], Raw::Null);
                let value = column.value(value).map_err(|what| {
                    ConnectorError::permanent(format!("{}, row {id}: {what}; mend the row", self.label))
                })?;
                fields.insert(column.name.clone(), value);
            }
        }
        Ok(Item { modified, unread: unreadable, version, ..Item::new(id, fields) })
    }

    /// The id of a row.
    pub(super) fn id_of(&self, raw: &[Raw]) -> Result<String, ConnectorError> {
        match &raw[self.key] {
            Raw::Int(number) => Ok(number.to_string()),
            Raw::Text(text) if !text.is_empty() => Ok(text.clone()),
            Raw::Real(number) => Ok(number.to_string()),
            Raw::Text(_) | Raw::Null | Raw::Binary => {
                let message = format!("{}: a row has no usable {:?}", self.label, self.key().name);
                Err(ConnectorError::permanent(message))
            }
        }
    }
}

impl Statement<'_> {
    /// Appends to the statement.
    pub(super) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Adds an argument to compare with a column or to store in it.
    pub(super) fn argument(&mut self, position: usize, raw: Raw) -> &mut Self {
        let cast = self.table.columns[position].cast.clone();
        self.cast(&cast, raw)
    }

    /// Adds an argument to compare with the key.
    pub(super) fn key_argument(&mut self, raw: Raw) -> &mut Self {
        match self.table.key().kind {
            // Possibly wider than the column, so that no id overflows it.
            Kind::Int => self.cast("bigint", raw),
            Kind::Text | Kind::Uuid => self.argument(self.table.key, raw),
            _ => self.cast("text", raw),
        }
    }

    /// Adds an argument cast to a type.
    pub(super) fn cast(&mut self, cast: &str, raw: Raw) -> &mut Self {
        self.arguments.push(raw);
        let number = self.arguments.len();
        self.sql.push_str(&match self.table.dialect {
            Dialect::Sqlite => format!("${number}"),
            Dialect::Postgres => format!("${number}::text::{cast}"),
        });
        self
    }

    /// `column IN (…)`; the number of arguments is rounded up so that few different statements are prepared.
    pub(super) fn any_of(&mut self, compared: &str, raws: Vec<Raw>, key: bool, position: usize) -> &mut Self {
        let count = raws.len().next_power_of_two();
        let last = raws.last().cloned().unwrap_or(Raw::Null);
        self.push(compared).push(" IN (");
        for (number, raw) in raws.into_iter().chain(std::iter::repeat(last)).take(count).enumerate() {
            if number > 0 {
                self.push(", ");
            }
            if key {
                self.key_argument(raw);
            } else {
                self.argument(position, raw);
            }
        }
        self.push(")")
    }
}

pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(position, byte)| match position {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
