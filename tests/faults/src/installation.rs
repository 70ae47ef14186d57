//! A whole installation: the `syncline` binary with a database, a queue, and syncs between files and tables.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use syncline_support::{
    places::{Table, document, write_csv},
    program::Program,
    serving::Serving,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::system::{self, System};

/// Ends a process when the campaign is gone, whose standard input this then closes.
const REAPER: &str = "cat >/dev/null; kill -KILL \"$1\" 2>/dev/null";

/// A replica, which does not outlive the campaign.
pub(crate) struct Replica {
    pub(crate) serving: Serving,
    reaper: Child,
}

impl Replica {
    /// SIGTERM; answers the exit code.
    pub(crate) fn terminate(mut self) -> Result<Option<i32>> {
        self.reaper.kill()?;
        self.reaper.wait()?;
        self.serving.terminate()
    }
}

pub(crate) struct Installation {
    program: Program,
    pub(crate) db: DatabaseConnection,
    // Keeps the other end of the tables' files.
    _tables: Vec<Table>,
}

impl Installation {
    /// So many syncs of three items each, in step; `more` are lines of their documents. With Redis the queue is there,
    /// and the database in a file.
    pub(crate) async fn new(system: &System, syncs: usize, more: &str) -> Result<Installation> {
        let mut program = Program::new(binary()?.to_str().context("a readable path")?)?;
        let mut database = format!("sqlite://{}", program.path("syncline.db").display());
        match system {
            System::Redis(server) => program.set("REDIS_URL", &server.url()),
            System::Postgres(own) => database = own.url(),
            System::Sqlite(_) => {}
        }
        program.set("DATABASE_URL", &database);
        program.set("SYNCLINE_LEASE_MS", "5000");
        let mut tables = Vec::new();
        for nth in 0..syncs {
            write_csv(&program.path(&format!("backlog-{nth}.csv")), 3)?;
            tables.push(Table::open(&program.path(&format!("tasks-{nth}.db"))).await?);
            let places = format!(
                "name: tasks-{nth}\nsource: {{ path: backlog-{nth}.csv, key: id }}\n\
                 target: {{ url: \"sqlite://tasks-{nth}.db\", table: tasks, key: id, modified: updated_at }}\n{more}"
            );
            program.write("sync.yaml", &document(&places))?;
            program.expect(0, &["apply", "sync.yaml"])?;
        }
        let db = system::open(&database, 2).await?;
        Ok(Installation { program, db, _tables: tables })
    }

    /// Starts `worker` or `api`.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Result<Replica> {
        let serving = self.program.serve(arguments)?;
        let reaper = Command::new("sh")
            .args(["-c", REAPER, "reaper", &serving.id().to_string()])
            .stdin(Stdio::piped())
            .spawn()?;
        Ok(Replica { serving, reaper })
    }

    pub(crate) async fn count(&self, sql: &str) -> Result<u64> {
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        let row = self.db.query_one_raw(statement).await?.context("a row")?;
        Ok(u64::try_from(row.try_get_by_index::<i64>(0)?)?)
    }

    /// How a run stands.
    pub(crate) fn status(&self, run: &str) -> Result<String> {
        let run = self.program.expect(0, &["--json", "runs", run])?.json()?;
        Ok(run["status"].as_str().unwrap_or_default().to_owned())
    }

    /// Asks over HTTP for a run that is due after so many seconds. Returns the id of the job that was accepted.
    pub(crate) async fn ask(&self, api: &Replica, sync: usize, delay: u64) -> Result<String> {
        let body = serde_json::json!({ "sync": format!("tasks-{sync}"), "delay": delay }).to_string();
        let address = api.serving.address;
        let request = format!(
            "POST /api/v1/jobs HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        let mut answer = String::new();
        let talk = async {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(request.as_bytes()).await?;
            stream.read_to_string(&mut answer).await
        };
        tokio::time::timeout(Duration::from_secs(20), talk).await.context("no answer in time")??;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        ensure!(status.starts_with('2'), "the API said {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
        let body: serde_json::Value = serde_json::from_str(body)?;
        Ok(body["id"].as_str().context("an id")?.to_owned())
    }
}

/// The program beside ours.
fn binary() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own.with_file_name("syncline");
    if !found.is_file() {
        let release = own.components().any(|part| part.as_os_str() == "release");
        let flag = if release { " --release" } else { "" };
        bail!("{} is not there: run `cargo build{flag}` first", found.display());
    }
    Ok(found)
}
