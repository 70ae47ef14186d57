//! Reads PostgreSQL's schema from its catalogues.

use std::collections::BTreeMap;

use super::{Check, Column, Index, Kind, Reference, Table, literals};
use crate::support::TestDatabase;

pub(super) const PRINTED: &str = "\
    SELECT 'column', relname, attname, format_type(atttypid, atttypmod), CAST(attnotnull AS text), \
        CAST(attidentity AS text), coalesce(pg_get_expr(adbin, adrelid), '') \
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid \
        LEFT JOIN pg_attrdef ON adrelid = pg_class.oid AND adnum = attnum \
    WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r' AND attnum > 0 \
        AND NOT attisdropped AND relname <> 'syncline_migrations' \
    UNION ALL SELECT 'place', relname, string_agg(attname, ', ' ORDER BY attnum), '', '', '', '' \
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid \
    WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r' AND attnum > 0 \
        AND NOT attisdropped AND relname <> 'syncline_migrations' GROUP BY relname \
    UNION ALL SELECT 'constraint', CAST(CAST(conrelid AS regclass) AS text), conname, \
        pg_get_constraintdef(oid), '', '', '' \
    FROM pg_constraint WHERE connamespace = CAST(current_schema() AS regnamespace) \
        AND CAST(CAST(conrelid AS regclass) AS text) <> 'syncline_migrations' \
    UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '', '' \
    FROM pg_indexes WHERE schemaname = current_schema() AND tablename <> 'syncline_migrations' \
    UNION ALL SELECT 'trigger', CAST(CAST(tgrelid AS regclass) AS text), tgname, pg_get_triggerdef(oid), '', '', '' \
    FROM pg_trigger WHERE NOT tgisinternal \
    UNION ALL SELECT 'function', proname, pg_get_functiondef(oid), '', '', '', '' \
    FROM pg_proc WHERE pronamespace = CAST(current_schema() AS regnamespace) \
    UNION ALL SELECT 'sequence', sequencename, '', '', '', '', '' \
    FROM pg_sequences WHERE schemaname = current_schema() \
    ORDER BY 1, 2, 3, 4";

const COLUMNS: &str = "\
    SELECT relname, attname, format_type(atttypid, atttypmod), CAST(attnotnull AS text), \
        CAST(adbin IS NOT NULL OR attidentity <> '' AS text), CAST(attidentity <> '' AS text) \
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid \
        LEFT JOIN pg_attrdef ON adrelid = pg_class.oid AND adnum = attnum \
    WHERE relnamespace = CAST(current_schema() AS regnamespace) AND relkind = 'r' AND attnum > 0 \
        AND NOT attisdropped ORDER BY relname, attnum";

const CONSTRAINTS: &str = "\
    SELECT relname, CAST(contype AS text), conname, pg_get_constraintdef(pg_constraint.oid), \
        (SELECT string_agg(attname, ',' ORDER BY place) FROM unnest(conkey) WITH ORDINALITY AS keys (num, place) \
            JOIN pg_attribute ON attrelid = conrelid AND attnum = num), \
        coalesce(CAST(nullif(confrelid, 0) AS regclass)::text, ''), \
        coalesce((SELECT attname FROM pg_attribute WHERE attrelid = confrelid AND attnum = confkey[1]), ''), \
        CAST(confdeltype AS text) \
    FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid \
    WHERE connamespace = CAST(current_schema() AS regnamespace) AND contype IN ('p', 'u', 'f', 'c')";

const INDEXES: &str = "\
    SELECT tables.relname, indexes.relname, CAST(indisunique AS text), \
        (SELECT string_agg(pg_get_indexdef(indexrelid, place, true) \
                || CASE WHEN indoption[place - 1] & 1 = 1 THEN ' DESC' ELSE '' END, chr(10) ORDER BY place) \
            FROM generate_series(1, CAST(indnkeyatts AS integer)) AS places (place)), \
        pg_get_expr(indpred, indrelid, true) \
    FROM pg_index JOIN pg_class AS indexes ON indexes.oid = indexrelid \
        JOIN pg_class AS tables ON tables.oid = indrelid \
    WHERE tables.relnamespace = CAST(current_schema() AS regnamespace) \
        AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))";

pub(super) async fn tables(test: &TestDatabase) -> Vec<Table> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for row in test.texts(COLUMNS).await {
        let new = || Table { name: row[0].clone(), ..Table::default() };
        tables.entry(row[0].clone()).or_insert_with(new).columns.push(Column {
            name: row[1].clone(),
            kind: kind(&row[2]),
            nullable: row[3] == "false",
            filled: row[4] == "true",
            counted: row[5] == "true",
        });
    }
    for row in test.texts(CONSTRAINTS).await {
        let [table, kind, name, text, columns, to_table, to_column, on_delete] =
            <[String; 8]>::try_from(row).unwrap();
        let table = tables.get_mut(&table).unwrap();
        let columns: Vec<String> = columns.split(',').map(str::to_owned).collect();
        match kind.as_str() {
            "p" => table.key = columns,
            "u" => table.indexes.push(Index { name: None, unique: true, columns, condition: None }),
            "f" => table.references.push(Reference {
                column: columns.concat(),
                to_table,
                to_column,
                on_delete: action(&on_delete).to_owned(),
                name: Some(name),
            }),
            _ => {
                let mut columns = columns;
                columns.sort();
                table.checks.push(Check { columns, values: literals(&text), told_as: name });
            }
        }
    }
    for row in test.values(INDEXES).await {
        let [table, name, unique, columns, condition] = <[Option<String>; 5]>::try_from(row).unwrap();
        tables.get_mut(&table.unwrap()).unwrap().indexes.push(Index {
            name,
            unique: unique.unwrap() == "true",
            columns: columns.unwrap().lines().map(str::to_owned).collect(),
            condition,
        });
    }
    tables.into_values().collect()
}

fn action(letter: &str) -> &'static str {
    match letter {
        "a" => "NO ACTION",
        "r" => "RESTRICT",
        "c" => "CASCADE",
        "n" => "SET NULL",
        _ => "SET DEFAULT",
    }
}

fn kind(declared: &str) -> Kind {
    match declared {
        "boolean" => Kind::Bool,
        "smallint" => Kind::Small,
        "integer" => Kind::Int,
        "bigint" => Kind::Big,
        "double precision" => Kind::Float,
        "text" => Kind::Text,
        "bytea" => Kind::Bytes,
        "timestamp with time zone" => Kind::Time,
        "jsonb" => Kind::Json,
        "uuid" => Kind::Uuid,
        other => Kind::Other(other.to_owned()),
    }
}
