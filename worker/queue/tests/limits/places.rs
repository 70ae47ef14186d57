//! Stores for the tests: each test has subjects of its own, and each caller a store object of its own.

use std::{
    any::Any,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use syncline_queue::limits::{BreakerPolicy, Limits, MemoryLimits, RedisLimits, SqlLimits, TestClock};

use crate::support;

/// Makes a store object over the same state, by this clock or by the store's own.
pub(crate) type Open = Box<dyn Fn(Option<TestClock>) -> Arc<dyn Limits> + Send + Sync>;

/// The breakers of the tests: three failures, ten seconds.
pub(crate) const POLICY: BreakerPolicy = BreakerPolicy {
    failures: 3,
    window: Duration::from_secs(60),
    open_for: Duration::from_secs(10),
    longest: Duration::from_secs(40),
    probes: 1,
    probe_for: Duration::from_secs(20),
    successes: 2,
};

/// A state and the way to it.
pub(crate) struct Place {
    pub(crate) open: Open,
    _guard: Box<dyn Any + Send + Sync>,
}

impl Place {
    fn new<L: Limits>(
        guard: impl Any + Send + Sync,
        open: impl Fn(Option<TestClock>) -> L + Send + Sync + 'static,
    ) -> Self {
        Self { open: Box::new(move |clock| Arc::new(open(clock))), _guard: Box::new(guard) }
    }
}

pub(crate) async fn memory() -> Place {
    let shared = MemoryLimits::new(POLICY);
    Place::new((), move |clock| {
        let limits = shared.clone();
        match clock {
            Some(clock) => limits.with_clock(clock),
            None => limits,
        }
    })
}

pub(crate) async fn sqlite() -> Place {
    let stage = support::sqlite().await;
    sql(stage)
}

pub(crate) async fn postgres() -> Place {
    let stage = support::postgres().await;
    sql(stage)
}

fn sql(stage: support::Stage) -> Place {
    let db = stage.db.clone();
    Place::new(stage, move |clock| {
        let limits = SqlLimits::new(db.clone(), POLICY);
        match clock {
            Some(clock) => limits.with_clock(clock),
            None => limits,
        }
    })
}

pub(crate) async fn redis() -> Place {
    let server = Server::start();
    let connections: Vec<_> = {
        let mut all = Vec::new();
        for _ in 0..8 {
            all.push(server.connect().await);
        }
        all
    };
    let next = std::sync::atomic::AtomicUsize::new(0);
    Place::new(server, move |clock| {
        let one = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % connections.len();
        let limits = RedisLimits::new(connections[one].clone(), "tests", POLICY);
        match clock {
            Some(clock) => limits.with_clock(clock),
            None => limits,
        }
    })
}

/// A redis-server on a socket in a temporary folder.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    child: Child,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let child = Self::spawn(folder.path());
        Self { folder, child }
    }

    fn spawn(folder: &Path) -> Child {
        Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--dir"])
            .arg(folder)
            .arg("--unixsocket")
            .arg(folder.join("redis.sock"))
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server; install it (Debian: apt-get install redis-server)")
    }

    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn start_again(&mut self) {
        self.child = Self::spawn(self.folder.path());
    }

    pub(crate) async fn connect(&self) -> redis::aio::ConnectionManager {
        let url = format!("redis+unix://{}", self.folder.path().join("redis.sock").display());
        let client = redis::Client::open(url).expect("a socket's URL");
        for _ in 0..500 {
            if let Ok(connection) = client.get_connection_manager().await {
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("redis-server did not start within ten seconds");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
