//! Tables in SQLite and PostgreSQL. Columns are the fields, the key column is the id.

mod batch;
mod column;
mod convert;
mod db;
mod error;
mod inspect;
mod keys;
mod list;
mod names;
mod number;
mod packed;
mod rows;
mod rules;
mod scope;
mod table;
mod values;
mod write;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::Value as Json;
use syncline_engine::{
    Item, Value,
    capability::{Capabilities, ConcurrencyControl, CreateIdempotency, Removal},
    ports::{
        Call, ConnectorError, FieldInfo, Found, Listing, Marker, Place, Position, Probed, ReadMode, Write,
        Written,
    },
    spec::keys::Key,
};

use self::{
    column::Kind,
    db::{Db, Raw},
    list::TableListing,
    scope::SqlScope,
    table::{Row, Table, quoted},
};
use crate::{
    answers::found,
    look::Look,
    named::Named,
    platform::{Opening, Platform},
    scope::ScopeError,
};

const PAGE: usize = 1_000;
/// How far an incremental read reaches back: times may be whole seconds, and a row may be committed a little after its
/// time.
const OVERLAP: Duration = Duration::from_secs(2);

/// The registry's entry point.
pub(crate) struct Sql;

#[async_trait]
impl Platform for Sql {
    fn name(&self) -> &'static str {
        "sql"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["sqlite", "postgres", "postgresql", "table"]
    }

    fn keys(&self) -> Option<&'static [Key]> {
        Some(scope::KEYS)
    }

    async fn look(&self, opening: &Opening<'_>) -> Result<Look, ConnectorError> {
        let scope = SqlScope::parse(opening.scope)?;
        let db = Db::connect(scope.target()?, opening.timeout).await?;
        inspect::look(&db, &scope).await
    }

    fn check(&self, scope: &Json) -> Result<(), ScopeError> {
        SqlScope::parse(scope).map(|_| ())
    }

    fn declare(&self, _: &str, scope: &Json) -> Result<Capabilities, ScopeError> {
        SqlScope::parse(scope).map(|scope| capabilities(&scope))
    }

    fn names(&self, scope: &Json) -> Result<Vec<Named>, ScopeError> {
        SqlScope::parse(scope)?.names()
    }

    fn resolve(&self, scope: &mut Json, base_dir: &Path) {
        scope::resolve(scope, base_dir);
    }

    async fn open(&self, opening: &Opening<'_>, _: &Call<'_>) -> Result<Box<dyn Place>, ConnectorError> {
        let scope = SqlScope::parse(opening.scope)?;
        let db = Db::connect(scope.target()?, opening.timeout).await?;
        let mut table = inspect::table(&db, &scope).await?;
        table.list_only(opening.fields);
        let capabilities = Capabilities {
            create_idempotency: match () {
                () if table.marker.is_some() => CreateIdempotency::Marker,
                () if opening.mapped_key || table.derives_key() => CreateIdempotency::Native,
                // The database numbers new rows, and nothing in the row shows its origin.
                () => CreateIdempotency::None,
            },
            key_field: Some(table.key().name.clone()),
            incremental: table.modified.is_some(),
            ..capabilities(&scope)
        };
        Ok(Box::new(SqlTable { db, table: Arc::new(table), capabilities }))
    }
}

struct SqlTable {
    db: Db,
    table: Arc<Table>,
    capabilities: Capabilities,
}

fn capabilities(scope: &SqlScope) -> Capabilities {
    Capabilities {
        platform: "sql",
        key_field: Some(scope.key.clone()),
        snapshot: true,
        incremental: scope.modified.is_some(),
        list_page: PAGE,
        fetch_batch: PAGE,
        create_batch: PAGE,
        update_batch: PAGE,
        find_batch: None,
        prefers_large_batches: false,
        create_idempotency: if scope.marker.is_some() {
            CreateIdempotency::Marker
        } else {
            CreateIdempotency::Native
        },
        // Each write compares the values in its own transaction, so one that arrives late finds them changed.
        request_timeout: Duration::ZERO,
        marker_visible_after: Duration::ZERO,
        concurrency: ConcurrencyControl::Fields,
        stepwise: &[],
        history: false,
        removals: &[Removal::Delete],
        ids_change: false,
        remote: false,
    }
}

#[async_trait]
impl Place for SqlTable {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn fields(&self, _: &Call<'_>) -> Result<Vec<FieldInfo>, ConnectorError> {
        let fields = self.table.columns.iter().enumerate();
        let fields = fields.filter(|(position, _)| Some(*position) != self.table.marker);
        let field = |(_, column): (_, &column::Column)| FieldInfo {
            name: column.name.clone(),
            type_name: column.type_name.clone(),
            writable: column.writable,
        };
        Ok(fields.map(field).collect())
    }

    async fn list(
        &self,
        mode: ReadMode,
        _: Option<Position>,
        call: &Call<'_>,
    ) -> Result<Box<dyn Listing>, ConnectorError> {
        let (db, table) = (self.db.clone(), self.table.clone());
        Ok(Box::new(match mode {
            ReadMode::Full => TableListing::full(db, table, call.meter).await?,
            ReadMode::Since(cursor) if table.modified.is_some() => TableListing::since(db, table, &cursor)?,
            ReadMode::Since(_) => {
                let label = &table.label;
                let message = format!("{label}: without a `modified` column a table is read as a whole");
                return Err(ConnectorError::permanent(message));
            }
        }))
    }

