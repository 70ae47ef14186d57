//! Reads the real schema from the database, in one form for both.

mod postgres;
mod sqlite;

use syncline_migration::MIGRATION_TABLE;

use crate::support::{On, TestDatabase};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) key: Vec<String>,
    /// Unique constraints and unique indexes except the primary key, and all other indexes.
    pub(crate) indexes: Vec<Index>,
    pub(crate) references: Vec<Reference>,
    pub(crate) checks: Vec<Check>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    /// True if an insert without it gets a value.
    pub(crate) filled: bool,
    /// True if the database numbers it.
    pub(crate) counted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Small,
    /// SQLite reports it as [`Kind::Big`].
    Int,
    Big,
    Float,
    Text,
    Bytes,
    Time,
    Json,
    Uuid,
    /// A type that the migrations do not use.
    Other(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    /// None if a constraint created it.
    pub(crate) name: Option<String>,
    pub(crate) unique: bool,
    /// Columns and expressions, followed by `DESC` if descending.
    pub(crate) columns: Vec<String>,
    pub(crate) condition: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) column: String,
    pub(crate) to_table: String,
    pub(crate) to_column: String,
    pub(crate) on_delete: String,
    /// None on SQLite, which does not report it.
    pub(crate) name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// In alphabetical order.
    pub(crate) columns: Vec<String>,
    /// The text literals: those of a closed set.
    pub(crate) values: Vec<String>,
    /// How an error names it: on SQLite its text, or the name that the text begins with; on PostgreSQL its name.
    pub(crate) told_as: String,
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> &Column {
        let found = self.columns.iter().find(|column| column.name == name);
        found.unwrap_or_else(|| panic!("{} has no column {name}", self.name))
    }

    /// True if some unique key has the column.
    pub(crate) fn in_unique_key(&self, column: &str) -> bool {
        let named = |name: &String| name == column;
        self.key.iter().any(named)
            || self.indexes.iter().any(|index| index.unique && index.columns.iter().any(named))
    }
}

impl Index {
    /// The same text on both databases, which print expressions differently.
    pub(crate) fn told(&self) -> String {
        let name = self.name.as_deref().unwrap_or("constraint");
        let unique = if self.unique { " unique" } else { "" };
        let condition = self.condition.as_ref().map(|text| format!(" where {text}")).unwrap_or_default();
        format!("{name}{unique} ({}){condition}", self.columns.join(", "))
    }
}

/// Returns an expression without what the databases print differently: case, quotes of names, casts, brackets and
/// blanks.
pub(crate) fn squashed(text: &str) -> String {
    let mut text = text.to_lowercase().replace("= any (array[", "in (").replace(']', "");
    for cast in ["::text", "::bigint"] {
        text = text.replace(cast, "");
    }
    text.chars().filter(|letter| !matches!(letter, ' ' | '(' | ')' | '"')).collect()
}

/// Returns the text literals of an expression.
fn literals(text: &str) -> Vec<String> {
    text.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Returns every table of ours, in alphabetical order.
pub(crate) async fn tables(test: &TestDatabase) -> Vec<Table> {
    let mut tables = match test.on {
        On::Sqlite => sqlite::tables(test).await,
        On::Postgres => postgres::tables(test).await,
    };
    tables.retain(|table| table.name != MIGRATION_TABLE);
    for table in &mut tables {
        table.indexes.sort_by_key(Index::told);
        table.references.sort_by(|a, b| a.column.cmp(&b.column));
        table.checks.sort_by(|a, b| (&a.columns, &a.values).cmp(&(&b.columns, &b.values)));
    }
    tables
}

/// Orders tables so that each comes after those that it refers to.
pub(crate) fn parents_first(tables: Vec<Table>) -> Vec<Table> {
    let mut rest = tables;
    let mut sorted: Vec<Table> = Vec::new();
    while !rest.is_empty() {
        let known = |name: &str| sorted.iter().any(|table| table.name == name);
        let (ready, waiting): (Vec<_>, Vec<_>) = rest.into_iter().partition(|table| {
            table.references.iter().all(|to| to.to_table == table.name || known(&to.to_table))
        });
        assert!(!ready.is_empty(), "tables refer to each other in a ring: {waiting:?}");
        sorted.extend(ready);
        rest = waiting;
    }
    sorted
}

/// Returns the complete schema as the database prints it: tables, columns, constraints, indexes, triggers.
pub(crate) async fn printed(test: &TestDatabase) -> Vec<String> {
    let rows = test.values(test.pick(sqlite::PRINTED, postgres::PRINTED)).await;
    rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" | ")).collect()
}
