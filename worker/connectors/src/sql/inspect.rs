//! Reads a table's description from the database.

use syncline_engine::{nearest::alternatives, ports::ConnectorError};

use super::{
    column::{Column, Kind, length_of},
    convert::stamp_of,
    db::{Db, Dialect, Raw},
    rules::{self, Rules},
    scope::SqlScope,
    table::{Table, quoted},
};
use crate::look::{Look, LookColumn};

/// The description from the catalogue, before the scope's columns are looked up in it.
struct Found {
    columns: Vec<Column>,
    /// Columns that are unique by themselves.
    unique: Vec<String>,
    /// A column that the database numbers increasingly without a declared default.
    numbered: Option<String>,
    /// Views declare no unique columns.
    is_view: bool,
    /// All columns hold stored values (SQLite).
    is_stored: bool,
    rules: Rules,
}

/// The table's name as people write it, and its description from the catalogue.
async fn found(db: &Db, scope: &SqlScope) -> Result<(String, Found), ConnectorError> {
    let shown = match &scope.schema {
        Some(schema) => format!("{schema}.{}", scope.table),
        None => scope.table.clone(),
    };
    let found = match db.dialect() {
        Dialect::Sqlite => sqlite(db, scope).await?,
        Dialect::Postgres => postgres(db, scope).await?,
    };
    match found {
        Some(found) => Ok((shown, found)),
        None => Err(no_table(db, &shown).await?),
    }
}

/// Describes the table, whichever key the scope names.
pub(super) async fn look(db: &Db, scope: &SqlScope) -> Result<Look, ConnectorError> {
    let (_, found) = found(db, scope).await?;
    let columns = found.columns.iter().filter(|column| column.kind != Kind::Binary);
    let column = |column: &Column| LookColumn {
        name: column.name.clone(),
        field_type: column.kind.field_type(),
        writable: column.writable,
    };
    let columns: Vec<LookColumn> = columns.map(column).collect();
    let keys = match found.is_view {
        true => columns.iter().map(|column| column.name.clone()).collect(),
        false => found.unique,
    };
    Ok(Look { columns, keys, ..Look::default() })
}

/// Reads the table's columns and finds those that the scope names.
pub(super) async fn table(db: &Db, scope: &SqlScope) -> Result<Table, ConnectorError> {
    let (shown, mut found) = found(db, scope).await?;
    let label = format!("{}, table {shown}", db.label);
    // Bytes become no field, and reading them would be wasted effort.
    let binary: Vec<Column> = found.columns.extract_if(.., |column| column.kind == Kind::Binary).collect();
    let names: Vec<&str> = found.columns.iter().map(|column| column.name.as_str()).collect();
    let find = |name: &str, field: &str| {
        if let Some(column) = binary.iter().find(|column| column.name == name) {
            let what =
                format!("the column {name:?} holds bytes ({}), so it cannot be `{field}`", column.type_name);
            return Err(ConnectorError::permanent(format!("{label}: {what}")));
        }
        names.iter().position(|column| *column == name).ok_or_else(|| {
            ConnectorError::permanent(format!(
                "{label}: there is no column {name:?}, which `{field}` names; {}",
                alternatives(name, names.iter().copied(), "the columns are")
            ))
        })
    };
    let optional = |name: &Option<String>, field| name.as_deref().map(|name| find(name, field)).transpose();
    let key = find(&scope.key, "key")?;
    if !found.is_view && !found.unique.contains(&scope.key) {
        return Err(ConnectorError::permanent(format!(
            "{label}: the key column {:?} is not unique; make it the primary key or add a unique index on it",
            scope.key
        )));
    }
    let name = match &scope.schema {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(&scope.table)),
        None => quoted(&scope.table),
    };
    let (modified, version, marker) = (
        optional(&scope.modified, "modified")?,
        optional(&scope.version, "version")?,
        optional(&scope.marker, "marker")?,
    );
    let numbered = found.numbered.as_ref() == Some(&scope.key);
    let mut table = Table {
        dialect: db.dialect(),
        label,
        name,
        key,
        modified,
        version,
        marker,
        listed: vec![true; found.columns.len()],
        is_stored: found.is_stored,
        key_assigned: numbered || found.columns[key].has_default,
        key_nullable: !numbered && !found.columns[key].not_null,
        spelling: found.rules.spelling,
        unique: Vec::new(),
        replaces: found.rules.replaces,
        no_insert: found.rules.no_insert,
        triggers: found.rules.triggers,
        sequence: found.rules.sequence,
        columns: found.columns,
    };
    let positions = |names: &Vec<String>| names.iter().map(|name| table.position(name)).collect();
    let unique: Vec<Option<Vec<usize>>> = found.rules.unique.iter().map(positions).collect();
    table.unique = unique.into_iter().flatten().filter(|columns| *columns != [table.key]).collect();
    learn_stamps(db, &mut table).await?;
    Ok(table)
}

