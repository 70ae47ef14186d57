//! A sync ready to run: its document parsed, its mapping compiled, its two places opened.

use std::time::Duration;

use sea_orm::{DatabaseConnection, DbErr};
use syncline_accounts::Broker;
use syncline_connectors::{Opening, http::Http, platform};
use syncline_engine::{
    Side,
    mapping::Mapping,
    nearest::alternatives,
    ports::{Call, ConnectorError, Place},
    side::Pair,
    spec::{FieldSpec, SyncSpec},
};
use syncline_service::people;

/// A sync that can run.
pub struct OpenSync {
    pub spec: SyncSpec,
    pub mapping: Mapping,
    pub places: Pair<Box<dyn Place>>,
}

/// Why a sync cannot run.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// This version cannot use its document or its mapping.
    #[error("{0}")]
    Document(String),
    /// Syncline's own database failed.
    #[error("Syncline's database: {0}")]
    Database(#[source] DbErr),
    /// A place could not be opened.
    #[error("{side}: {error}")]
    Place {
        side: Side,
        #[source]
        error: ConnectorError,
    },
}

/// Opens the places of syncs, each with the account that its document names.
#[derive(Debug, Clone, Copy)]
pub struct Opener<'a> {
    /// Syncline's own database, where accounts are.
    pub db: &'a DatabaseConnection,
    pub broker: &'a Broker,
    /// The connections of the process, for places without accounts.
    pub http: Option<&'a Http>,
    /// Timeout of one statement.
    pub timeout: Duration,
}

impl Opener<'_> {
    /// Opens both places of a sync, each with the context of its side.
    pub async fn open(
        &self,
        spec: SyncSpec,
        revision: i64,
        calls: &Pair<Call<'_>>,
    ) -> Result<OpenSync, OpenError> {
        let mapping = people::mapping(self.db, &spec, revision).await.map_err(OpenError::Database)?;
        let mapping = mapping.map_err(|error| OpenError::Document(error.to_string()))?;
        let source = self.open_side(&spec, Side::Source, &calls.source).await?;
        let target = self.open_side(&spec, Side::Target, &calls.target).await?;
        checked(spec, mapping, Pair::new(source, target), calls).await
    }

    async fn open_side(
        &self,
        spec: &SyncSpec,
        side: Side,
        call: &Call<'_>,
    ) -> Result<Box<dyn Place>, OpenError> {
        let (name, scope) = match side {
            Side::Source => (&spec.source_platform, &spec.source),
            Side::Target => (&spec.target_platform, &spec.target),
        };
        let platform = platform(name)
            .ok_or_else(|| OpenError::Document(format!("{side}_platform: there is no platform {name:?}")))?;
        let account = self
            .broker
            .of_place(self.db, &spec.project, platform.name(), scope)
            .await
            .map_err(|error| OpenError::Place { side, error: error.into() })?;
        let scope = serde_json::Value::Object(scope.clone());
        let key = scope.get("key").and_then(|key| key.as_str()).unwrap_or("id").to_owned();
        let name = |field: &FieldSpec| match side {
            Side::Source => field.source_field.clone(),
            Side::Target => field.target_field.clone(),
        };
        let mapped: Vec<String> = spec.field_mappings.iter().map(name).collect();
        let opening = Opening {
            account: account.as_ref(),
            scope: &scope,
            entity: &spec.entity_type,
            fields: &mapped,
            mapped_key: mapped.contains(&key),
            timeout: self.timeout,
            http: self.http,
        };
        platform.open(&opening, call).await.map_err(|error| OpenError::Place { side, error })
    }
}

async fn checked(
    spec: SyncSpec,
    mapping: Mapping,
    places: Pair<Box<dyn Place>>,
    calls: &Pair<Call<'_>>,
) -> Result<OpenSync, OpenError> {
    let mut unknown = Vec::new();
    for side in Side::BOTH {
        unknown.extend(unknown_fields(side, places.get(side).as_ref(), &mapping, calls.get(side)).await?);
    }
    if !unknown.is_empty() {
        return Err(OpenError::Document(unknown.join("\n")));
    }
    for side in Side::BOTH {
        check_removal(side, places.get(side).as_ref(), &spec)?;
    }
    Ok(OpenSync { spec, mapping, places })
}

/// Checks that every mapped field exists: a misspelt one would silently never be synced.
async fn unknown_fields(
    side: Side,
    connector: &dyn Place,
    mapping: &Mapping,
    call: &Call<'_>,
) -> Result<Vec<String>, OpenError> {
    let fields = connector.fields(call).await.map_err(|error| OpenError::Place { side, error })?;
    let known: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let wanted = mapping.rules.iter().map(|rule| rule.field.get(side).as_str());
    let unknown = wanted.filter(|name| !known.is_empty() && !known.contains(name));
    let text = |name: &str| {
        let known = alternatives(name, known.iter().copied(), "its fields are:");
        format!("field_mappings: the {side} has no field {name:?}, which {side}_field names; {known}")
    };
    Ok(unknown.map(text).collect())
}

fn check_removal(side: Side, connector: &dyn Place, spec: &SyncSpec) -> Result<(), OpenError> {
    let Some(wanted) = spec.delete_policy.removal() else { return Ok(()) };
    let capabilities = connector.capabilities();
    if !spec.writes(side) || capabilities.removals.contains(&wanted) {
        return Ok(());
    }
    Err(OpenError::Document(format!(
        "delete_policy: {} cannot {}; it can: ignore{}",
        capabilities.platform,
        spec.delete_policy,
        capabilities.removals.iter().map(|removal| format!(", {}", removal.as_str())).collect::<String>()
    )))
}
