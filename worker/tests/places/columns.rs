//! The columns of files and tables, of every type.

use crate::{
    draw::Draw,
    meaning::Sort,
    pair::{Column, Field, Kind, Role},
    values::LABELS,
};

/// A column with nothing special about it.
pub(crate) fn plain(name: &str, role: Role, sort: Sort, declared: &str) -> Column {
    Column {
        name: name.to_owned(),
        role,
        sort,
        declared: declared.to_owned(),
        not_null: false,
        default: None,
        unique: false,
        deferred: false,
        check: None,
        generated: None,
        copies: 1,
    }
}

/// The column of a mapped field.
pub(crate) fn field(
    kind: Kind,
    name: String,
    position: usize,
    field: &Field,
    strict: bool,
    draw: &mut Draw,
) -> Column {
    let declared = match kind {
        Kind::Csv => "",
        Kind::Sqlite => sqlite_type(field.sort, strict, draw),
        Kind::Postgres => postgres_type(field.sort, draw),
    };
    let mut column = plain(&name, Role::Field(position), field.sort, declared);
    if kind == Kind::Csv {
        if field.sort == Sort::List && draw.chance(50) {
            column.copies = 2 + draw.below(2);
        }
        return column;
    }
    if field.renamed || field.sort == Sort::Parent {
        column.declared = "TEXT".to_owned();
        return column;
    }
    let quoted = quoted(&name);
    column.deferred = kind == Kind::Postgres && draw.chance(40);
    match draw.below(20) {
        0 | 1 => column.not_null = true,
        2 => {
            column.not_null = true;
            column.default = default(field.sort, kind, declared);
        }
        3 => column.default = default(field.sort, kind, declared),
        4 => column.unique = field.sort != Sort::Json && !declared.starts_with("json"),
        5 | 6 => column.check = check(field.sort, kind, declared, &quoted),
        8 => column.unique = field.sort == Sort::Text,
        7 if field.sort == Sort::Text && matches!(declared, "TEXT" | "text") => {
            column.generated = Some("upper(tag)".to_owned());
        }
        _ => {}
    }
    column
}

fn sqlite_type(sort: Sort, strict: bool, draw: &mut Draw) -> &'static str {
    let types: &[&str] = match (sort, strict) {
        (Sort::Whole, false) => &[
            "INTEGER",
            "INT",
            "BIGINT",
            "SMALLINT",
            "UNSIGNED BIG INT",
            "NUMERIC",
            "DECIMAL(10,0)",
            "REAL",
            "TEXT",
        ],
        (Sort::Whole, true) => &["INTEGER", "INT", "REAL", "TEXT", "ANY"],
        (Sort::Decimal, false) => {
            &["REAL", "DOUBLE PRECISION", "FLOAT", "NUMERIC", "DECIMAL(10,2)", "TEXT", "INTEGER"]
        }
        (Sort::Decimal, true) => &["REAL", "TEXT", "ANY"],
        (Sort::Flag, false) => &["BOOLEAN", "BOOL", "INTEGER", "TEXT"],
        (Sort::Flag, true) => &["INTEGER", "TEXT"],
        (Sort::Day, false) => &["DATE", "TEXT", "VARCHAR(10)"],
        (Sort::Moment, false) => &["DATETIME", "TIMESTAMP", "TEXT", "INTEGER"],
        (Sort::Json, false) => &["JSON", "TEXT"],
        (Sort::Uuid, false) => &["TEXT", "UUID", "CHAR(36)"],
        (Sort::Text, false) => {
            &["TEXT", "TEXT", "VARCHAR(20)", "CHAR(10)", "CLOB", "NVARCHAR(100)", "", "NUMERIC"]
        }
        (Sort::Text, true) => &["TEXT", "ANY"],
        _ => &["TEXT"],
    };
    draw.pick(types)
}

