//! Pages of a SQLite table as the one row of a statement: for the driver a row costs more than reading it.
//!
//! JSON carries whole numbers and text exactly, NUL and all. It does not carry bytes, and not all floats; a page that has
//! one of those, or a large row, is read row by row instead. Only stored columns are packed: SQLite would write the text
//! of a computed JSON value as JSON.

use serde_json::value::RawValue;

use super::{
    db::Raw,
    table::{Table, alias},
};

/// The most arguments of a function, in SQLite's default build.
const MOST: usize = 127;

/// True if pages of the table can be read packed.
pub(super) fn suits(table: &Table) -> bool {
    table.is_stored && positions(table).count() <= MOST
}

/// A statement for the rows of `listed`, packed in their order: an aggregate takes the rows of a subquery as they come.
/// `largest` is the most bytes of a row.
pub(super) fn statement(table: &Table, listed: &str, largest: usize) -> String {
    let names: Vec<String> = positions(table).map(alias).collect();
    let each = |form: &dyn Fn(&String) -> String, between: &str| {
        names.iter().map(form).collect::<Vec<String>>().join(between)
    };
    let sizes = each(&|name| format!("ifnull(octet_length({name}), 0)"), " + ");
    let no_bytes = each(&|name| format!("typeof({name}) <> 'blob'"), " AND ");
    format!(
        "SELECT count(*), '[' || coalesce(group_concat(CASE WHEN {sizes} <= {largest} AND {no_bytes} THEN \
         json_array({}) END), '') || ']' FROM ({listed})",
        names.join(", ")
    )
}

/// The columns that a listing reads.
fn positions(table: &Table) -> impl Iterator<Item = usize> {
    (0..table.columns.len()).filter(|position| table.reads(*position))
}

/// The rows of a page; none if one of them cannot be packed.
pub(super) fn rows(table: &Table, page: &[Vec<Raw>]) -> Option<Vec<Vec<Raw>>> {
    let (count, text) = match page.first()?.as_slice() {
        [Raw::Int(count), Raw::Text(text)] => (usize::try_from(*count).ok()?, text),
        _ => return None,
    };
    let packed: Vec<Vec<&RawValue>> = serde_json::from_str(text).ok()?;
    // Rows that cannot be packed are missing.
    if packed.len() != count {
        return None;
    }
    packed.into_iter().map(|cells| row(table, &cells)).collect()
}

fn row(table: &Table, cells: &[&RawValue]) -> Option<Vec<Raw>> {
    let mut row = vec![Raw::Null; table.columns.len()];
    for (position, cell) in positions(table).zip(cells) {
        row[position] = match cell.get() {
            "null" => Raw::Null,
            text if text.starts_with('"') => Raw::Text(serde_json::from_str(text).ok()?),
            // A float has a point or an exponent.
            number => Raw::Int(number.parse().ok()?),
        };
    }
    Some(row)
}
