//! PostgreSQL over TLS: whom we trust, what is refused, and what is said then.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use anyhow::{Context, Result, ensure};
use rstest::rstest;
use syncline_support::{
    places::{document, write_csv},
    serving::until,
    tls::TlsServer,
};
use tokio::sync::OnceCell;

use super::{
    common::{ensure_tells, number, program},
    postgres::places::pool,
};

static SERVER: OnceCell<TlsServer> = OnceCell::const_new();

/// The server, with an empty database of that name.
async fn server(database: &str) -> Result<&'static TlsServer> {
    let start = || async {
        let server = TlsServer::start().await?;
        server.execute("CREATE ROLE me LOGIN SUPERUSER; CREATE ROLE certified LOGIN SUPERUSER").await?;
        anyhow::Ok(server)
    };
    let server = SERVER.get_or_try_init(start).await?;
    server.create(database).await?;
    Ok(server)
}

fn verified(server: &TlsServer, mode: &str) -> String {
    format!("sslmode={mode}&sslrootcert={}", server.file("root.pem").display())
}

#[tokio::test]
async fn every_connection_of_a_worker_is_encrypted_and_its_server_known() -> Result<()> {
    let server = server("whole").await?;
    let mut program = program()?;
    program.set("DATABASE_URL", &server.url("me", "localhost", "whole", &verified(server, "verify-full")));
    program.expect(0, &["migrate", "up"])?;
    let worker = program.serve(&["worker"])?;
    let look = pool(&server.local_url("whole")).await?;
    let sql = "SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) \
               WHERE usename = 'me' AND datname = 'whole'";
    until("two of the pool and one that listens", async || {
        let (all, encrypted): (i64, i64) = sqlx::query_as(sql).fetch_one(&look).await?;
        ensure!(all == encrypted, "{all} connections, {encrypted} of them encrypted");
        Ok((all >= 3).then_some(()))
    })
    .await?;
    ensure!(worker.terminate()? == Some(0));
    Ok(())
}

#[rstest]
#[case::by_another_name("other_name", "127.0.0.1", "verify-ca", true)]
#[case::unseen("unseen", "localhost", "require", false)]
#[case::where_there_is_any("preferred", "localhost", "prefer", false)]
#[tokio::test]
async fn less_may_be_asked_of_the_server(
    #[case] database: &str,
    #[case] host: &str,
    #[case] mode: &str,
    #[case] with_root: bool,
) -> Result<()> {
    let server = server(database).await?;
    let mut program = program()?;
    let parameters = if with_root { verified(server, mode) } else { format!("sslmode={mode}") };
    program.set("DATABASE_URL", &server.url("me", host, database, &parameters));
    program.expect(0, &["migrate", "up"])?;
    Ok(())
}

#[tokio::test]
async fn a_certificate_may_stand_for_a_password() -> Result<()> {
    let server = server("certificates").await?;
    let mut program = program()?;
    let root = verified(server, "verify-full");
    let (certificate, key) = (server.file("client.pem"), server.file("client.key"));
    let with = format!("{root}&sslcert={}&sslkey={}", certificate.display(), key.display());
    program.set("DATABASE_URL", &server.url("certified", "localhost", "certificates", &with));
    program.expect(0, &["migrate", "up"])?;
    program.set("DATABASE_URL", &server.url("certified", "localhost", "certificates", &root));
    let refused = program.expect(2, &["stats"])?.stderr;
    ensure_tells(
        &refused,
        &["DATABASE_URL", "requires a valid client certificate", "sslcert=FILE", "sslkey=FILE"],
    )
}

