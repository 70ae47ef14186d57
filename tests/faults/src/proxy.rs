//! A proxy between workers and their store that does to a small share of replies what networks do.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::mpsc,
    task::JoinHandle,
};

/// Where the store is.
#[derive(Debug, Clone)]
pub(crate) enum Store {
    Port(u16),
    Socket(PathBuf),
}

/// What is done to a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// It comes later.
    Delay,
    /// Part of it comes, and then the connection is gone.
    Cut,
    /// Nothing comes any more, either way, and nobody says so.
    BlackHole,
    /// The store has answered, and the connection is gone before the answer comes.
    Drop,
}

impl Harm {
    pub(crate) const ALL: [Harm; 4] = [Harm::Delay, Harm::Cut, Harm::BlackHole, Harm::Drop];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Harm::Delay => "delayed",
            Harm::Cut => "cut off",
            Harm::BlackHole => "black-holed",
            Harm::Drop => "dropped",
        }
    }

    /// How long it lasts at most.
    pub(crate) fn length(self) -> Duration {
        match self {
            Harm::Delay => DELAY,
            Harm::BlackHole => HOLE,
            Harm::Cut | Harm::Drop => Duration::ZERO,
        }
    }
}

const DELAY: Duration = Duration::from_millis(1_500);
const HOLE: Duration = Duration::from_secs(12);

/// Runs until it is dropped.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    accepting: JoinHandle<()>,
}

#[derive(Clone)]
struct Fate {
    share: f64,
    random: Arc<Mutex<StdRng>>,
    told: mpsc::UnboundedSender<Harm>,
}

impl Fate {
    /// What becomes of the next reply, and how far into it or how late.
    fn draw(&self) -> (Option<Harm>, f64) {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let harm = random.random_bool(self.share).then(|| Harm::ALL[random.random_range(0..4)]);
        if let Some(harm) = harm {
            let _ = self.told.send(harm);
        }
        (harm, random.random())
    }
}

impl Proxy {
    /// Harms this share of replies, and tells of each.
    pub(crate) async fn start(
        store: Store,
        share: f64,
        seed: u64,
    ) -> Result<(Proxy, mpsc::UnboundedReceiver<Harm>)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (told, harms) = mpsc::unbounded_channel();
        let fate = Fate { share, random: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))), told };
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let _ = client.set_nodelay(true);
                tokio::spawn(serve(client, store.clone(), fate.clone()));
            }
        });
        Ok((Proxy { port, accepting }, harms))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(client: TcpStream, store: Store, fate: Fate) {
    let (from_client, to_client) = client.into_split();
    let result = match store {
        Store::Port(port) => match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(store) => {
                let _ = store.set_nodelay(true);
                let (from_store, to_store) = store.into_split();
                carry(from_client, to_store, from_store, to_client, fate).await
            }
            Err(error) => Err(error),
        },
        Store::Socket(path) => match UnixStream::connect(path).await {
            Ok(store) => {
                let (from_store, to_store) = store.into_split();
                carry(from_client, to_store, from_store, to_client, fate).await
            }
            Err(error) => Err(error),
        },
    };
    // Either side may go at any time.
    drop(result);
}

/// Carries both ways until one ends, or until fate ends it.
async fn carry(
    mut from_client: impl AsyncRead + Unpin,
    mut to_store: impl AsyncWrite + Unpin,
    mut from_store: impl AsyncRead + Unpin,
    mut to_client: impl AsyncWrite + Unpin,
    fate: Fate,
) -> std::io::Result<()> {
    let requests = async {
        tokio::io::copy(&mut from_client, &mut to_store).await?;
        to_store.shutdown().await
    };
    let replies = async {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from_store.read(&mut buffer).await?;
            if length == 0 {
                return Ok(false);
            }
            let (harm, how) = fate.draw();
            match harm {
                None => {}
                Some(Harm::Delay) => tokio::time::sleep(DELAY.mul_f64(how)).await,
                Some(Harm::Cut) => {
                    let part = (length as f64 * how) as usize;
                    to_client.write_all(&buffer[..part]).await?;
                    return Ok(false);
                }
                Some(Harm::Drop) => return Ok(false),
                Some(Harm::BlackHole) => return Ok(true),
            }
            to_client.write_all(&buffer[..length]).await?;
        }
    };
    let hole = tokio::select! {
        ended = requests => ended.map(|()| false),
        ended = replies => ended,
    }?;
    if hole {
        tokio::time::sleep(HOLE).await;
    }
    Ok(())
}
