//! Reads SQLite's schema through pragmas; only the stored statements contain CHECKs and conditions.

use super::{Check, Column, Index, Kind, Reference, Table, literals};
use crate::support::TestDatabase;

pub(super) const PRINTED: &str = "SELECT type, name, tbl_name, sql FROM sqlite_master \
    WHERE name NOT LIKE 'sqlite_%' AND name <> 'syncline_migrations' ORDER BY type, name";

pub(super) async fn tables(test: &TestDatabase) -> Vec<Table> {
    let names = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
         ORDER BY name";
    let mut tables = Vec::new();
    for row in test.texts(names).await {
        let (name, sql) = (row[0].clone(), &row[1]);
        let (columns, key) = columns(test, &name, sql).await;
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let checks = checks(sql, &names);
        let (indexes, references) = (indexes(test, &name).await, references(test, &name).await);
        tables.push(Table { columns, key, indexes, references, checks, name });
    }
    tables
}

async fn columns(test: &TestDatabase, table: &str, sql: &str) -> (Vec<Column>, Vec<String>) {
    let query = format!(
        "SELECT name, lower(type), CAST(\"notnull\" AS TEXT), dflt_value, CAST(pk AS TEXT) \
         FROM pragma_table_info('{table}') ORDER BY cid"
    );
    let (mut columns, mut key) = (Vec::new(), Vec::new());
    for row in test.texts(&query).await {
        let place: usize = row[4].parse().unwrap();
        if place > 0 {
            key.push((place, row[0].clone()));
        }
        let counted = place > 0 && row[1] == "integer" && sql.to_uppercase().contains("AUTOINCREMENT");
        columns.push(Column {
            name: row[0].clone(),
            kind: kind(&row[1]),
            nullable: row[2] == "0" && place == 0,
            filled: counted || row[3] != "-",
            counted,
        });
    }
    key.sort();
    (columns, key.into_iter().map(|(_, name)| name).collect())
}

fn kind(declared: &str) -> Kind {
    match declared {
        "boolean" => Kind::Bool,
        "smallint" => Kind::Small,
        // The same declaration for any requested width; it always has 64 bits.
        "integer" | "bigint" => Kind::Big,
        "double" => Kind::Float,
        "text" => Kind::Text,
        "blob" => Kind::Bytes,
        "timestamp_with_timezone_text" => Kind::Time,
        "jsonb_text" => Kind::Json,
        "uuid_text" => Kind::Uuid,
        other => Kind::Other(other.to_owned()),
    }
}

async fn indexes(test: &TestDatabase, table: &str) -> Vec<Index> {
    let query = format!(
        "SELECT list.name, CAST(\"unique\" AS TEXT), master.sql FROM pragma_index_list('{table}') AS list \
         JOIN sqlite_master AS master ON master.name = list.name WHERE origin <> 'pk'"
    );
    let mut indexes = Vec::new();
    for row in test.texts(&query).await {
        let (name, unique, sql) = (&row[0], row[1] == "1", &row[2]);
        if sql == "-" {
            let columns = format!("SELECT name FROM pragma_index_info('{name}') ORDER BY seqno");
            let columns = test.texts(&columns).await.concat();
            indexes.push(Index { name: None, unique, columns, condition: None });
            continue;
        }
        let start = sql.find('(').unwrap();
        let end = closing(sql, start);
        let condition = sql[end + 1..].trim().strip_prefix("WHERE ").map(str::to_owned);
        let columns = split(&sql[start + 1..end]);
        indexes.push(Index { name: Some(name.clone()), unique, columns, condition });
    }
    indexes
}

async fn references(test: &TestDatabase, table: &str) -> Vec<Reference> {
    let query =
        format!("SELECT \"from\", \"table\", \"to\", on_delete FROM pragma_foreign_key_list('{table}')");
    let rows = test.texts(&query).await.into_iter();
    rows.map(|row| {
        let [column, to_table, to_column, on_delete] = <[String; 4]>::try_from(row).unwrap();
        Reference { column, to_table, to_column, on_delete, name: None }
    })
    .collect()
}

fn checks(sql: &str, columns: &[&str]) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut from = 0;
    while let Some(found) = sql[from..].find("CHECK (") {
        let start = from + found + "CHECK ".len();
        let end = closing(sql, start);
        let text = &sql[start + 1..end];
        let words: Vec<&str> = text
            .split('\'')
            .step_by(2)
            .flat_map(|outside| outside.split(|letter: char| !letter.is_alphanumeric() && letter != '_'))
            .collect();
        let mut named: Vec<String> =
            columns.iter().filter(|column| words.contains(column)).map(|&column| column.to_owned()).collect();
        named.sort();
        let told_as = match text.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
            Some((name, _)) => format!("CHECK constraint failed: {name}"),
            None => format!("CHECK constraint failed: {text}"),
        };
        checks.push(Check { columns: named, values: literals(text), told_as });
        from = end;
    }
    checks
}

/// Returns the position at which the bracket opened at `start` closes; skips quoted text.
fn closing(sql: &str, start: usize) -> usize {
    let (mut depth, mut quoted) = (0, false);
    for (place, letter) in sql.char_indices().skip_while(|(place, _)| *place < start) {
        match letter {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return place;
                }
            }
            _ => {}
        }
    }
    panic!("no closing bracket in {sql}")
}

/// Splits a list at its outer commas, and removes the quotes of names.
fn split(list: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for letter in list.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        match parts.last_mut() {
            Some(part) if letter != ',' || depth > 0 => part.push(letter),
            _ => parts.push(String::new()),
        }
    }
    parts.into_iter().map(|part| part.trim().replace('"', "")).collect()
}
