//! Columns and the meaning of their types. No I/O.

use syncline_engine::{spec::FieldType, value::Precision};

use super::number::Limit;
use crate::stamp::Stamp;

/// The kind of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Float,
    /// A 32-bit float.
    Single,
    /// A decimal number, with the limits of its type.
    Decimal(Option<Limit>),
    Text,
    Uuid,
    Date,
    /// With the precision of the type; none if each value has its own.
    DateTime(Option<Precision>),
    Json,
    Array,
    /// Bytes, which become no field.
    Binary,
    /// Any other type, shown as text; in SQLite, any stored value.
    Any,
}

#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    /// The type in the database's own words.
    pub(super) type_name: String,
    /// The type to cast text to (PostgreSQL).
    pub(super) cast: String,
    pub(super) kind: Kind,
    pub(super) not_null: bool,
    pub(super) has_default: bool,
    /// False if the database computes the column.
    pub(super) writable: bool,
    /// The form of the column's times, if the column has its own.
    pub(super) stamp: Option<Stamp>,
    /// The labels of an enumerated type; otherwise empty.
    pub(super) labels: Vec<String>,
    /// The most characters (PostgreSQL; SQLite has no limit).
    pub(super) length: Option<usize>,
}

/// The most characters of a PostgreSQL type: 3 for `character varying(3)`.
pub(super) fn length_of(type_name: &str) -> Option<usize> {
    let rest =
        type_name.strip_prefix("character varying(").or_else(|| type_name.strip_prefix("character("))?;
    rest.strip_suffix(')')?.parse().ok()
}

impl Kind {
    /// The type as which a field of this kind is mapped.
    pub(super) fn field_type(self) -> FieldType {
        match self {
            Kind::Bool => FieldType::Boolean,
            Kind::Int | Kind::Float | Kind::Single | Kind::Decimal(_) => FieldType::Number,
            Kind::Date => FieldType::Date,
            Kind::DateTime(_) => FieldType::DateTime,
            Kind::Json => FieldType::Json,
            Kind::Array => FieldType::Array,
            Kind::Text | Kind::Uuid | Kind::Binary | Kind::Any => FieldType::String,
        }
    }

    /// The kind of a type as SQLite tables declare it, close to
    /// <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>.
    pub(super) fn of_sqlite(declared: &str) -> Kind {
        let declared = declared.to_ascii_uppercase();
        let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
        match () {
            () if has(&["BOOL"]) => Kind::Bool,
            () if declared == "DATE" => Kind::Date,
            () if has(&["DATETIME", "TIMESTAMP"]) => Kind::DateTime(None),
            () if has(&["INT"]) => Kind::Int,
            () if has(&["CHAR", "CLOB", "TEXT", "UUID"]) => Kind::Text,
            () if has(&["BLOB", "BINARY", "BYTEA"]) => Kind::Binary,
            () if has(&["REAL", "FLOA", "DOUB"]) => Kind::Float,
            () if has(&["NUMERIC", "DECIMAL"]) => Kind::Decimal(None),
            () if has(&["JSON"]) => Kind::Json,
            () => Kind::Any,
        }
    }

    /// The kind of a type as PostgreSQL's `format_type` writes it.
    pub(super) fn of_postgres(type_name: &str) -> Kind {
        if type_name.ends_with("[]") {
            return Kind::Array;
        }
        if let Some(rest) = type_name.strip_prefix("timestamp") {
            let digits = rest.strip_prefix('(').and_then(|rest| rest.split(')').next());
            return Kind::DateTime(Some(match digits {
                Some("0") => Precision::Second,
                Some("1" | "2" | "3") => Precision::Milli,
                _ => Precision::Micro,
            }));
        }
        match type_name.split('(').next().unwrap_or_default() {
            "boolean" => Kind::Bool,
            "smallint" | "integer" | "bigint" => Kind::Int,
            "real" => Kind::Single,
            "double precision" => Kind::Float,
            "numeric" => Kind::Decimal(Limit::of(type_name)),
            "text" | "character varying" | "character" | "bpchar" | "citext" | "public.citext" => Kind::Text,
            "uuid" => Kind::Uuid,
            "date" => Kind::Date,
            "json" | "jsonb" => Kind::Json,
            "bytea" => Kind::Binary,
            _ => Kind::Any,
        }
    }
}