/// Not among them: `timestamp(2)`, `time(n)` and `interval(n)`, which round what is finer; the product does not know these
/// limits.
fn postgres_type(sort: Sort, draw: &mut Draw) -> &'static str {
    let types: &[&str] = match sort {
        Sort::Text => &["text", "text", "varchar(40)", "varchar", "char(12)", "short_text"],
        Sort::Whole => &[
            "smallint",
            "integer",
            "bigint",
            "numeric",
            "numeric(10,0)",
            "real",
            "double precision",
            "text",
            "whole",
        ],
        Sort::Decimal => {
            &["numeric(8,2)", "numeric(12,4)", "numeric", "real", "double precision", "text", "integer"]
        }
        Sort::Flag => &["boolean", "boolean", "text"],
        Sort::Day => &["date", "text"],
        Sort::Moment => &["timestamp", "timestamptz", "timestamp(3)", "timestamptz(0)", "text"],
        Sort::Json => &["json", "jsonb", "text"],
        Sort::List => &["text[]", "jsonb", "varchar(20)[]"],
        Sort::Uuid => &["uuid", "text"],
        Sort::Label => &["label", "text"],
        Sort::Inet => &["inet", "text"],
        Sort::Interval => &["interval", "text"],
        Sort::Clock => &["time", "text"],
        Sort::Parent => &["text"],
    };
    draw.pick(types)
}

fn is_text(declared: &str) -> bool {
    ["TEXT", "VARCHAR(20)", "CLOB", "NVARCHAR(100)", "text", "varchar(40)", "varchar"].contains(&declared)
}

fn default(sort: Sort, kind: Kind, declared: &str) -> Option<String> {
    let default = match sort {
        Sort::Text if is_text(declared) => "'none'",
        Sort::Whole | Sort::Decimal if !is_text(declared) => "7",
        Sort::Flag if declared == "boolean" => "false",
        Sort::Flag if kind == Kind::Sqlite && declared != "TEXT" => "0",
        Sort::Day => "'2001-02-03'",
        Sort::Moment if declared != "INTEGER" => "'2001-02-03 04:05:06'",
        Sort::Label => "'open'",
        _ => return None,
    };
    Some(default.to_owned())
}

fn check(sort: Sort, kind: Kind, declared: &str, name: &str) -> Option<String> {
    match sort {
        Sort::Text if is_text(declared) => Some(format!("length({name}) < 15")),
        Sort::Whole | Sort::Decimal if kind == Kind::Postgres && declared != "text" => {
            Some(format!("{name} > 20"))
        }
        Sort::Whole | Sort::Decimal if kind == Kind::Sqlite && declared != "TEXT" => {
            Some(format!("{name} > 20"))
        }
        Sort::Label => Some(format!("{name} IN ('{}')", LABELS.join("', '"))),
        _ => None,
    }
}

/// The column that says when a row was changed.
pub(crate) fn modified(kind: Kind, strict: bool, draw: &mut Draw) -> Column {
    let declared = match kind {
        Kind::Csv => "",
        Kind::Sqlite if strict => "TEXT",
        Kind::Sqlite => draw.pick(&["TEXT", "DATETIME", "TIMESTAMP"]),
        Kind::Postgres => draw.pick(&["timestamp", "timestamptz", "text"]),
    };
    plain("changed at", Role::Modified, Sort::Moment, declared)
}

pub(crate) fn marker() -> Column {
    Column { unique: true, ..plain("sync_marker", Role::Marker, Sort::Text, "TEXT") }
}

/// An unmapped column.
pub(crate) fn other(kind: Kind, number: usize, strict: bool, draw: &mut Draw) -> Column {
    let name = format!("other {number}");
    let mut column = plain(&name, Role::Other, Sort::Text, "TEXT");
    match kind {
        Kind::Csv => {
            column.declared = String::new();
            // Names of columns that are not mapped need not be there, nor be one column's own.
            column.name = draw.pick(&["Labels", "", "Comment", "\u{feff}odd", "Labels"]).to_owned();
            column.copies = 1 + draw.below(3);
        }
        Kind::Sqlite => match draw.below(4) {
            0 => column.declared = "BLOB".to_owned(),
            1 => column.generated = Some("length(tag) + 1".to_owned()),
            2 => column.default = Some("'kept'".to_owned()),
            _ if strict => {}
            _ => column.declared = "NUMERIC DEFAULT 3".to_owned(),
        },
        Kind::Postgres => match draw.below(4) {
            0 => column.declared = "bytea".to_owned(),
            1 => column.generated = Some("upper(tag)".to_owned()),
            2 => column.declared = "integer[]".to_owned(),
            _ => column.declared = "text DEFAULT 'kept'".to_owned(),
        },
    }
    column
}

/// A name as SQL writes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
