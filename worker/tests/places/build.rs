//! Makes the places of a pair.

use anyhow::{Context, Result};
use syncline_engine::Side;

use crate::{
    columns::quoted,
    meaning::{Meaning, Sort},
    pair::{Kind, Pair, Role},
    place::{At, Place, write_file},
    splitter,
    triggers::{trigger, view},
};

/// Texts of unmapped columns.
const KEPT: [&str; 5] = ["kept", "as it \"is\"", "a,b;c|d", "", " x "];
/// Forms of times, and one that is none.
const STAMPS: [&str; 7] = [
    "2026-01-02T10:20:30Z",
    "2026-01-02 10:20:30",
    "2026-01-02 10:20:30.125",
    "2026-01-02T10:20:30+02:00",
    "2026-01-02",
    "",
    "28/Jan/21",
];

/// Makes one side's place, with its rows if they are wanted.
pub(crate) async fn build(place: &Place, pair: &Pair, side: Side, with_rows: bool) -> Result<()> {
    let rows: Vec<usize> =
        (0..pair.rows.len()).filter(|row| with_rows && *pair.rows[*row].on.get(side)).collect();
    if let At::File(path) = &place.at {
        return write_file(path, &file(place, pair, side, &rows));
    }
    let table = table(place);
    place.execute(&table).await.with_context(|| table.clone())?;
    for row in rows {
        // Rows that the table does not take are not there; constraints are drawn without looking at the values.
        let _ = place.execute(&insert(place, pair, side, row)).await;
    }
    if let Some(sql) = trigger(place) {
        place.execute(&sql).await.with_context(|| sql.clone())?;
    }
    Ok(())
}

/// What `build` makes, for people.
pub(crate) fn shown(place: &Place, pair: &Pair, side: Side) -> String {
    let rows: Vec<usize> = (0..pair.rows.len()).filter(|row| *pair.rows[*row].on.get(side)).collect();
    if let At::File(_) = &place.at {
        return String::from_utf8_lossy(&file(place, pair, side, &rows)).into_owned();
    }
    let rows = rows.into_iter().map(|row| insert(place, pair, side, row));
    let parts: Vec<String> = std::iter::once(table(place)).chain(rows).chain(trigger(place)).collect();
    parts.join("\n")
}

/// The text of a row's cell; none where the place gives one itself.
fn text(place: &Place, pair: &Pair, side: Side, row: usize, column: usize) -> Option<String> {
    let layout = &place.layout;
    let column = &layout.columns[column];
    let drawn = &pair.rows[row];
    let pick = |from: &[&str]| from[(row + pair.seed as usize) % from.len()].to_owned();
    if column.generated.is_some() {
        return None;
    }
    match column.role {
        Role::Key if is_numbered(&column.declared) && !pair.mapped_key => None,
        Role::Key => Some(drawn.keys.get(side).clone()),
        Role::Tag => Some(drawn.tag.clone()),
        Role::Field(field) => Some(drawn.cells.get(side)[field].clone()),
        Role::Modified if column.declared.starts_with("timestamp") => Some(STAMPS[1].to_owned()),
        Role::Modified => Some(pick(&STAMPS)),
        Role::Marker => None,
        Role::Other if layout.kind == Kind::Csv => Some(pick(&KEPT)),
        Role::Other => None,
    }
}

/// The database gives the keys of new rows.
pub(crate) fn is_numbered(declared: &str) -> bool {
    ["AUTOINCREMENT", "serial", "IDENTITY"].iter().any(|word| declared.contains(word))
}

