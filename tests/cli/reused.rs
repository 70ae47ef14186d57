//! A table that numbers its rows gives the number of a deleted row to a new one.

use anyhow::{Result, ensure};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use syncline_support::program::Program;

use super::common::with_database;

const DOCUMENT: &str = "
name: numbered
source_platform: csv
source: { path: t.csv, key: code }
target_platform: sql
target: { url: 'sqlite://t.db', table: t, key: id, marker: mk }
entity_type: record
two_way_create: true
delete_policy: delete
delete_guard: { max_share: 1, max_count: 100 }
field_mappings:
  - { source_field: code, target_field: code }
  - { source_field: v, target_field: v }
";

async fn stage() -> Result<(Program, SqliteConnection)> {
    let program = with_database()?;
    let options = SqliteConnectOptions::new().filename(program.path("t.db")).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, code TEXT, v TEXT, mk TEXT UNIQUE)";
    sqlx::raw_sql(sql).execute(&mut connection).await?;
    program.write("numbered.yaml", DOCUMENT)?;
    program.write("t.csv", "code,v\na,1\nb,2\nc,3\n")?;
    program.expect(0, &["apply", "numbered.yaml"])?;
    program.expect(0, &["sync", "numbered"])?;
    program.write("t.csv", "code,v\na,1\nb,2\n")?;
    program.expect(0, &["sync", "numbered", "--confirm-deletes"])?;
    Ok((program, connection))
}

async fn rows(connection: &mut SqliteConnection) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT id || code || v FROM t ORDER BY id").fetch_all(connection).await?)
}

#[tokio::test]
async fn a_row_that_we_create_may_have_the_number_of_one_that_we_deleted() -> Result<()> {
    let (program, mut connection) = stage().await?;
    program.write("t.csv", "code,v\na,1\nb,2\nd,4\n")?;
    for _ in 0..2 {
        program.expect(0, &["sync", "numbered"])?;
        ensure!(rows(&mut connection).await? == ["1a1", "2b2", "3d4"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_row_of_the_users_may_have_the_number_of_one_that_we_deleted() -> Result<()> {
    let (program, mut connection) = stage().await?;
    sqlx::query("INSERT INTO t (code, v) VALUES ('new', '9')").execute(&mut connection).await?;
    for _ in 0..2 {
        program.expect(0, &["sync", "numbered"])?;
        let file = std::fs::read_to_string(program.path("t.csv"))?;
        ensure!(file == "code,v\na,1\nb,2\nnew,9\n", "{file}");
    }
    ensure!(rows(&mut connection).await? == ["1a1", "2b2", "3new9"]);
    Ok(())
}

#[tokio::test]
async fn a_key_that_is_edited_on_the_other_side_is_told() -> Result<()> {
    let (program, mut connection) = stage().await?;
    sqlx::query("UPDATE t SET code = 'z' WHERE id = 2").execute(&mut connection).await?;
    let told = program.expect(1, &["sync", "numbered"])?.stderr;
    ensure!(told.contains("code") && told.contains("stays as it is") && told.contains("\"z\""), "{told}");
    sqlx::query("UPDATE t SET code = 'b' WHERE id = 2").execute(&mut connection).await?;
    program.expect(0, &["sync", "numbered"])?;
    Ok(())
}
