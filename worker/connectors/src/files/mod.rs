//! Files with one record per row: CSV.
//!
//! A file is read page by page and rewritten as a whole, so that a reader never sees half a write. The id of a row is
//! its key column, which makes every create safe to repeat.

mod dialect;
mod error;
mod form;
mod header;
mod list;
mod location;
mod look;
mod read;
mod record;
mod replace;
mod row;
mod scope;
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
    list::CsvListing,
    location::{Location, patiently},
    replace::Replaced,
    row::Outcome,
    scope::FileScope,
};
use crate::{
    answers::{found, none_sent},
    look::Look,
    named::{Named, Outside},
    platform::{Opening, Platform},
    scope::ScopeError,
};

const PAGE: usize = 500;
const ATTEMPTS: usize = 3;
const BETWEEN: Duration = Duration::from_millis(100);

/// The registry's entry point.
pub(crate) struct Files;

#[async_trait]
impl Platform for Files {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn aliases(&self) -> &'static [&'static str] {
        &["files"]
    }

    fn keys(&self) -> Option<&'static [Key]> {
        Some(scope::KEYS)
    }

    async fn look(&self, opening: &Opening<'_>) -> Result<Look, ConnectorError> {
        look::look(&FileScope::parse(opening.scope)?)
    }

    fn check(&self, scope: &Json) -> Result<(), ScopeError> {
        FileScope::parse(scope).map(|_| ())
    }

    fn declare(&self, _: &str, scope: &Json) -> Result<Capabilities, ScopeError> {
        FileScope::parse(scope).map(|scope| capabilities(&scope))
    }

    fn names(&self, scope: &Json) -> Result<Vec<Named>, ScopeError> {
        Ok(vec![Named::new("path", Outside::File(FileScope::parse(scope)?.path))])
    }

    fn resolve(&self, scope: &mut Json, base_dir: &Path) {
        scope::resolve(scope, base_dir);
    }

    async fn open(&self, opening: &Opening<'_>, call: &Call<'_>) -> Result<Box<dyn Place>, ConnectorError> {
        let scope = FileScope { mapped: opening.fields.to_vec(), ..FileScope::parse(opening.scope)? };
        // Report a missing file or missing columns before a run rather than during it.
        let file = CsvFile::new(scope);
        file.fields(call).await?;
        Ok(Box::new(file))
    }
}

struct CsvFile {
    place: Arc<Location>,
    capabilities: Capabilities,
}

fn capabilities(scope: &FileScope) -> Capabilities {
    Capabilities {
        platform: "csv",
        key_field: Some(scope.key.clone()),
        snapshot: true,
        incremental: false,
        list_page: PAGE,
        fetch_batch: PAGE,
        create_batch: 2000,
        update_batch: 2000,
        find_batch: None,
        prefers_large_batches: true,
        create_idempotency: CreateIdempotency::Native,
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

impl CsvFile {
    fn new(scope: FileScope) -> Self {
        let capabilities = capabilities(&scope);
        Self { place: Arc::new(Location::new(scope)), capabilities }
    }
}

#[async_trait]
impl Place for CsvFile {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn fields(&self, _: &Call<'_>) -> Result<Vec<FieldInfo>, ConnectorError> {
        let columns = match self.place.columns() {
            Some(columns) => columns,
            None => {
                let place = self.place.clone();
                blocking(move || place.look()).await?
            }
        };
        let field = |name| FieldInfo { name, type_name: "text".to_owned(), writable: true };
        Ok(columns.into_iter().map(field).collect())
    }

    async fn list(
        &self,
        mode: ReadMode,
        _: Option<Position>,
        _: &Call<'_>,
    ) -> Result<Box<dyn Listing>, ConnectorError> {
        if mode != ReadMode::Full {
            let path = self.place.scope.path.display();
            return Err(ConnectorError::permanent(format!("{path}: a file is always read as a whole")));
        }
        Ok(Box::new(CsvListing::new(self.place.clone())))
    }

    async fn fetch(&self, ids: &[String], call: &Call<'_>) -> Vec<(String, Result<Found, ConnectorError>)> {
        found(ids, self.rows(ids, call).await)
    }

    async fn probe(&self, markers: &[Marker], call: &Call<'_>) -> Result<Vec<Probed>, ConnectorError> {
        let ids: Vec<String> =
            markers.iter().map(|marker| marker.id.as_ref().unwrap_or(&marker.text).clone()).collect();
        let found = self.rows(&ids, call).await?;
        let row = |id: &String| found.iter().find(|item| item.id == *id).cloned();
        Ok(ids.iter().map(|id| row(id).map_or(Probed::Absent, Probed::Found)).collect())
    }

    fn accepts(&self, field: &str, value: &Value) -> Result<(), String> {
        self.place.accepts(field, value)
    }

    async fn write(&self, writes: &[Write], call: &Call<'_>) -> Vec<Written> {
        match self.rewrite(writes, call).await {
            Ok(outcomes) => outcomes.into_iter().map(Written::from).collect(),
            // The file is replaced in one step, which has not happened.
            Err(error) => none_sent(writes, error),
        }
    }
}

impl CsvFile {
    /// The rows with these ids.
    async fn rows(&self, ids: &[String], call: &Call<'_>) -> Result<Vec<Item>, ConnectorError> {
        call.meter.count();
        let (place, ids) = (self.place.clone(), ids.to_vec());
        blocking(move || place.fetch(&ids)).await
    }

    /// Carries out all writes in one rewrite of the file. An error means that the file is as it was.
    async fn rewrite(&self, writes: &[Write], call: &Call<'_>) -> Result<Vec<Outcome>, ConnectorError> {
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let writes: Arc<[Write]> = writes.into();
        for _ in 0..ATTEMPTS {
            call.meter.count();
            let (place, writes, now) = (self.place.clone(), writes.clone(), call.now);
            let prepare = move || {
                patiently(|| write::prepare(&place.scope, &writes, now)).map_err(|error| place.passing(error))
            };
            let prepared = blocking(prepare).await?;
            let Some(finished) = prepared.finished else { return Ok(prepared.results) };
            match finished.rename(prepared.began, call.leave)? {
                Replaced::Done(identity) => {
                    self.place.remember(identity, prepared.index);
                    return Ok(prepared.results);
                }
                Replaced::Edited => tracing::debug!(
                    path = %self.place.scope.path.display(),
                    "the file was edited while it was rewritten; trying again"
                ),
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Err(ConnectorError::conflict(format!(
            "{}: another program keeps editing the file; tried {ATTEMPTS} times, nothing was written",
            self.place.scope.path.display()
        )))
    }
}

/// Runs blocking work on a thread where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConnectorError> + Send + 'static,
) -> Result<T, ConnectorError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(ConnectorError::transient(format!("reading a file was cut short: {error}")))
    })
}