#[tokio::test]
async fn what_cannot_be_trusted_is_refused_with_the_remedy() -> Result<()> {
    let server = server("refused").await?;
    let mut program = program()?;
    let [root, other] = ["root.pem", "other-root.pem"].map(|name| server.file(name).display().to_string());
    let cases = [
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={other}"),
            &["UnknownIssuer", "sslrootcert=FILE"][..],
        ),
        ("localhost", "sslmode=verify-full".to_owned(), &["UnknownIssuer", "sslrootcert=FILE"]),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={other}"), &["UnknownIssuer"]),
        (
            "127.0.0.1",
            format!("sslmode=verify-full&sslrootcert={root}"),
            &["127.0.0.1", "not valid for name", "verify-ca"],
        ),
        (
            "localhost",
            "sslmode=verify-full&sslrootcert=/no/such.pem".to_owned(),
            &["sslrootcert /no/such.pem", "PEM file"],
        ),
        (
            "localhost",
            format!("sslmode=require&sslrootcert={root}"),
            &["sslmode=require", "sslmode=verify-full"],
        ),
        ("localhost", format!("sslrootcert={root}"), &["sslmode=prefer", "sslmode=verify-full"]),
        ("localhost", format!("sslmode=verify-full&sslcert={root}"), &["sslkey is not", "name both"]),
        ("localhost", "sslmode=full".to_owned(), &["full"]),
        ("localhost", "sslmode=disable".to_owned(), &["no encryption"]),
    ];
    for (host, parameters, told) in cases {
        program.set("DATABASE_URL", &server.url("me", host, "refused", &parameters));
        let refused = program.expect(2, &["migrate", "up"])?;
        let text = refused.stdout + &refused.stderr;
        ensure_tells(&text, &[&["DATABASE_URL"], told].concat()).with_context(|| parameters)?;
        ensure!(!text.contains("s3cret"), "a password was printed: {text}");
    }
    Ok(())
}

#[test]
fn a_server_without_tls_is_refused_where_it_is_required() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    // It answers a request for TLS as PostgreSQL does when it has none.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 8];
            let _ = stream.read_exact(&mut request).and_then(|()| stream.write_all(b"N"));
        }
    });
    let mut program = program()?;
    for mode in ["require", "verify-full"] {
        program.set("DATABASE_URL", &format!("postgres://me:s3cret@{address}/x?sslmode={mode}"));
        let refused = program.expect(2, &["stats"])?.stderr;
        ensure_tells(
            &refused,
            &["DATABASE_URL postgres://me@127.0.0.1", "does not support TLS", "ssl = on"],
        )?;
        ensure!(!refused.contains("s3cret"), "a password was printed: {refused}");
    }
    Ok(())
}

#[tokio::test]
async fn a_table_is_filled_over_tls_and_not_where_the_server_is_not_known() -> Result<()> {
    let server = server("tables").await?;
    let look = pool(&server.local_url("tables")).await?;
    sqlx::raw_sql("CREATE TABLE tasks (id TEXT PRIMARY KEY, title TEXT, state TEXT, points BIGINT, updated_at TIMESTAMPTZ)")
        .execute(&look)
        .await?;
    let program = program()?;
    write_csv(&program.path("backlog.csv"), 20)?;
    let apply = |parameters: &str| -> Result<()> {
        let url = server.url("me", "localhost", "tables", parameters);
        program.write("sync.yaml", &document("max_retries: 0").replace("sqlite://tasks.db", &url))?;
        program.expect(0, &["apply", "sync.yaml"])?;
        Ok(())
    };
    apply(&format!("sslmode=verify-full&sslrootcert={}", server.file("other-root.pem").display()))?;
    let refused = program.expect(1, &["sync", "tasks"])?;
    let text = refused.stdout + &refused.stderr;
    ensure_tells(&text, &["me@localhost", "no encrypted connection", "UnknownIssuer"])?;
    ensure!(!text.contains("s3cret"), "a password was printed: {text}");
    apply(&verified(server, "verify-full"))?;
    let run = program.expect(0, &["--json", "sync", "tasks"])?.json()?;
    ensure!(number(&run, "created")? == 20, "{run}");
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks").fetch_one(&look).await?;
    ensure!(rows == 20, "{rows} rows");
    Ok(())
}
