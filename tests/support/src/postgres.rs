//! PostgreSQL servers of the tests, started by the first test of a binary that needs a database.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

const MISSING: &str = "these tests need PostgreSQL's server programs (initdb, postgres). Install them: \
     apt-get install postgresql, dnf install postgresql-server, or brew install postgresql";

/// Timeout of starting a server, which takes about a second, and longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the server until the test process closes its end of the pipe, which happens however it ends.
const KEEPER: &str = r#"
trap '' INT TERM
"$@" </dev/null >"$FOLDER/log" 2>&1 &
cat >/dev/null
kill -QUIT $!
wait
rm -rf "$FOLDER"
"#;

static SERVER: OnceCell<Server> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);
static DURABLE: AtomicBool = AtomicBool::new(false);

/// Settings of a server without durability for tests, and of one like in production.
const DURABILITY: [&[&str]; 2] = [
    &["-c", "fsync=off", "-c", "synchronous_commit=off"],
    &["-c", "shared_buffers=1GB", "-c", "max_wal_size=4GB", "-c", "maintenance_work_mem=256MB"],
];

/// Makes the server flush commits to disk. Benchmarks call this before they create their first database.
pub fn like_a_real_server() {
    DURABLE.store(true, Ordering::Relaxed);
}

/// A server that listens on a socket in its own folder, so that ports cannot collide.
pub(crate) struct Server {
    folder: PathBuf,
    port: u16,
    /// Set once the template database is ready.
    template: OnceCell<()>,
    /// When dropped, or when the process ends, it stops the server and removes the folder.
    _keeper: Child,
}

/// A database on the server, for one test.
pub struct Database {
    server: &'static Server,
    name: String,
}

impl Database {
    /// Creates an empty database.
    pub async fn create() -> Result<Database> {
        Database::from("template1").await
    }

    /// Copies a database with a schema. The first caller's `prepare` creates the schema, given the URL of the template.
    pub async fn prepared(prepare: impl AsyncFnOnce(String)) -> Result<Database> {
        let server = SERVER.get_or_try_init(Server::plain).await?;
        let template = || async {
            server.execute("CREATE DATABASE prepared").await?;
            prepare(server.url("prepared")).await;
            anyhow::Ok(())
        };
        server.template.get_or_try_init(template).await?;
        Database::from("prepared").await
    }

    async fn from(template: &str) -> Result<Database> {
        Database::copy(SERVER.get_or_try_init(Server::plain).await?, template).await
    }

    async fn copy(server: &'static Server, template: &str) -> Result<Database> {
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        server.execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
        Ok(Database { server, name })
    }

    /// Creates an empty database on its own server, for tests that would disturb others.
    pub async fn alone() -> Result<Database> {
        let server: &'static Server = Box::leak(Box::new(Server::plain().await?));
        Database { server, name: "postgres".to_owned() }.beside().await
    }

    /// Creates another empty database on the same server.
    pub async fn beside(&self) -> Result<Database> {
        Database::copy(self.server, "template1").await
    }

    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Returns the URL for the user `locked`, who needs a password; the test must create this user.
    pub fn locked_url(&self, password: &str) -> String {
        self.url().replace("postgres://postgres@", &format!("postgres://locked:{password}@"))
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the log of the server, which includes other databases of the same test.
    pub fn log_file(&self) -> PathBuf {
        self.server.folder.join("log")
    }

    pub async fn execute(&self, sql: &str) -> Result<()> {
        execute(&self.url(), sql).await
    }
}

async fn execute(url: &str, sql: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await?;
    Ok(connection.close().await?)
}

impl Server {
    pub(crate) fn url(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{folder}:{}/{database}", self.port)
    }

    pub(crate) async fn execute(&self, sql: &str) -> Result<()> {
        execute(&self.url("postgres"), sql).await
    }

    async fn plain() -> Result<Server> {
        let hba = "local all locked scram-sha-256\nlocal all all trust\n";
        let flags = |_: &Path| Ok(vec!["listen_addresses=".to_owned()]);
        Server::start(hba, 5432, flags).await
    }

    /// Starts a server with these access rules and settings. `settings` gets the server's folder.
    pub(crate) async fn start(
        hba: &str,
        port: u16,
        settings: impl FnOnce(&Path) -> Result<Vec<String>>,
    ) -> Result<Server> {
        let bin = programs();
        // The path of a socket must be short.
        let folder = tempfile::Builder::new().prefix("sl-pg-").tempdir()?.keep();
        let data = folder.join("data");
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&folder))?;
        }
        let flags = ["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C", "-D"];
        run(as_postgres(&bin.join("initdb")).args(flags).arg(&data))?;
        std::fs::write(data.join("pg_hba.conf"), hba)?;
        let settings = settings(&folder)?;
        if is_root() {
            run(Command::new("chown").args(["-R", "postgres"]).arg(&folder))?;
        }
        let keeper = as_postgres(Path::new("sh"))
            .args(["-c", KEEPER, "keeper"])
            .arg(bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&folder)
            .args(DURABILITY[usize::from(DURABLE.load(Ordering::Relaxed))])
            .args(["-c", "max_connections=200"])
            .args(["-c", &format!("port={port}")])
            .args(settings.iter().flat_map(|setting| ["-c", setting]))
            .env("FOLDER", &folder)
            .stdin(Stdio::piped())
            .spawn()
            .context("a shell")?;
        let server = Server { folder, port, template: OnceCell::new(), _keeper: keeper };
        let until = Instant::now() + PATIENCE;
        while let Err(error) = PgConnection::connect(&server.url("postgres")).await {
            let log = std::fs::read_to_string(server.folder.join("log")).unwrap_or_default();
            ensure!(Instant::now() < until, "PostgreSQL did not start within {PATIENCE:?}: {error}\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }
}

/// Returns the folder of PostgreSQL's programs, clients included.
pub fn bin() -> PathBuf {
    programs()
}

/// Returns the folder of PostgreSQL's programs: on the path, or the newest installed version.
fn programs() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |folder: &PathBuf| -> u32 {
        folder.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or_default()
    };
    let mut versions: Vec<PathBuf> = installed.map(|entry| entry.path()).collect();
    versions.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(versions.into_iter().map(|folder| folder.join("bin")))
        // The path may contain links to the programs, but their files lie beside the real programs.
        .filter_map(|bin| Some(bin.join("initdb").canonicalize().ok()?.parent()?.to_owned()))
        .find(|bin| bin.join("postgres").is_file())
        .unwrap_or_else(|| panic!("{MISSING}"))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.starts_with(b"0\n"))
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program).current_dir("/");
    command
}

/// Redirects the output to a file, since a process left behind would keep a pipe open.
fn run(command: &mut Command) -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    let both = || File::options().append(true).open(file.path()).map(Stdio::from);
    let status = command.stdin(Stdio::null()).stdout(both()?).stderr(both()?).status();
    let status = status.with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?}: {}", std::fs::read_to_string(file.path())?);
    Ok(())
}
