//! What a place looks like, as drawn from a seed: columns, the style of a file, the rules of a table.

use crate::meaning::Sort;

/// What a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Csv,
    Sqlite,
    Postgres,
}

/// What a column is to the sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Key,
    /// A text of its own for each row, always mapped, by which the oracle knows the row on both sides.
    Tag,
    /// The field at this position of `Pair::fields`.
    Field(usize),
    Modified,
    Marker,
    /// Not mapped.
    Other,
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) sort: Sort,
    /// The type as a table declares it; nothing in a file.
    pub(crate) declared: String,
    pub(crate) not_null: bool,
    /// As SQL.
    pub(crate) default: Option<String>,
    pub(crate) unique: bool,
    /// PostgreSQL: the constraint is checked when the transaction is committed.
    pub(crate) deferred: bool,
    /// A condition as SQL.
    pub(crate) check: Option<String>,
    /// An expression as SQL; the database computes the column.
    pub(crate) generated: Option<String>,
    /// How often a file repeats the column.
    pub(crate) copies: usize,
}

impl Column {
    /// Text in it is padded with blanks, or loses those at its end.
    pub(crate) fn pads(&self) -> bool {
        self.declared.starts_with("char(")
    }
}

/// How a file is written.
#[derive(Debug, Clone)]
pub(crate) struct FileStyle {
    pub(crate) delimiter: u8,
    pub(crate) names_delimiter: bool,
    pub(crate) mark: bool,
    pub(crate) line_end: &'static str,
    pub(crate) mixed_ends: bool,
    pub(crate) ends_with_line: bool,
    pub(crate) quotes_all: bool,
    pub(crate) quoted_columns: Vec<bool>,
    pub(crate) blank_rows: bool,
}

/// What a trigger does with the rows that have one of its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// With the error of a constraint, or SQLite's RAISE in one of its forms.
    Refuse(&'static str),
    /// The statement does nothing and says nothing.
    Ignore,
    /// New rows go to another table.
    Redirect,
    /// The column at this position is written in capitals.
    Capitals(usize),
    /// PostgreSQL: refused when the transaction is committed.
    RefuseAtCommit,
}

#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    pub(crate) act: Act,
    pub(crate) tags: Vec<String>,
}

/// How a table is made.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableStyle {
    pub(crate) strict: bool,
    pub(crate) without_rowid: bool,
    /// The key and the tag are unique together as well.
    pub(crate) composite: bool,
    pub(crate) trigger: Option<Trigger>,
    /// The place is a view that INSTEAD OF triggers carry to a table.
    pub(crate) view: bool,
}

/// A place without its rows.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) kind: Kind,
    pub(crate) columns: Vec<Column>,
    pub(crate) file: FileStyle,
    pub(crate) table: TableStyle,
}

impl Layout {
    pub(crate) fn position(&self, role: Role) -> Option<usize> {
        self.columns.iter().position(|column| column.role == role)
    }

    pub(crate) fn name(&self, role: Role) -> Option<&str> {
        self.position(role).map(|position| self.columns[position].name.as_str())
    }

    pub(crate) fn column(&self, role: Role) -> Option<&Column> {
        self.position(role).map(|position| &self.columns[position])
    }

    /// True for a column that is computed behind a view: its triggers carry a row without what is written to the column.
    pub(crate) fn drops(&self, role: Role) -> bool {
        self.table.view && self.column(role).is_some_and(|column| column.generated.is_some())
    }

    /// The column that a trigger writes in capitals.
    pub(crate) fn capitals(&self) -> Option<Role> {
        match self.table.trigger.as_ref()?.act {
            Act::Capitals(position) => Some(self.columns[position].role),
            _ => None,
        }
    }
}