async fn no_table(db: &Db, shown: &str) -> Result<ConnectorError, ConnectorError> {
    let sql = match db.dialect() {
        Dialect::Sqlite => {
            "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' \
             ESCAPE '\\' ORDER BY name LIMIT 20"
        }
        Dialect::Postgres => {
            "SELECT CASE WHEN schemaname = current_schema() THEN '' ELSE schemaname || '.' END || tablename FROM \
             pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1 LIMIT 20"
        }
    };
    if db.dialect() == Dialect::Postgres {
        let closed = "SELECT quote_ident(schemaname), current_user::text FROM pg_tables WHERE (tablename = $1 OR \
                      schemaname || '.' || tablename = $1) AND NOT has_schema_privilege(schemaname, 'USAGE') LIMIT 1";
        if let Some(row) = db.rows(closed.to_owned(), &[Raw::Text(shown.to_owned())]).await?.first() {
            let (schema, role) = (text(row, 0), text(row, 1));
            return Ok(ConnectorError::permanent(format!(
                "{}: the role may not use the schema {schema}, which has a table {shown}; as its owner, run: GRANT USAGE ON \
                 SCHEMA {schema} TO {role}",
                db.label
            )));
        }
    }
    let names: Vec<String> = db.rows(sql.to_owned(), &[]).await?.iter().map(|row| text(row, 0)).collect();
    let others =
        if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
    Ok(ConnectorError::permanent(format!("{}: there is no table {shown}; {others}", db.label)))
}

async fn sqlite(db: &Db, scope: &SqlScope) -> Result<Option<Found>, ConnectorError> {
    let schema = scope.schema.clone().unwrap_or_else(|| "main".to_owned());
    let at = [Raw::Text(scope.table.clone()), Raw::Text(schema)];
    let list = "SELECT type, wr FROM pragma_table_list($1) WHERE schema = $2";
    let lists = db.rows(list.to_owned(), &at).await?;
    let Some(list) = lists.first() else { return Ok(None) };
    let info = "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo($1, $2)";
    let rows = db.rows(info.to_owned(), &at).await?;
    let keys: Vec<&Vec<Raw>> = rows.iter().filter(|row| row[4] != Raw::Int(0)).collect();
    let only_key = if let [row] = keys.as_slice() { Some(*row) } else { None };
    // Such a column is the rowid under another name: https://www.sqlite.org/lang_createtable.html#rowid
    let numbered =
        only_key.filter(|row| text(row, 1).eq_ignore_ascii_case("integer") && list[1] == Raw::Int(0));
    let columns = rows
        .iter()
        // Hidden columns of virtual tables are not part of a row.
        .filter(|row| row[5] != Raw::Int(1))
        .map(|row| Column {
            name: text(row, 0),
            type_name: text(row, 1),
            cast: String::new(),
            kind: Kind::of_sqlite(&text(row, 1)),
            not_null: row[2] == Raw::Int(1),
            has_default: row[3] != Raw::Null,
            writable: row[5] == Raw::Int(0),
            stamp: None,
            labels: Vec::new(),
            length: None,
        })
        .collect();
    let unique = "SELECT min(c.name) FROM pragma_index_list($1, $2) AS i, pragma_index_info(i.name, $2) AS c WHERE \
                  i.\"unique\" = 1 AND i.partial = 0 GROUP BY i.name HAVING count(*) = 1";
    let mut unique: Vec<String> =
        db.rows(unique.to_owned(), &at).await?.iter().map(|row| text(row, 0)).collect();
    unique.extend(only_key.map(|row| text(row, 0)));
    let numbered = numbered.map(|row| text(row, 0));
    let rules = rules::sqlite(db, &at, &scope.key).await?;
    let is_stored = text(list, 0) == "table" && rows.iter().all(|row| row[5] == Raw::Int(0));
    Ok(Some(Found { columns, unique, numbered, is_view: text(list, 0) == "view", is_stored, rules }))
}

