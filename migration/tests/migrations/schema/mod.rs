//! What the real schema is, asked of the database itself and told alike for both.

mod postgres;
mod sqlite;

use syncline_migration::MIGRATION_TABLE;

use crate::support::{On, TestDatabase};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) key: Vec<String>,
    /// Unique constraints and unique indexes apart from the primary key, and all other indexes.
    pub(crate) indexes: Vec<Index>,
    pub(crate) references: Vec<Reference>,
    pub(crate) checks: Vec<Check>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    /// Whether an insert that leaves it out gets a value.
    pub(crate) filled: bool,
    /// Whether the database counts it up.
    pub(crate) counted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bool,
    Small,
    /// SQLite tells it as [`Kind::Big`].
    Int,
    Big,
    Float,
    Text,
    Bytes,
    Time,
    Json,
    Uuid,
    /// None that the migrations use.
    Other(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    /// None for one that a constraint brought along.
    pub(crate) name: Option<String>,
    pub(crate) unique: bool,
    /// Columns and expressions, with `DESC` behind them where that is so.
    pub(crate) columns: Vec<String>,
    pub(crate) condition: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) column: String,
    pub(crate) to_table: String,
    pub(crate) to_column: String,
    pub(crate) on_delete: String,
    /// SQLite does not tell.
    pub(crate) name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// In order of the alphabet.
    pub(crate) columns: Vec<String>,
    /// The texts it names: those of a closed set.
    pub(crate) values: Vec<String>,
    /// What an error says of it: on SQLite its text, or the name that the text begins with; on PostgreSQL its name.
    pub(crate) told_as: String,
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> &Column {
        let found = self.columns.iter().find(|column| column.name == name);
        found.unwrap_or_else(|| panic!("{} has no column {name}", self.name))
    }

    /// Whether some unique key has the column.
    pub(crate) fn in_unique_key(&self, column: &str) -> bool {
        let named = |name: &String| name == column;
        self.key.iter().any(named)
            || self.indexes.iter().any(|index| index.unique && index.columns.iter().any(named))
    }
}

impl Index {
    /// Told alike by both databases, which print expressions each in their own way.
    pub(crate) fn told(&self) -> String {
        let name = self.name.as_deref().unwrap_or("constraint");
        let unique = if self.unique { " unique" } else { "" };
        let condition = self.condition.as_ref().map(|text| format!(" where {text}")).unwrap_or_default();
        format!("{name}{unique} ({}){condition}", self.columns.join(", "))
    }
}

/// An expression without what the databases print differently: case, quotes of names, casts, brackets and blanks.
pub(crate) fn squashed(text: &str) -> String {
    let mut text = text.to_lowercase().replace("= any (array[", "in (").replace(']', "");
    for cast in ["::text", "::bigint"] {
        text = text.replace(cast, "");
    }
    text.chars().filter(|letter| !matches!(letter, ' ' | '(' | ')' | '"')).collect()
}

/// The text literals of an expression.
fn literals(text: &str) -> Vec<String> {
    text.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every table of ours, in order of the alphabet.
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

/// Tables so that each comes after those that it refers to.
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

/// The whole schema as the database itself prints it: tables, columns, constraints, indexes, triggers.
pub(crate) async fn printed(test: &TestDatabase) -> Vec<String> {
    let rows = test.values(test.pick(sqlite::PRINTED, postgres::PRINTED)).await;
    rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" | ")).collect()
}