fn file(place: &Place, pair: &Pair, side: Side, rows: &[usize]) -> Vec<u8> {
    let (layout, style) = (&place.layout, &place.layout.file);
    let separator = char::from(style.delimiter).to_string();
    let mut out = if style.mark { "\u{feff}".to_owned() } else { String::new() };
    if style.names_delimiter {
        out.push_str(&format!(
            "sep={separator}{}",
            if style.line_end == "\r" { "\n" } else { style.line_end }
        ));
    }
    let line = |cells: Vec<String>| cells.join(&separator);
    let names = layout.columns.iter().flat_map(|column| std::iter::repeat_n(&column.name, column.copies));
    out.push_str(&line(names.map(|name| splitter::cell(name, style.delimiter, style.quotes_all)).collect()));
    let end = |row: usize| if style.mixed_ends && row % 2 == 1 { "\n" } else { style.line_end };
    let width: usize = layout.columns.iter().map(|column| column.copies).sum();
    for (number, row) in rows.iter().enumerate() {
        out.push_str(end(number));
        if style.blank_rows && number == 1 {
            out.push_str(&separator.repeat(width - 1));
            out.push_str(end(number));
        }
        let mut cells = Vec::new();
        for (position, column) in layout.columns.iter().enumerate() {
            let content = text(place, pair, side, *row, position).unwrap_or_default();
            let quotes = style.quotes_all || style.quoted_columns.get(position) == Some(&true);
            let mut contents = vec![content];
            if column.copies > 1 {
                contents = match column.sort.read(&contents[0]) {
                    Meaning::List(items) => items,
                    _ => contents,
                };
                contents.resize(column.copies, String::new());
            }
            cells.extend(contents.iter().map(|content| cell(content, style.delimiter, quotes)));
        }
        out.push_str(&line(cells));
    }
    if style.ends_with_line {
        out.push_str(style.line_end);
    }
    out.into_bytes()
}

/// A cell; a quote in its midst stands there as people write it.
fn cell(content: &str, delimiter: u8, quotes: bool) -> String {
    if !quotes && content.starts_with("12\" pipe") {
        content.to_owned()
    } else {
        splitter::cell(content, delimiter, quotes)
    }
}

fn insert(place: &Place, pair: &Pair, side: Side, row: usize) -> String {
    let mut names = Vec::new();
    let mut values = Vec::new();
    for column in 0..place.layout.columns.len() {
        if let Some(text) = text(place, pair, side, row, column) {
            names.push(place.quoted(column));
            values.push(place.literal(column, &text));
        }
    }
    let table = quoted(&place.table);
    format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "))
}

fn table(place: &Place) -> String {
    let (layout, style) = (&place.layout, &place.layout.table);
    let base = if style.view { format!("{}_beside", place.table) } else { place.table.clone() };
    let mut parts: Vec<String> = (0..layout.columns.len()).map(|column| definition(place, column)).collect();
    if style.composite {
        let role = |role| layout.position(role).map(|column| place.quoted(column)).unwrap_or_default();
        parts.push(format!("UNIQUE ({}, {})", role(Role::Key), role(Role::Tag)));
    }
    let mut options = Vec::new();
    options.extend(style.strict.then_some("STRICT"));
    options.extend(style.without_rowid.then_some("WITHOUT ROWID"));
    let mut sql = format!("CREATE TABLE {} ({}) {};", quoted(&base), parts.join(", "), options.join(", "));
    if style.trigger.is_some() {
        sql.push_str(&format!("CREATE TABLE {} (tag text);", quoted(&format!("{}_beside", place.table))));
    }
    if style.view {
        sql.push_str(&view(place, &base));
    }
    sql
}

fn definition(place: &Place, column: usize) -> String {
    let (layout, name) = (&place.layout, place.quoted(column));
    let column = &layout.columns[column];
    let declared = &column.declared;
    let mut text = match (column.role, layout.kind) {
        (Role::Key, Kind::Sqlite) if declared.contains("AUTO") => {
            format!("{name} INTEGER PRIMARY KEY AUTOINCREMENT")
        }
        (Role::Key, Kind::Sqlite) if *declared == "INTEGER" => format!("{name} INTEGER PRIMARY KEY"),
        (Role::Key, _) => format!("{name} {declared} PRIMARY KEY NOT NULL"),
        _ => format!("{name} {declared}"),
    };
    if column.not_null {
        text.push_str(" NOT NULL");
    }
    if let Some(default) = &column.default {
        text.push_str(&format!(" DEFAULT {default}"));
    }
    if column.unique {
        text.push_str(if column.deferred { " UNIQUE DEFERRABLE INITIALLY DEFERRED" } else { " UNIQUE" });
    }
    if let Some(check) = &column.check {
        text.push_str(&format!(" CHECK ({check})"));
    }
    if column.sort == Sort::Parent && !layout.table.view {
        let (table, key) = (quoted(&place.table), place.quoted(place.key()));
        text.push_str(&format!(" REFERENCES {table} ({key})"));
    }
    if let Some(expression) = &column.generated {
        text.push_str(&format!(" GENERATED ALWAYS AS ({expression}) STORED"));
    }
    text
}