    async fn fetch(&self, ids: &[String], call: &Call<'_>) -> Vec<(String, Result<Found, ConnectorError>)> {
        found(ids, self.rows_with(ids, call).await)
    }

    async fn probe(&self, markers: &[Marker], call: &Call<'_>) -> Result<Vec<Probed>, ConnectorError> {
        let probed = |item: Option<Item>| item.map_or(Probed::Absent, Probed::Found);
        if let Some(position) = self.table.marker {
            let Some((sql, arguments)) = self.table.select_markers(position, markers, "") else {
                return Ok(Vec::new());
            };
            call.meter.count();
            let rows = self.db.rows(sql, &arguments).await?;
            let rows: Vec<Row> = rows.into_iter().map(|raw| self.table.row(raw)).collect::<Result<_, _>>()?;
            let find = |marker: &Marker| {
                let wanted = Raw::Text(marker.text.clone());
                rows.iter().find(|row| row.raw[position] == wanted).map(|row| row.item.clone())
            };
            return Ok(markers.iter().map(find).map(probed).collect());
        }
        let ids: Vec<Option<String>> = markers
            .iter()
            .map(|marker| marker.id.clone().or_else(|| self.table.derived_key(&marker.text)))
            .collect();
        let wanted: Vec<String> = ids.iter().flatten().cloned().collect();
        let mut found: Vec<Row> = Vec::new();
        if let Some((sql, arguments)) = self.table.select_ids(&wanted, "") {
            call.meter.count();
            let rows = self.db.rows(sql, &arguments).await?;
            found = rows.into_iter().map(|raw| self.table.row(raw)).collect::<Result<_, _>>()?;
        }
        let find = |id: &String| {
            found.iter().find(|row| self.table.same_id(id, &row.item.id)).map(|row| row.item.clone())
        };
        // The database numbers new rows, and nothing in the row shows its origin.
        Ok(ids.iter().map(|id| id.as_ref().map_or(Probed::CannotTell, |id| probed(find(id)))).collect())
    }

    fn canonical_id(&self, id: &str) -> String {
        self.table.canonical(id)
    }

    fn respells_keys(&self) -> bool {
        self.table.respells_keys()
    }

    fn accepts(&self, field: &str, value: &Value) -> Result<(), String> {
        let Some(position) = self.table.position(field) else { return Ok(()) };
        self.table.columns[position].stored(value, self.table.dialect).map(|_| ())
    }

    fn needs(&self, field: &str) -> bool {
        let Some(position) = self.table.position(field).filter(|position| *position != self.table.key) else {
            return false;
        };
        let column = &self.table.columns[position];
        column.not_null && !column.has_default && column.writable
    }

    fn creates(&self, fields: &[&str]) -> Result<(), String> {
        self.table.creates(fields)
    }

    async fn write(&self, writes: &[Write], call: &Call<'_>) -> Vec<Written> {
        write::write(&self.db, &self.table, writes, call).await
    }
}

impl SqlTable {
    /// The rows with these ids.
    async fn rows_with(&self, ids: &[String], call: &Call<'_>) -> Result<Vec<Item>, ConnectorError> {
        let Some((sql, arguments)) = self.table.select_ids(ids, "") else { return Ok(Vec::new()) };
        call.meter.count();
        let rows = self.db.rows(sql, &arguments).await?;
        rows.into_iter().map(|raw| self.table.row(raw).map(|row| row.item)).collect()
    }
}

impl Table {
    /// True if a new row may get an id derived from its marker.
    fn derives_key(&self) -> bool {
        matches!(self.key().kind, Kind::Text | Kind::Uuid | Kind::Any) && self.key().writable
    }

    /// The id derived from a marker.
    fn derived_key(&self, marker: &str) -> Option<String> {
        match self.key().kind {
            _ if !self.derives_key() => None,
            Kind::Uuid => Some(uuid_of(marker)),
            _ => Some(marker.to_owned()),
        }
    }

    /// A statement for the rows with these ids; none if no row can have any of them.
    fn select_ids(&self, ids: &[String], end: &str) -> Option<(String, Vec<Raw>)> {
        let arguments: Vec<Raw> = ids.iter().flat_map(|id| self.key_arguments(id)).collect();
        if arguments.is_empty() {
            return None;
        }
        let mut statement = self.select();
        statement
            .push(" WHERE ")
            .any_of(&format!("t.{}", self.key_compared()), arguments, true, self.key)
            .push(end);
        Some((statement.sql, statement.arguments))
    }

    /// A statement for the rows with these markers.
    fn select_markers(&self, position: usize, markers: &[Marker], end: &str) -> Option<(String, Vec<Raw>)> {
        let arguments: Vec<Raw> = markers.iter().map(|marker| Raw::Text(marker.text.clone())).collect();
        if arguments.is_empty() {
            return None;
        }
        let compared = format!("t.{}", quoted(&self.columns[position].name));
        let mut statement = self.select();
        statement.push(" WHERE ").any_of(&compared, arguments, false, position).push(end);
        Some((statement.sql, statement.arguments))
    }
}

/// A UUID (version 8, made from a hash) derived from a marker.
fn uuid_of(marker: &str) -> String {
    let mut bytes = syncline_engine::hash::Hash::of_bytes(marker.as_bytes()).0;
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}
