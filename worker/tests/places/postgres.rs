//! The server that all pairs on PostgreSQL share; each has tables of its own.

use anyhow::Result;
use sqlx::{PgPool, postgres::PgPoolOptions};
use syncline_support::postgres::Database;
use tokio::sync::OnceCell;

static DATABASE: OnceCell<Database> = OnceCell::const_new();

/// The types that tables in PostgreSQL are made of, and the form in which it writes times.
const TYPES: &str = "CREATE DOMAIN short_text AS text; CREATE DOMAIN whole AS integer CHECK (VALUE > -1000);
     CREATE TYPE label AS ENUM ('open', 'in progress', 'done');
     DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone TO UTC', current_database()); END $$;";

/// The address of the database, and connections for what happens behind the product's back.
pub(crate) async fn connect() -> Result<(String, PgPool)> {
    let create = async || -> Result<Database> {
        let database = Database::create().await?;
        database.execute(TYPES).await?;
        Ok(database)
    };
    let url = DATABASE.get_or_try_init(create).await?.url();
    let pool = PgPoolOptions::new().max_connections(2).connect(&url).await?;
    Ok((url, pool))
}
