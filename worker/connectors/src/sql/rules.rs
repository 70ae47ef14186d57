//! Reads how the database treats rows: unique indexes, triggers, equal spellings of keys, and the sequence of the key.

use syncline_engine::ports::ConnectorError;

use super::{
    db::{Db, Raw},
    inspect::text,
    keys::{Case, Spelling},
};

/// How a database treats a table's rows.
pub(super) struct Rules {
    pub(super) spelling: Spelling,
    /// The columns of each unique index.
    pub(super) unique: Vec<Vec<String>>,
    pub(super) triggers: Vec<String>,
    /// A constraint (SQLite) deletes conflicting rows.
    pub(super) replaces: bool,
    pub(super) sequence: Option<String>,
    /// The statement that grants the privilege to insert rows, if the role lacks it.
    pub(super) no_insert: Option<String>,
}

/// `at` is the table and its schema.
pub(super) async fn sqlite(db: &Db, at: &[Raw; 2], key: &str) -> Result<Rules, ConnectorError> {
    let columns = "SELECT i.name, x.name, x.coll, i.origin FROM pragma_index_list($1, $2) AS i, \
                   pragma_index_xinfo(i.name, $2) AS x WHERE i.\"unique\" = 1 AND x.key = 1 ORDER BY i.seq, x.seqno";
    let columns = db.rows(columns.to_owned(), at).await?;
    let unique = grouped(&columns);
    // The collation of the key's own index determines which spellings differ.
    let alone = |row: &&Vec<Raw>| unique.iter().any(|names| *names == [text(row, 1)]) && text(row, 1) == key;
    let collations: Vec<String> =
        columns.iter().filter(alone).map(|row| text(row, 2).to_ascii_uppercase()).collect();
    let has = |name: &str| collations.iter().any(|collation| collation == name);
    let spelling =
        Spelling { case: if has("NOCASE") { Case::Ascii } else { Case::Matters }, padded: has("RTRIM") };
    let schema = "SELECT name, type, sql LIKE '%on%conflict%replace%' FROM sqlite_schema WHERE type IN ('table', \
                  'trigger') AND tbl_name = $1 COLLATE NOCASE ORDER BY name";
    let schema = db.rows(schema.to_owned(), &at[..1]).await?;
    let (tables, triggers): (Vec<_>, Vec<_>) = schema.iter().partition(|row| text(row, 1) == "table");
    let triggers = triggers.iter().map(|row| text(row, 0)).collect();
    let replaces = tables.iter().any(|row| row[2] == Raw::Int(1));
    Ok(Rules { spelling, unique, triggers, replaces, sequence: None, no_insert: None })
}

pub(super) async fn postgres(db: &Db, oid: &Raw, key: &str) -> Result<Rules, ConnectorError> {
    let columns = "SELECT i.indexrelid::text, a.attname::text FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS \
                   k(attnum, place), pg_attribute a WHERE i.indrelid = $1::text::oid AND i.indisunique AND k.place <= \
                   i.indnkeyatts AND a.attrelid = i.indrelid AND a.attnum = k.attnum AND i.indexprs IS NULL ORDER BY \
                   i.indexrelid, k.place";
    let unique = grouped(&db.rows(columns.to_owned(), std::slice::from_ref(oid)).await?);
    let triggers = "SELECT tgname::text FROM pg_trigger WHERE tgrelid = $1::text::oid AND NOT tgisinternal AND \
                    tgenabled <> 'D' UNION ALL SELECT rulename::text FROM pg_rewrite WHERE ev_class = \
                    $1::text::oid AND rulename <> '_RETURN' ORDER BY 1";
    let triggers = db.rows(triggers.to_owned(), std::slice::from_ref(oid)).await?;
    let triggers = triggers.iter().map(|row| text(row, 0)).collect();
    let sequence = "SELECT s::text FROM pg_attribute a, pg_get_serial_sequence(a.attrelid::regclass::text, \
                    a.attname::text) AS s WHERE a.attrelid = $1::text::oid AND a.attname = $2 AND NOT a.attisdropped AND \
                    s IS NOT NULL AND has_sequence_privilege(s, 'SELECT') AND has_sequence_privilege(s, 'UPDATE') AND \
                    EXISTS (SELECT 1 FROM pg_sequence WHERE seqrelid = s::regclass AND seqincrement > 0)";
    let at = [oid.clone(), Raw::Text(key.to_owned())];
    let sequence = db.rows(sequence.to_owned(), &at).await?.first().map(|row| text(row, 0));
    let no_insert = "SELECT format('GRANT INSERT ON %s TO %I', $1::text::oid::regclass, current_user) WHERE NOT \
                     has_table_privilege($1::text::oid, 'INSERT') AND NOT has_any_column_privilege($1::text::oid, \
                     'INSERT')";
    let no_insert = db.rows(no_insert.to_owned(), std::slice::from_ref(oid)).await?;
    let no_insert = no_insert.first().map(|row| text(row, 0));
    let spelling = spelling(db, &at).await?;
    Ok(Rules { spelling, unique, triggers, replaces: false, sequence, no_insert })
}

/// Tests a nondeterministic collation for whether it ignores case.
async fn spelling(db: &Db, at: &[Raw]) -> Result<Spelling, ConnectorError> {
    let key = "SELECT format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END, NULL), CASE WHEN NOT \
               c.collisdeterministic THEN format('%I.%I', n.nspname, c.collname) END FROM pg_attribute a JOIN pg_type \
               t ON t.oid = a.atttypid LEFT JOIN pg_collation c ON c.oid = a.attcollation LEFT JOIN pg_namespace n ON \
               n.oid = c.collnamespace WHERE a.attrelid = $1::text::oid AND a.attname = $2 AND a.attnum > 0";
    let rows = db.rows(key.to_owned(), at).await?;
    let Some(row) = rows.first() else { return Ok(Spelling::default()) };
    let type_name = text(row, 0);
    let mut case = if type_name.ends_with("citext") { Case::Ignored } else { Case::Matters };
    if let Raw::Text(collation) = &row[1] {
        let sql = format!("SELECT ('a' COLLATE {collation} = 'A' COLLATE {collation})::text");
        if db.rows(sql, &[]).await?.first().is_some_and(|row| text(row, 0) == "true") {
            case = Case::Ignored;
        }
    }
    Ok(Spelling { case, padded: matches!(type_name.as_str(), "character" | "bpchar") })
}

/// Groups rows of (index, column) by index.
fn grouped(rows: &[Vec<Raw>]) -> Vec<Vec<String>> {
    let mut indexes: Vec<(String, Vec<String>)> = Vec::new();
    for row in rows {
        let (index, column) = (text(row, 0), text(row, 1));
        match indexes.last_mut() {
            Some((last, columns)) if *last == index => columns.push(column),
            _ => indexes.push((index, vec![column])),
        }
    }
    indexes.into_iter().map(|(_, columns)| columns).collect()
}