async fn postgres(db: &Db, scope: &SqlScope) -> Result<Option<Found>, ConnectorError> {
    let name = match &scope.schema {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(&scope.table)),
        None => quoted(&scope.table),
    };
    let relation = "SELECT oid::text, relkind::text FROM pg_class WHERE oid = to_regclass($1) AND relkind IN ('r', \
                    'p', 'v', 'm', 'f')";
    let relations = db.rows(relation.to_owned(), &[Raw::Text(name)]).await?;
    let Some(relation) = relations.first() else { return Ok(None) };
    let oid = [relation[0].clone()];
    // -1 requests the type without a length: a cast to varchar(3) would cut a longer text silently, where an assignment
    // refuses it.
    let columns = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), format_type(a.atttypid, -1), \
                   CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) \
                   ELSE format_type(a.atttypid, a.atttypmod) END, (a.attnotnull OR t.typnotnull)::text, \
                   (a.atthasdef OR a.attidentity <> '')::text, \
                   (a.attgenerated <> '' OR a.attidentity = 'a')::text, \
                   (SELECT string_agg(enumlabel, E'\\n' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = CASE \
                   WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END) \
                   FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
                   WHERE a.attrelid = $1::text::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let is = |row: &[Raw], position| text(row, position) == "true";
    let columns = db
        .rows(columns.to_owned(), &oid)
        .await?
        .iter()
        .map(|row| Column {
            name: text(row, 0),
            type_name: text(row, 1),
            cast: text(row, 2),
            kind: Kind::of_postgres(&text(row, 3)),
            not_null: is(row, 4),
            has_default: is(row, 5),
            writable: !is(row, 6),
            stamp: None,
            labels: text(row, 7).lines().map(ToOwned::to_owned).collect(),
            length: length_of(&text(row, 3)),
        })
        .collect();
    let unique = "SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = \
                  i.indkey[0] WHERE i.indrelid = $1::text::oid AND i.indisunique AND i.indisvalid AND i.indnkeyatts \
                  = 1 AND i.indpred IS NULL";
    let unique = db.rows(unique.to_owned(), &oid).await?.iter().map(|row| text(row, 0)).collect();
    let is_view = ["v", "m", "f"].contains(&text(relation, 1).as_str());
    let rules = rules::postgres(db, &relation[0], &scope.key).await?;
    Ok(Some(Found { columns, unique, numbered: None, is_view, is_stored: false, rules }))
}

/// Learns how times are written in columns whose type does not determine it.
async fn learn_stamps(db: &Db, table: &mut Table) -> Result<(), ConnectorError> {
    for position in 0..table.columns.len() {
        let column = &table.columns[position];
        let is_time = matches!(column.kind, Kind::DateTime(_)) && table.dialect == Dialect::Sqlite;
        let settled = matches!(column.kind, Kind::Date)
            || (table.dialect == Dialect::Postgres && matches!(column.kind, Kind::DateTime(_)));
        if !is_time && (table.modified != Some(position) || settled) {
            continue;
        }
        let name = quoted(&column.name);
        let cast = if table.dialect == Dialect::Postgres { "::text" } else { "" };
        // The limit keeps a column that is null everywhere from causing a scan of the whole table.
        let sql = format!(
            "SELECT s.{name}{cast} FROM (SELECT {name} FROM {} LIMIT 1000) AS s WHERE s.{name} IS NOT NULL",
            table.name
        );
        let rows = db.rows(sql, &[]).await?;
        // Rows whose time cannot be parsed are reported by name when they are read.
        let stamp = rows.iter().find_map(|row| stamp_of(&row[0]));
        table.columns[position].stamp = stamp;
    }
    Ok(())
}

pub(super) fn text(row: &[Raw], position: usize) -> String {
    match row.get(position) {
        Some(Raw::Text(text)) => text.clone(),
        Some(Raw::Int(number)) => number.to_string(),
        _ => String::new(),
    }
}
