//! Redis servers of the tests: a single one, a cluster, and one behind sentinels.
//!
//! Each has a free port and its own folder. It ends when it is dropped, and when the test process ends in any way.

mod certificate;
mod cluster;
mod sentinel;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use self::certificate::Certificate;
pub use self::{cluster::Cluster, sentinel::Watched};
use anyhow::{Context, Result, bail, ensure};

const MISSING: &str = "these tests need Redis' server program (redis-server). Install it: \
     apt-get install redis-server, dnf install redis, or brew install redis";

/// Timeout of starting a server, which is usually quick, but takes longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the server until the test process closes its end of the pipe, which happens however it ends.
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
    tls: Option<(u16, Arc<Certificate>)>,
    keeper: Option<Child>,
}

/// Returns the URL of the server that the tests of one binary share, each with its own keys; the first call starts it.
pub fn shared_url() -> Result<String> {
    static SHARED: Mutex<Option<Server>> = Mutex::new(None);
    let mut shared = SHARED.lock().map_err(|_| anyhow::anyhow!("the first start failed"))?;
    if shared.is_none() {
        *shared = Some(Server::start(&[])?);
    }
    Ok(shared.as_ref().context("a server")?.url())
}

impl Server {
    /// Starts a server with these options of redis-server. Unless they enable it, nothing is persisted.
    pub fn start(options: &[&str]) -> Result<Server> {
        Server::start_on(free_port()?, options)
    }

    /// As [`Server::start`], on this port.
    pub fn start_on(port: u16, options: &[&str]) -> Result<Server> {
        Server::begin(port, options, None)
    }

    /// Starts a server that also speaks TLS, with a certificate for this machine.
    pub fn start_tls(options: &[&str]) -> Result<Server> {
        Server::start_with(Some(&Arc::new(Certificate::new()?)), options)
    }

    /// Starts a server. With a certificate it speaks TLS, also to its replicas and within its cluster.
    fn start_with(certificate: Option<&Arc<Certificate>>, options: &[&str]) -> Result<Server> {
        Server::begin(free_port()?, options, certificate)
    }

    /// Returns the authority's certificate of a server with TLS; `server.pem` and `server.key` are in the same folder.
    pub fn authority(&self) -> Option<PathBuf> {
        self.tls.as_ref().map(|(_, certificate)| certificate.authority())
    }

    fn begin(port: u16, options: &[&str], certificate: Option<&Arc<Certificate>>) -> Result<Server> {
        let folder = tempfile::Builder::new().prefix("sl-redis-").tempdir()?.keep();
        let mut arguments: Vec<String> = Vec::new();
        let usual = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"];
        arguments.extend(usual.map(str::to_owned));
        arguments.push(port.to_string());
        arguments.extend(["--dir".to_owned(), folder.display().to_string()]);
        let tls = tls(certificate, &mut arguments)?;
        arguments.extend(options.iter().map(|option| (*option).to_owned()));
        let position = arguments.iter().position(|option| option == "--requirepass");
        let password = position.and_then(|at| arguments.get(at + 1).cloned());
        let mut server = Server { folder, port, arguments, password, tls, keeper: None };
        server.launch()?;
        Ok(server)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the port of the server's URL: that of TLS if it speaks TLS.
    fn open_port(&self) -> u16 {
        self.tls.as_ref().map_or(self.port, |(port, _)| *port)
    }

    /// Returns the URL, with the password if there is one.
    pub fn url(&self) -> String {
        let (scheme, host) =
            if self.tls.is_some() { ("rediss", "localhost") } else { ("redis", "127.0.0.1") };
        let password = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("{scheme}://{password}{host}:{}", self.open_port())
    }

    /// Returns the process id; none while it is down.
    pub fn pid(&self) -> Option<u32> {
        self.keeper.as_ref()?;
        fs::read_to_string(self.folder.join("pid")).ok()?.trim().parse().ok()
    }

    /// Kills it, as in a crash. Its files stay.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut keeper) = self.keeper.take() {
            fs::write(self.folder.join("keep"), "")?;
            drop(keeper.stdin.take());
            keeper.wait()?;
            fs::remove_file(self.folder.join("keep"))?;
        }
        Ok(())
    }

    /// Starts it again after [`Server::kill`], on the same port and with the same folder.
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
            // A sentinel logs a different line.
            Ok(new.contains("Ready to accept connections") || new.contains("Sentinel ID is"))
        })
    }

    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        self.launch()
    }

    /// Runs a command and returns its answer as text: a bulk string as it is, a list line by line.
    pub fn command(&self, arguments: &[&str]) -> Result<String> {
        command(self.port, self.password.as_deref(), arguments)
    }

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

/// Adds the TLS options if there is a certificate, and returns the TLS port.
fn tls(
    certificate: Option<&Arc<Certificate>>,
    arguments: &mut Vec<String>,
) -> Result<Option<(u16, Arc<Certificate>)>> {
    let Some(certificate) = certificate else { return Ok(None) };
    let port = free_port()?;
    let options = certificate.options(port).into_iter();
    arguments.extend(options.flat_map(|(name, value)| [format!("--{name}"), value]));
    Ok(Some((port, Arc::clone(certificate))))
}

/// Returns a free port; the port of the cluster bus, ten thousand above, must be valid, too.
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
