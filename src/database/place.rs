//! Inspects the database of DATABASE_URL before anything is created there.

use std::path::PathBuf;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use syncline_migration::{
    tables::{self, Contents},
    words,
};

use super::{open, unreachable};
use crate::{
    config::{DatabaseConfig, DatabaseUrl},
    fault::{Fault, Passes},
};

/// The most tables that a message lists.
const LISTED: usize = 5;

/// The commands that create a database.
const MAKERS: &str = "`syncline apply`, `syncline up` and `syncline migrate up` make one";

/// The location of Syncline's own database, which may not exist yet.
pub(crate) struct Place {
    config: DatabaseConfig,
    /// The file of a SQLite database; none for a server.
    file: Option<PathBuf>,
    found: Found,
    /// The connection, if inspecting the database required the same kind as all other uses.
    db: Option<DatabaseConnection>,
}

/// What was found at the location.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    /// There is no such file.
    Missing,
    Tables(Contents),
}

impl Place {
    /// Inspects the database without creating or changing anything.
    pub(crate) async fn look(config: &DatabaseConfig) -> Result<Place, Fault> {
        let url = &config.url;
        let file = url.file();
        let (found, db) = match &file {
            Some(file) if !file.exists() => (Found::Missing, None),
            Some(_) => (Found::Tables(contents_of_file(url).await?), None),
            None => {
                let db = open(config).await?;
                (Found::Tables(contents(url, &db).await?), Some(db))
            }
        };
        Ok(Place { config: config.clone(), file, found, db })
    }

    /// True if there is no such file.
    pub(crate) fn is_missing(&self) -> bool {
        self.found == Found::Missing
    }

    /// True if there are tables and none of them is Syncline's.
    pub(crate) fn is_foreign(&self) -> bool {
        matches!(self.found, Found::Tables(Contents::Foreign(_)))
    }

    /// Describes what creating Syncline's schema here creates; none if it exists.
    pub(crate) fn made(&self) -> Option<String> {
        match (&self.found, &self.file) {
            (Found::Tables(Contents::Schema), _) => None,
            (Found::Missing, Some(file)) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Some(format!("made {name} in {}", file.parent().unwrap_or(file).display()))
            }
            _ => Some(format!("made Syncline's tables in {}", self.shown())),
        }
    }

    /// Connects to the database, which must have Syncline's schema.
    pub(crate) async fn open_own(self) -> Result<DatabaseConnection, Fault> {
        if self.made().is_none() {
            return self.open().await;
        }
        let shown = self.shown();
        let passes = if self.is_foreign() { Passes::Never } else { Passes::WithAMigration };
        let fault = Fault::usage(match &self.found {
            Found::Missing => format!(
                "there is no Syncline database at {shown}; cd to the folder where you ran `syncline apply`, or set \
                 DATABASE_URL. {MAKERS}"
            ),
            Found::Tables(Contents::Foreign(names)) => format!(
                "{shown} is not a Syncline database: it has other tables ({}) and none of Syncline's; set DATABASE_URL \
                 (or --database-url) to Syncline's own database",
                listed(names)
            ),
            Found::Tables(_) => format!(
                "{shown} has no Syncline schema; set DATABASE_URL (or --database-url) to Syncline's own database. {MAKERS}"
            ),
        });
        Err(fault.passing(passes))
    }

    /// Connects to the database, or creates one. Fails if there are other tables, unless these are allowed.
    pub(crate) async fn open_or_make(self, among_other_tables: bool) -> Result<DatabaseConnection, Fault> {
        if let (Found::Tables(Contents::Foreign(names)), false) = (&self.found, among_other_tables) {
            let own = if self.config.url.is_sqlite() {
                "a file of its own"
            } else {
                "a database of its own, or to a schema of its own: CREATE SCHEMA syncline; and \
                 `?options=-c%20search_path%3Dsyncline` at the end of the address"
            };
            return Err(Fault::usage(format!(
                "{} has tables that are not Syncline's ({}), so nothing was made there. Set DATABASE_URL to {own}; or add \
                 --among-other-tables to make Syncline's tables beside them",
                self.shown(),
                listed(names)
            )));
        }
        if let (Found::Missing, Some(folder)) =
            (&self.found, self.file.as_ref().and_then(|file| file.parent()))
            && !folder.is_dir()
        {
            return Err(Fault::usage(format!(
                "DATABASE_URL {}: there is no folder {}; make it, or name another one",
                self.config.url.shown(),
                folder.display()
            )));
        }
        self.open().await
    }

    /// Connects without any check.
    pub(crate) async fn open(self) -> Result<DatabaseConnection, Fault> {
        match self.db {
            Some(db) => Ok(db),
            None => open(&self.config).await,
        }
    }

    fn shown(&self) -> String {
        self.file.as_ref().map_or_else(|| self.config.url.shown(), |file| file.display().to_string())
    }
}

fn listed(names: &[String]) -> String {
    let mut listed = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > LISTED {
        listed.push_str(&format!(" and {} more", names.len() - LISTED));
    }
    listed
}

/// Inspects a file without the settings of Syncline's databases: the journal mode is written into the file.
async fn contents_of_file(url: &DatabaseUrl) -> Result<Contents, Fault> {
    let mut options = ConnectOptions::new(url.connect_url());
    options.sqlx_logging(false).max_connections(1).map_sqlx_sqlite_opts(|sqlite| {
        sqlite.create_if_missing(false).busy_timeout(std::time::Duration::from_secs(5))
    });
    let db = Database::connect(options).await.map_err(|error| unreachable(url, &words(&error)))?;
    let contents = contents(url, &db).await;
    // The connection is no longer needed, so an error of closing it is ignored.
    let _ = db.close().await;
    contents
}

async fn contents(url: &DatabaseUrl, db: &impl ConnectionTrait) -> Result<Contents, Fault> {
    tables::contents(db).await.map_err(|error| unreachable(url, &words(&error)))
}
