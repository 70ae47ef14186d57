//! A private PostgreSQL server for one test binary.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use sea_orm::{ConnectionTrait, Database};
use tokio::sync::OnceCell;

const MISSING: &str = "these tests need PostgreSQL's server programs (initdb, pg_ctl, postgres). Install them: \
     apt-get install postgresql, dnf install postgresql-server, or brew install postgresql";

/// The server listens on a socket in its own folder only, so no port can collide.
struct Server {
    folder: PathBuf,
    /// Stops the server and removes the folder when its input ends, which it does however this process ends.
    _warden: Child,
}

static SERVER: OnceCell<Server> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Server {
    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }
}

/// The address of a new database, copied from one that was migrated once.
pub(crate) async fn database() -> String {
    let server = SERVER.get_or_init(start).await;
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let root = Database::connect(super::options(server.url("postgres"))).await.expect("the server");
    root.execute_unprepared(&format!("CREATE DATABASE {name} TEMPLATE migrated"))
        .await
        .expect("a new database");
    root.close().await.expect("the server");
    server.url(&name)
}

async fn start() -> Server {
    let bin = programs();
    let folder =
        tempfile::Builder::new().prefix("syncline-pg-").tempdir().expect("a temporary folder").keep();
    if is_root() {
        // PostgreSQL refuses to run as root.
        run(Command::new("chown").arg("postgres").arg(&folder));
    }
    let data = folder.join("data");
    run(as_postgres(&bin.join("initdb")).arg("-D").arg(&data).args([
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]));
    let settings = format!(
        "-k {} -c listen_addresses= -c fsync=off -c synchronous_commit=off -c max_connections=200",
        folder.display()
    );
    let log = folder.join("log");
    run(as_postgres(&bin.join("pg_ctl"))
        .arg("-D")
        .arg(&data)
        .arg("-l")
        .arg(&log)
        .args(["-w", "-o", &settings, "start"]));
    let stop = format!(
        "cat > /dev/null; kill -INT $(head -n 1 '{data}/postmaster.pid'); \
         while [ -e '{data}/postmaster.pid' ]; do sleep 0.1; done; rm -rf '{folder}'",
        data = data.display(),
        folder = folder.display()
    );
    let warden = Command::new("sh")
        .args(["-c", &stop])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    let server = Server { folder, _warden: warden };

    let root = Database::connect(super::options(server.url("postgres"))).await.expect("the server");
    root.execute_unprepared("CREATE DATABASE migrated").await.expect("a database");
    root.close().await.expect("the server");
    let template = Database::connect(super::options(server.url("migrated"))).await.expect("the template");
    super::migrate(&template).await;
    template.close().await.expect("the template");
    server
}

/// The folder of the newest PostgreSQL's programs.
fn programs() -> PathBuf {
    let on_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let mut packaged: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    packaged.sort_by_key(|bin| {
        let version =
            bin.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
        std::cmp::Reverse(version.parse::<u32>().unwrap_or(0))
    });
    packaged
        .into_iter()
        .chain(on_path)
        .find(|bin| bin.join("initdb").exists())
        .unwrap_or_else(|| panic!("{MISSING}"))
}

fn as_postgres(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id");
    id.stdout.starts_with(b"0\n")
}

/// Output goes to a file, since a server that inherits a pipe keeps it open for ever.
fn run(command: &mut Command) {
    let output = tempfile::tempfile().expect("a temporary file");
    let both = |file: &fs::File| Stdio::from(file.try_clone().expect("a file"));
    let status = command.stdin(Stdio::null()).stdout(both(&output)).stderr(both(&output)).status();
    match status {
        Ok(status) if status.success() => {}
        result => {
            use std::io::{Read, Seek};
            let (mut file, mut text) = (output, String::new());
            let _ = file.rewind().and_then(|()| file.read_to_string(&mut text));
            panic!("{command:?}: {result:?}\n{text}");
        }
    }
}
