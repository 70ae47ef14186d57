//! Syncline's own database: where it is, and what is said when it cannot be used. A password is never printed.

use anyhow::{Result, ensure};
use rstest::rstest;

use super::common::{Places, ensure_tells, program};

#[rstest]
#[case::another_database("mysql://me:s3cret@db/x", &["mysql://me@db/x", "sqlite://FILE", "postgres://"])]
#[case::no_address("s3cret-db", &["is not understood", "sqlite://FILE"])]
#[case::an_unknown_parameter("postgres://me:s3cret@127.0.0.1:1/x?foo=bar", &["foo", "sslmode"])]
#[case::a_question_mark_in_the_password("postgres://me:s3c?ret@127.0.0.1/x", &["percent-encoded", "%3F"])]
#[case::a_slash_in_the_password("postgres://me:hun@ter2/s3cret@127.0.0.1:1/x", &["percent-encoded", "%2F"])]
#[case::a_hash_in_the_password("postgres://me:hunter2#s3cret@127.0.0.1:1/x", &["percent-encoded", "%23"])]
fn an_address_that_cannot_be_used_is_named(#[case] url: &str, #[case] parts: &[&str]) -> Result<()> {
    refused(url, parts, &[&["stats"], &["-vv", "sync", "tasks"], &["--json", "migrate", "status"], &["up"]])
}

/// Servers wait for it; `waits.rs` has them.
#[rstest]
#[case::no_server("postgres://me:s3cret@127.0.0.1:1/x", &["postgres://me@127.0.0.1:1/x", "refused"])]
#[case::a_password_in_the_query("postgres://me@127.0.0.1:1/x?password=s3cret", &["127.0.0.1:1/x", "refused"])]
fn a_server_that_is_away_is_named(#[case] url: &str, #[case] parts: &[&str]) -> Result<()> {
    refused(url, parts, &[&["stats"], &["-vv", "sync", "tasks"], &["--json", "migrate", "status"]])
}

fn refused(url: &str, parts: &[&str], commands: &[&[&str]]) -> Result<()> {
    let mut program = program()?;
    program.set("DATABASE_URL", url);
    for arguments in commands {
        let refused = program.expect(2, arguments)?;
        let text = refused.stdout + &refused.stderr;
        ensure_tells(&text, parts)?;
        ensure!(!text.contains("s3cret@") && !text.contains("=s3cret"), "a password was printed: {text}");
        ensure!(!text.contains("s3c?ret") && !text.contains("ter2"), "a password was printed: {text}");
    }
    Ok(())
}

#[test]
fn a_file_that_is_no_database_is_named_and_left_alone() -> Result<()> {
    let program = program()?;
    let text = "these are my notes, not a database, and they are long enough to be looked at\n".repeat(20);
    program.write("syncline.db", &text)?;
    let refused = program.expect(2, &["stats"])?;
    ensure_tells(&refused.stderr, &["syncline.db", "not a database"])?;
    ensure!(std::fs::read_to_string(program.path("syncline.db"))? == text);
    Ok(())
}

#[test]
fn a_flag_goes_before_the_environment() -> Result<()> {
    let program = program()?;
    program.expect(0, &["--database-url", "sqlite://other.db", "migrate", "up"])?;
    ensure!(program.path("other.db").exists() && !program.path("syncline.db").exists());
    Ok(())
}

#[test]
fn help_does_not_show_the_address() -> Result<()> {
    let mut program = program()?;
    program.set("DATABASE_URL", "postgres://me:s3cret@127.0.0.1:1/x");
    ensure!(!program.expect(0, &["--help"])?.stdout.contains("s3cret"));
    Ok(())
}

#[tokio::test]
async fn a_table_s_password_is_never_printed() -> Result<()> {
    let url = "target: { url: \"postgres://me:s3cret@127.0.0.1:1/x\", table: tasks, key: id }";
    let places = Places::new(3, &format!("{url}\nmax_retries: 0")).await?;
    for arguments in
        [&["sync", "tasks"][..], &["-vv", "--json", "sync", "tasks"], &["plan", "tasks"], &["runs"]]
    {
        let finished = places.program.run(arguments)?;
        let text = finished.stdout + &finished.stderr;
        ensure!(!text.contains("s3cret"), "a password was printed: {text}");
    }
    ensure_tells(&places.told(1, &[])?.stderr, &["target", "127.0.0.1:1", "cannot be reached"])
}

#[tokio::test]
async fn a_table_s_address_may_stand_in_a_file() -> Result<()> {
    let target = "target: { url: { env: TASKS_URL }, table: tasks, key: id, modified: updated_at }";
    let mut places = Places::new(3, target).await?;
    let refused = places.program.expect(1, &["plan", "-f", "sync.yaml"])?.stderr;
    ensure_tells(&refused, &["url: neither the environment variable TASKS_URL nor TASKS_URL_FILE is set"])?;
    places.program.write("url", "sqlite://tasks.db\n")?;
    places.program.set("TASKS_URL_FILE", "url");
    places.sync(0, &[])?;
    ensure!(places.ensure_in_step().await?.len() == 3);
    places.program.set("TASKS_URL", "postgres://me:s3cret@127.0.0.1:1/x");
    let refused = places.program.expect(1, &["plan", "-f", "sync.yaml"])?.stderr;
    ensure_tells(&refused, &["TASKS_URL and TASKS_URL_FILE are both set"])?;
    places.program.set("TASKS_URL", "");
    places.program.write("url", "mysql://me:s3cret@127.0.0.1/x")?;
    let wrong = places.program.expect(1, &["plan", "-f", "sync.yaml"])?.stderr;
    ensure_tells(&wrong, &["the value stands in url, which TASKS_URL_FILE names"])?;
    ensure!(!format!("{refused}{wrong}").contains("s3cret"), "{refused}{wrong}");
    Ok(())
}
