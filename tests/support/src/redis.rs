//! Redis servers of our own: one, a cluster, and one behind sentinels.
//!
//! Each has a free port and a folder of its own, and ends with whoever holds it, or with the process however that ends.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::tls::Authority;

const MISSING: &str = "these tests need Redis' server program (redis-server). Install it: \
     apt-get install redis-server, dnf install redis, or brew install redis";

/// A server takes a moment to start; a busy machine may take longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the server until the tests' end of the pipe is closed, which happens however they end.
const KEEPER: &str = r#"
trap '' INT TERM
"$@" </dev/null >>"$FOLDER/log" 2>&1 &
echo $! >"$FOLDER/pid"
cat >/dev/null
kill -KILL $! 2>/dev/null
wait
[ -e "$FOLDER/keep" ] || rm -rf "$FOLDER"
"#;

/// A running server, or one that was killed and can be started again.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    port: u16,
    arguments: Vec<String>,
    password: Option<String>,
    tls: bool,
    keeper: Option<Child>,
}

/// The server that the tests of one binary share, each with keys of its own; started by whoever asks first.
pub fn shared_url() -> Result<String> {
    static SHARED: Mutex<Option<Server>> = Mutex::new(None);
    let mut shared = SHARED.lock().map_err(|_| anyhow::anyhow!("the first start failed"))?;
    if shared.is_none() {
        *shared = Some(Server::start(&[])?);
    }
    Ok(shared.as_ref().context("a server")?.url())
}

impl Server {
    /// Starts one with these options of redis-server. It saves nothing unless they say so.
    pub fn start(options: &[&str]) -> Result<Server> {
        Server::start_on(free_port()?, options)
    }

    /// The same on this port.
    pub fn start_on(port: u16, options: &[&str]) -> Result<Server> {
        Server::begin(port, options, |_| Ok(Vec::new()))
    }

    /// One that speaks TLS only, with a certificate made out to `localhost`. Its authority is in [`Server::authority`].
    pub fn start_tls() -> Result<Server> {
        let port = free_port()?;
        let more = |folder: &Path| {
            let authority = Authority::new("An authority")?;
            let [certificate, key] = authority.issue("localhost", "localhost")?;
            let write = |name: &str, text: &str| -> Result<String> {
                let file = folder.join(name);
                fs::write(&file, text)?;
                Ok(file.display().to_string())
            };
            let options = [
                ["--tls-port", &port.to_string()],
                ["--tls-cert-file", &write("server.pem", &certificate)?],
                ["--tls-key-file", &write("server.key", &key)?],
                ["--tls-ca-cert-file", &write("root.pem", &authority.pem)?],
                ["--tls-auth-clients", "no"],
                ["--port", "0"],
            ];
            Ok(options.into_iter().flatten().map(str::to_owned).collect())
        };
        Server::begin(port, &[], more)
    }

    /// The certificate of whoever vouches for a server with TLS.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("root.pem")
    }

    fn begin(port: u16, options: &[&str], more: impl FnOnce(&Path) -> Result<Vec<String>>) -> Result<Server> {
        let folder = tempfile::Builder::new().prefix("sl-redis-").tempdir()?.keep();
        let mut arguments: Vec<String> = Vec::new();
        let usual = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"];
        arguments.extend(usual.map(str::to_owned));
        arguments.push(port.to_string());
        arguments.extend(["--dir".to_owned(), folder.display().to_string()]);
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        let more = more(&folder)?;
        let tls = !more.is_empty();
        arguments.extend(more);
        let position = arguments.iter().position(|option| option == "--requirepass");
        let password = position.and_then(|at| arguments.get(at + 1).cloned());
        let mut server = Server { folder, port, arguments, password, tls, keeper: None };
        server.launch()?;
        Ok(server)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL, with the password if it asks for one.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let (host, port) = (if self.tls { "localhost" } else { "127.0.0.1" }, self.port);
        let password = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("{scheme}://{password}{host}:{port}")
    }

    /// The process, for signals; nothing while it is down.
    pub fn pid(&self) -> Option<u32> {
        self.keeper.as_ref()?;
        fs::read_to_string(self.folder.join("pid")).ok()?.trim().parse().ok()
    }

    /// Ends it at once, as a crash does. What it had written stays.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut keeper) = self.keeper.take() {
            fs::write(self.folder.join("keep"), "")?;
            drop(keeper.stdin.take());
            keeper.wait()?;
            fs::remove_file(self.folder.join("keep"))?;
        }
        Ok(())
    }

    /// Starts it again after [`Server::kill`], on the same port and with what it finds in its folder.
    pub fn launch(&mut self) -> Result<()> {
        ensure!(self.keeper.is_none(), "it runs");
        let log = self.folder.join("log");
        let seen = fs::read_to_string(&log).unwrap_or_default().len();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper", "redis-server"])
            .args(&self.arguments)
            .env("FOLDER", &self.folder)
            .stdin(Stdio::piped())
            .spawn()
            .context("a shell")?;
        self.keeper = Some(keeper);
        wait_for("a Redis server", || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let new = text.get(seen..).unwrap_or_default();
            ensure!(!new.contains("not found"), "{MISSING}");
            ensure!(!new.contains("Failed listening"), "the port is taken:\n{new}");
            ensure!(!new.contains("FATAL CONFIG"), "{new}");
            // The sentinel says something else.
            Ok(new.contains("Ready to accept connections") || new.contains("Sentinel ID is"))
        })
    }

    /// Kills it and starts it again.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.launch()
    }

    /// Runs a command and gives the answer as text: a bulk as it is, a list line by line.
    pub fn command(&self, arguments: &[&str]) -> Result<String> {
        command(self.port, self.password.as_deref(), arguments)
    }

    /// Its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match self.keeper.take() {
            Some(mut keeper) => {
                drop(keeper.stdin.take());
                let _ = keeper.wait();
            }
            None => {
                let _ = fs::remove_dir_all(&self.folder);
            }
        }
    }
}

