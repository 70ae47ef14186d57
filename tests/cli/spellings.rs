//! A key that is written in another way is the same key where one of the two places takes it for the same.

use anyhow::{Result, ensure};
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use syncline_support::program::Program;

use super::common::{ensure_tells, with_database};

const DOCUMENT: &str = "
name: keys
source_platform: csv
source: { path: t.csv, key: id }
target_platform: sql
target: { url: 'sqlite://t.db', table: t, key: id }
entity_type: record
delete_policy: delete
delete_guard: { max_share: 1, max_count: 100 }
field_mappings:
  - { source_field: id, target_field: id }
  - { source_field: v, target_field: v }
";

async fn table(program: &Program) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(program.path("t.db")).create_if_missing(true);
    Ok(SqliteConnection::connect_with(&options).await?)
}

async fn rows(connection: &mut SqliteConnection) -> Result<Vec<String>> {
    let sql = "SELECT id || '|' || coalesce(v, '') || '|' || coalesce(note, '') FROM t ORDER BY id";
    Ok(sqlx::query_scalar(sql).fetch_all(connection).await?)
}

#[rstest]
#[case("INTEGER PRIMARY KEY", ["7", "8"], ["007", "8.0"])]
#[case("TEXT PRIMARY KEY COLLATE NOCASE", ["ab", "cd"], ["AB", "Cd"])]
#[tokio::test]
async fn an_item_whose_key_is_respelled_is_kept(
    #[case] key: &str,
    #[case] old: [&str; 2],
    #[case] new: [&str; 2],
) -> Result<()> {
    let program = with_database()?;
    let mut connection = table(&program).await?;
    let sql = format!("CREATE TABLE t (id {key}, v TEXT, note TEXT)");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    program.write("keys.yaml", DOCUMENT)?;
    program.write("t.csv", &format!("id,v\n{},a\n{},b\n", old[0], old[1]))?;
    program.expect(0, &["apply", "keys.yaml"])?;
    program.expect(0, &["sync", "keys"])?;
    sqlx::query("UPDATE t SET note = 'ours'").execute(&mut connection).await?;
    let before = rows(&mut connection).await?;

    program.write("t.csv", &format!("id,v\n{},a\n{},edited\n", new[0], new[1]))?;
    let told = program.expect(0, &["sync", "keys"])?.stdout;
    ensure_tells(&told, &["0 created, 1 updated, 0 deleted"])?;
    for _ in 0..2 {
        let told = program.expect(0, &["sync", "keys", "--confirm-deletes"])?.stdout;
        ensure_tells(&told, &["0 created, 0 updated, 0 deleted, 2 unchanged"])?;
    }
    let after = rows(&mut connection).await?;
    ensure!(after[0] == before[0] && after[1] == before[1].replace("|b|", "|edited|"), "{after:?}");

    // An ended link has its key still: the row that comes back under another spelling is that row.
    program.write("t.csv", &format!("id,v\n{},a\n", new[0]))?;
    program.expect(0, &["sync", "keys", "--confirm-deletes"])?;
    ensure!(rows(&mut connection).await?.len() == 1);
    program.write("t.csv", &format!("id,v\n{},a\n{},c\n", new[0], old[1]))?;
    for _ in 0..2 {
        program.expect(0, &["sync", "keys"])?;
    }
    let after = rows(&mut connection).await?;
    ensure!(after == [before[0].clone(), format!("{}|c|", old[1])], "{after:?}");
    Ok(())
}
