//! The accept loop. `axum::serve` has no timeout for the head of a request, so a client that sends it byte by byte
//! would keep its connection for ever.

use std::{
    convert::Infallible,
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, response::Response};
use hyper::{
    body::Incoming,
    rt::{Read, Write},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{
    access::Peer,
    connections::{Connections, Held, Running, Seat, Sent},
    tls::{HTTP_2, Tls},
};

/// Timeout of a handshake, of the head of a request, and of an idle connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a connection of HTTP/2 is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(20);

/// The largest head of a request, in bytes.
const MAX_HEAD: u32 = 64 * 1024;

/// Requests at one time on one connection of HTTP/2.
const STREAMS: u32 = 64;

/// How long requests may run after the shutdown.
const DRAIN: Duration = Duration::from_secs(10);

/// How long a new connection waits while all others are busy.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Serves connections until shutdown, then lets running requests finish for `DRAIN`.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let all = Connections::new();
    let mut connections = JoinSet::new();
    while let Some((stream, peer, seat)) = accept(&listener, &all, &mut connections, &shutdown).await {
        let seat = Arc::new(seat);
        let one = Connection { peer, router: router.clone(), shutdown: shutdown.clone(), seat };
        connections.spawn(one.serve(stream, tls.clone()));
    }
    drop(listener);
    let open = connections.len();
    tracing::debug!(open, "no new connections; waiting for running requests");
    let drained = timeout(DRAIN, async {
        while let Some(ended) = connections.join_next().await {
            note(ended);
        }
        // WebSockets have left their connections' tasks.
        while !all.is_empty() {
            sleep(LOOK_EVERY).await;
        }
    });
    if drained.await.is_err() {
        tracing::warn!(open = connections.len(), "requests still ran at the end of the wait and were cut");
    }
    Ok(())
}

/// Returns the next connection and its seat; none after the shutdown. No error of `accept` ends the loop: too many open
/// files is temporary.
async fn accept(
    listener: &TcpListener,
    all: &Connections,
    connections: &mut JoinSet<()>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, Seat)> {
    let next = async {
        let (stream, peer) = loop {
            match listener.accept().await {
                Ok(accepted) => break accepted,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "no connection can be accepted; trying again in a second");
                    sleep(Duration::from_secs(1)).await;
                }
            }
        };
        loop {
            match all.enter() {
                Some(seat) => return (stream, peer, seat),
                None => sleep(LOOK_EVERY).await,
            }
        }
    };
    let mut next = pin!(next);
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return None,
            Some(ended) = connections.join_next(), if !connections.is_empty() => note(ended),
            accepted = &mut next => return Some(accepted),
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked");
    }
}

/// A connection and what it needs.
struct Connection {
    peer: SocketAddr,
    router: Router,
    shutdown: CancellationToken,
    seat: Arc<Seat>,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<Tls>) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection stays with delayed writes");
        }
        let leave = self.seat.leave();
        let Some(tls) = tls else {
            leave.run_until_cancelled(self.one(TokioIo::new(stream))).await;
            return;
        };
        let whole = async {
            match timeout(HEADER_TIMEOUT, tls.acceptor().accept(stream)).await {
                Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) => {
                    self.two(TokioIo::new(stream)).await;
                }
                Ok(Ok(stream)) => self.one(TokioIo::new(stream)).await,
                Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
                Err(_) => tracing::debug!("a handshake did not end in time"),
            }
        };
        leave.run_until_cancelled(whole).await;
    }

    /// Serves requests of HTTP/1.
    async fn one(&self, io: impl Read + Write + Unpin + Send + 'static) {
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(MAX_HEAD as usize)
            .serve_connection(io, service_fn(|request| self.answer(request)))
            .with_upgrades();
        let mut served = pin!(served);
        let ended = tokio::select! {
            ended = served.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    /// Serves requests of HTTP/2.
    async fn two(&self, io: impl Read + Write + Unpin) {
        let (router, peer, counter) = (self.router.clone(), self.peer, self.seat.counter());
        let served = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(HEADER_TIMEOUT)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(MAX_HEAD)
            .serve_connection(
                io,
                service_fn(move |request| answer(router.clone(), peer, counter.begin(), request)),
            );
        let mut served = pin!(served);
        let ended = tokio::select! {
            ended = served.as_mut() => ended,
            () = self.shutdown.cancelled() => {
                served.as_mut().graceful_shutdown();
                served.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + use<> {
        let mut request = request;
        request.extensions_mut().insert(Held::of(&self.seat));
        answer(self.router.clone(), self.peer, self.seat.counter().begin(), request)
    }
}

/// Answers a request, which counts as running until its answer is sent.
async fn answer(
    router: Router,
    peer: SocketAddr,
    running: Running,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    let response = router.oneshot(request).await?;
    Ok(response.map(|body| Body::new(Sent::new(body, running))))
}