/// Three servers that are one cluster.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes.
    pub nodes: Vec<Server>,
}

impl Cluster {
    /// Starts them and waits until they agree.
    pub fn start() -> Result<Cluster> {
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000"];
        let nodes = (0..3).map(|_| Server::start(&options)).collect::<Result<Vec<_>>>()?;
        for (at, slots) in [0..5461, 5461..10923, 10923..16384].into_iter().enumerate() {
            // One by one: there are no ranges before version 7.
            let slots: Vec<String> = slots.map(|slot| slot.to_string()).collect();
            let command: Vec<&str> =
                ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots.iter().map(String::as_str)).collect();
            nodes[at].command(&command)?;
            if at > 0 {
                nodes[at].command(&["CLUSTER", "MEET", "127.0.0.1", &nodes[0].port.to_string()])?;
            }
        }
        for node in &nodes {
            wait_for("a cluster", || {
                let told = node.command(&["CLUSTER", "INFO"])?;
                Ok(told.contains("cluster_state:ok") && told.contains("cluster_known_nodes:3"))
            })?;
        }
        Ok(Cluster { nodes })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let nodes: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }
}

/// A server, its replica, and the sentinels that watch both.
#[derive(Debug)]
pub struct Watched {
    /// The first is the master at the start.
    pub servers: Vec<Server>,
    sentinels: Vec<Server>,
    _files: TempDir,
}

impl Watched {
    /// What the sentinels call it.
    pub const SERVICE: &str = "work";

    /// Starts all of them and waits until they know each other.
    pub fn start() -> Result<Watched> {
        let master = Server::start(&[])?;
        let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port.to_string()])?;
        wait_for("a replica", || {
            Ok(replica.command(&["INFO", "replication"])?.contains("master_link_status:up"))
        })?;
        let files = tempfile::tempdir()?;
        let mut sentinels = Vec::new();
        for number in 0..3 {
            let file = files.path().join(format!("sentinel-{number}.conf"));
            let (name, port) = (Watched::SERVICE, master.port);
            // They write to the file what they learn.
            fs::write(
                &file,
                format!(
                    "sentinel monitor {name} 127.0.0.1 {port} 2\nsentinel down-after-milliseconds {name} 1000\n\
                     sentinel failover-timeout {name} 5000\n"
                ),
            )?;
            sentinels.push(Server::sentinel(&file)?);
        }
        for sentinel in &sentinels {
            wait_for("the sentinels", || {
                let told = sentinel.command(&["INFO", "sentinel"])?;
                Ok(told.contains("slaves=1") && told.contains("sentinels=3"))
            })?;
        }
        Ok(Watched { servers: vec![master, replica], sentinels, _files: files })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        let sentinels: Vec<_> = self.sentinels.iter().map(|one| format!("127.0.0.1:{}", one.port)).collect();
        format!("redis+sentinel://{}/{}", sentinels.join(","), Watched::SERVICE)
    }
}

impl Server {
    fn sentinel(file: &Path) -> Result<Server> {
        let (folder, port) = (tempfile::Builder::new().prefix("sl-redis-").tempdir()?.keep(), free_port()?);
        let arguments = [
            file.display().to_string(),
            "--sentinel".to_owned(),
            "--bind".to_owned(),
            "127.0.0.1".to_owned(),
            "--port".to_owned(),
            port.to_string(),
            "--dir".to_owned(),
            folder.display().to_string(),
        ];
        let arguments = arguments.into();
        let mut server = Server { folder, port, arguments, password: None, tls: false, keeper: None };
        server.launch()?;
        Ok(server)
    }
}

/// A port that is free now, with room for that of the cluster's bus, ten thousand above.
fn free_port() -> Result<u16> {
    loop {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        if port < 55_000 {
            return Ok(port);
        }
    }
}

fn wait_for(what: &str, mut there: impl FnMut() -> Result<bool>) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while !there()? {
        ensure!(Instant::now() < until, "{what} did not come up within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn command(port: u16, password: Option<&str>, arguments: &[&str]) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    if let Some(password) = password {
        send(&mut stream, &["AUTH", password])?;
        answer(&mut answers)?;
    }
    send(&mut stream, arguments)?;
    answer(&mut answers)
}

fn send(stream: &mut TcpStream, arguments: &[&str]) -> Result<()> {
    let mut text = format!("*{}\r\n", arguments.len());
    for argument in arguments {
        text += &format!("${}\r\n{argument}\r\n", argument.len());
    }
    Ok(stream.write_all(text.as_bytes())?)
}

fn answer(stream: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let (kind, rest) = line.trim_end().split_at_checked(1).context("an answer")?;
    match kind {
        "+" | ":" => Ok(rest.to_owned()),
        "-" => bail!("{rest}"),
        "$" => {
            let Ok(length) = rest.parse::<usize>() else { return Ok(String::new()) };
            let mut bytes = vec![0; length + 2];
            stream.read_exact(&mut bytes)?;
            bytes.truncate(length);
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
        "*" => {
            let parts = (0..rest.parse::<usize>().unwrap_or(0)).map(|_| answer(stream));
            Ok(parts.collect::<Result<Vec<_>>>()?.join("\n"))
        }
        _ => bail!("{line}"),
    }
}
