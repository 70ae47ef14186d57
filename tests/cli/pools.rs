//! How many connections to PostgreSQL a process keeps, and what it says of itself on each.

use anyhow::{Result, ensure};
use syncline_support::{
    places::{Table, document, write_csv},
    postgres::Database,
    serving::until,
};

use super::{
    common::{ensure_tells, number, program, with_database},
    postgres::places::pool,
};

#[tokio::test]
async fn a_pool_is_as_large_as_it_is_told_and_its_connections_have_a_name() -> Result<()> {
    let database = Database::create().await?;
    let mut program = program()?;
    program.set("DATABASE_URL", &database.url());
    program.set("SYNCLINE_DB_POOL_MIN", "5");
    // As many at most: a busy moment would open another one, which then stays.
    program.set("SYNCLINE_DB_POOL_MAX", "5");
    let server = pool(&database.url()).await?;
    program.expect(0, &["migrate", "up"])?;
    let api = program.serve(&["api"])?;
    let named =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1";
    let count = async |name: &str| -> Result<i64> {
        Ok(sqlx::query_scalar(named).bind(name).fetch_one(&server).await?)
    };
    // The pool and the one that listens.
    until("five and one", async || Ok((count("syncline api").await? == 6).then_some(()))).await?;
    let worker = program.serve(&["worker"])?;
    until("five and one", async || Ok((count("syncline worker").await? == 6).then_some(()))).await?;
    ensure!(api.terminate()? == Some(0) && worker.terminate()? == Some(0));

    let address = format!("{}?application_name=ours", database.url());
    program.set("DATABASE_URL", &address);
    let _api = program.serve(&["api"])?;
    until("a name of one's own", async || Ok((count("ours").await? == 6).then_some(()))).await
}

#[tokio::test]
async fn one_connection_is_enough() -> Result<()> {
    let database = Database::create().await?;
    let mut program = program()?;
    program.set("DATABASE_URL", &database.url());
    program.set("SYNCLINE_DB_POOL_MAX", "1");
    program.set("SYNCLINE_DB_POOL_ACQUIRE_MS", "20000");
    program.write("sync.yaml", &document(""))?;
    write_csv(&program.path("backlog.csv"), 30)?;
    Table::open(&program.path("tasks.db")).await?;
    program.expect(0, &["apply", "sync.yaml"])?;
    let run = program.expect(0, &["--json", "sync", "tasks"])?.json()?;
    ensure!(number(&run, "created")? == 30, "{run}");
    Ok(())
}

#[test]
fn a_pool_that_cannot_be_is_refused() -> Result<()> {
    let mut program = with_database()?;
    program.set("SYNCLINE_DB_POOL_MIN", "11");
    let refused = program.expect(2, &["stats"])?;
    ensure_tells(&refused.stderr, &["SYNCLINE_DB_POOL_MIN 11", "SYNCLINE_DB_POOL_MAX 4", "raise"])?;
    program.set("SYNCLINE_DB_POOL_MIN", "few");
    ensure_tells(&program.expect(2, &["stats"])?.stderr, &["SYNCLINE_DB_POOL_MIN \"few\"", "0 to 1000"])
}
