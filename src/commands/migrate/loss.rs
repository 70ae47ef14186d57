//! The data lost when migrations are taken back: rows of dropped tables and values of dropped columns.

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_migration::tables::{self, OwnColumn, OwnTable};

use crate::{fault::Fault, output::Output, words::count};

/// Dropped tables, and dropped columns of the other tables.
#[derive(Debug, Default)]
pub(super) struct Loss {
    pub(super) tables: Vec<OwnTable>,
    pub(super) columns: Vec<OwnColumn>,
}

impl Loss {
    /// The data that these migrations drop when they are taken back.
    pub(super) async fn of(db: &DatabaseConnection, going: &[String]) -> Result<Loss, Fault> {
        let mut tables = tables::own(db).await?;
        tables.retain(|table| going.contains(&table.made_by));
        let mut columns = tables::columns_going(db, going).await?;
        columns.extend(tables::values_going(db, going).await?);
        Ok(Loss { tables, columns })
    }

    /// Keeps only the tables and columns of these migrations.
    pub(super) fn keep_of(&mut self, done: &[String]) {
        self.tables.retain(|table| done.contains(&table.made_by));
        self.columns.retain(|column| done.contains(&column.dropped_by));
    }

    /// True if no rows or values are lost.
    pub(super) fn is_empty(&self) -> bool {
        self.tables().next().is_none() && self.columns().next().is_none()
    }

    fn tables(&self) -> impl Iterator<Item = &OwnTable> {
        self.tables.iter().filter(|table| table.rows > 0)
    }

    fn columns(&self) -> impl Iterator<Item = &OwnColumn> {
        self.columns.iter().filter(|column| column.values > 0)
    }

    /// Each table with its number of rows and each column with its number of values, in words.
    pub(super) fn told(&self) -> Vec<(String, String)> {
        let tables = self.tables().map(|table| (table.name.clone(), rows(table.rows)));
        tables.chain(self.columns().map(|column| (shown(column), values(column.values)))).collect()
    }

    /// Prints what was dropped.
    pub(super) fn tell_gone(&self, output: &Output) {
        for (what, how_many) in self.told() {
            output.note(&format!("{what} went with its {how_many}"));
        }
    }

    /// Adds the loss to a JSON document.
    pub(super) fn add_to(&self, told: &mut Value) {
        let rows = self.tables().map(|table| json!({ "table": table.name, "rows": table.rows }));
        told["rows_gone"] = rows.collect();
        let values = self
            .columns()
            .map(|column| json!({ "table": column.table, "column": column.name, "values": column.values }));
        told["values_gone"] = values.collect();
    }

    /// Prints what would be dropped, and returns the refusal.
    pub(super) fn unconfirmed(&self, output: &Output) -> Fault {
        let mut lines: Vec<(String, i64)> =
            self.tables().map(|table| (table.name.clone(), table.rows)).collect();
        lines.extend(self.columns().map(|column| (shown(column), column.values)));
        let head = match (self.tables().next(), self.columns().next()) {
            (_, None) => ["table", "rows"],
            (None, _) => ["column", "values"],
            _ => ["table or column", "rows or values"],
        };
        output.table(
            &head,
            lines.iter().map(|(name, number)| vec![name.clone(), number.to_string()]).collect(),
        );
        let counts: Vec<String> = lines.iter().map(|(name, number)| format!("{name} {number}")).collect();
        let counts = match output.is_json() && !counts.is_empty() {
            true => format!(" ({})", counts.join(", ")),
            false => String::new(),
        };
        let mut parts = Vec::new();
        let filled = self.tables().count() as u64;
        if filled > 0 || self.columns().next().is_none() {
            let number = self.tables().map(|table| table.rows).sum();
            parts.push(format!("{} in {}", rows(number), count(filled, "table", "tables")));
        }
        let filled = self.columns().count() as u64;
        if filled > 0 {
            let number = self.columns().map(|column| column.values).sum();
            parts.push(format!("{} in {}", values(number), count(filled, "column", "columns")));
        }
        Fault::usage(format!(
            "this deletes {}{counts}; nothing was done. If that is right, add --yes. `syncline backup` comes before",
            parts.join(" and ")
        ))
    }
}

fn shown(column: &OwnColumn) -> String {
    format!("{}.{}", column.table, column.name)
}

fn rows(number: i64) -> String {
    count(number.unsigned_abs(), "row", "rows")
}

fn values(number: i64) -> String {
    count(number.unsigned_abs(), "value", "values")
}
