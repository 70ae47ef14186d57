//! A PostgreSQL server of our own, started by the first test that needs it.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

static SERVER: OnceLock<Server> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// Runs the server until the tests' end of the pipe is closed, which happens however they end.
const KEEPER: &str = r#"
"$@" >/dev/null 2>&1 &
read -r _
kill -QUIT $!
wait
rm -rf "$FOLDER"
"#;

struct Server {
    folder: PathBuf,
    _keeper: Child,
}

/// A database on the server, for one test.
pub(crate) struct Database {
    server: &'static Server,
    name: String,
}

impl Database {
    pub(crate) async fn create() -> Database {
        // Starting blocks, which the tests that need the server would do anyway.
        let server = SERVER.get_or_init(Server::start);
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&server.url("postgres")).await.unwrap();
        connection.execute(sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}")))).await.unwrap();
        Database { server, name }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// A URL for the user `locked`, who needs a password.
    pub(crate) fn locked_url(&self, password: &str) -> String {
        self.url().replace("postgres://postgres@", &format!("postgres://locked:{password}@"))
    }

    pub(crate) async fn execute(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.url()).await.unwrap();
        connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
    }
}

impl Server {
    fn url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{folder}/{database}")
    }

    fn start() -> Server {
        let folder = tempfile::Builder::new().prefix("sl-pg-").tempdir().unwrap().keep();
        let data = folder.join("data");
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&folder));
        }
        let flags = ["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "-D"];
        run(as_postgres(find("initdb")).args(flags).arg(&data));
        std::fs::write(data.join("pg_hba.conf"), "local all locked scram-sha-256\nlocal all all trust\n")
            .unwrap();
        let keeper = as_postgres(PathBuf::from("sh"))
            .args(["-c", KEEPER, "keeper"])
            .arg(find("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&folder)
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .env("FOLDER", &folder)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(30);
        while !is_ready(&folder) {
            assert!(Instant::now() < until, "PostgreSQL did not start within 30 s");
            std::thread::sleep(Duration::from_millis(20));
        }
        Server { folder, _keeper: keeper }
    }
}

fn is_ready(folder: &Path) -> bool {
    let status = Command::new(find("pg_isready")).args(["-q", "-h"]).arg(folder).status();
    status.is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: PathBuf) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program).current_dir("/");
    command
}

fn find(program: &str) -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = installed.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders.iter().map(|folder| folder.join(program)).find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("{program} was not found: install PostgreSQL (Debian, Ubuntu: apt-get install postgresql)")
    })
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
