//! The accept loop, and the steps of a request: faults, platform, log.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    http::{Request, Response},
};
use futures_util::stream;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

use crate::{
    control, deliver,
    fault::{Kind, When},
    http::{Call, Reply},
    page,
    platform::Canned,
    world::{Shared, World},
};

/// The largest body of a request, in bytes.
const MAX_BODY: usize = 32 * 1024 * 1024;

/// Accepts connections until it is dropped; open connections end with it.
pub(crate) async fn serve(listener: TcpListener, address: SocketAddr, shared: Shared) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, address, shared.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, address: SocketAddr, shared: Shared) {
    let _ = stream.set_nodelay(true);
    let Ok((stream, socket)) = with_handle(stream) else { return };
    let service = service_fn(move |request| respond(request, address, shared.clone(), socket.clone()));
    let served =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// A second handle of a connection's socket. The HTTP server gives no access to its own, and a reset needs one.
#[derive(Clone)]
struct Socket(Arc<std::net::TcpStream>);

fn with_handle(stream: TcpStream) -> std::io::Result<(TcpStream, Socket)> {
    let stream = stream.into_std()?;
    let handle = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, Socket(Arc::new(handle))))
}

/// Ends a connection without a response.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection ends here on purpose")
    }
}

impl std::error::Error for Cut {}

impl Socket {
    /// Makes the connection reset when it is closed.
    fn reset(&self) -> Cut {
        let _ = socket2::SockRef::from(&*self.0).set_linger(Some(Duration::ZERO));
        Cut
    }
}

async fn respond(
    request: Request<Incoming>,
    address: SocketAddr,
    shared: Shared,
    socket: Socket,
) -> Result<Response<Body>, Cut> {
    let (parts, body) = request.into_parts();
    let host = parts.headers.get("host").and_then(|host| host.to_str().ok());
    let root = host.map_or_else(|| format!("http://{address}"), |host| format!("http://{host}"));
    let query = parts.uri.query().unwrap_or_default();
    let mut call = Call::new(parts.method.as_str(), parts.uri.path(), query, root);
    call.headers = parts.headers;
    call.body = to_bytes(Body::new(body), MAX_BODY).await.map_err(|_| Cut)?.to_vec();
    let reply = match shared.platform_of(&call) {
        Some((at, inner)) => return of_platform(at, &inner, &shared, &socket).await,
        // A page of another site must not change anything here through a person's browser.
        None if call.header("origin").is_some_and(|origin| origin != call.root) => {
            Reply::refused(403, "requests from pages of other sites are refused")
        }
        None => {
            let mut world = shared.lock();
            match call.below("_control") {
                Some(inner) => control::answer(&mut world, &inner),
                None => page::answer(&mut world, &call),
            }
        }
    };
    deliver::send_waiting(&shared);
    Ok(response(reply))
}

/// Serves a request to a platform: first the faults before its effect, then the effect, then the faults after it.
async fn of_platform(
    at: usize,
    call: &Call,
    shared: &Shared,
    socket: &Socket,
) -> Result<Response<Body>, Cut> {
    let serving = shared.enter(call.header("authorization").unwrap_or_default());
    let (kind, latency) = {
        let mut world = shared.lock();
        let prefix = world.platforms.get(at).map_or("", |platform| platform.prefix());
        (world.faults.meet(prefix, call), world.common.latency_ms)
    };
    sleep_for(latency).await;
    let instead = match &kind {
        Some(Kind::Delay { millis }) => {
            sleep_for(*millis).await;
            None
        }
        Some(Kind::Hang { when: When::Before, .. } | Kind::Reset { when: When::Before }) => {
            shared.lock().note(at, call, None, kind.as_ref());
            return end(kind.as_ref(), socket).await;
        }
        Some(Kind::Status { status, body, retry_after }) => {
            Some((Canned::Status(*status), body.clone(), retry_after.clone()))
        }
        Some(Kind::RateLimit { limit, status, retry_after }) => {
            Some((Canned::Limited { limit: *limit, status: *status }, None, retry_after.clone()))
        }
        _ => None,
    };
    let reply = {
        let mut world = shared.lock();
        let scene = world.scene(&serving.credentials);
        let platform = world.platforms.get_mut(at).ok_or(Cut)?;
        let reply = match instead {
            Some((canned, body, retry_after)) => {
                adjusted(platform.canned(call, &scene, &canned), body, retry_after)
            }
            None => platform.answer(call, &scene),
        };
        world.note(at, call, Some(&reply), kind.as_ref());
        reply
    };
    deliver::send_waiting(shared);
    match &kind {
        Some(Kind::Hang { when: When::After, .. } | Kind::Reset { when: When::After }) => {
            end(kind.as_ref(), socket).await
        }
        Some(Kind::Truncate { keep }) => Ok(truncated(reply, *keep)),
        _ => Ok(response(reply)),
    }
}

async fn sleep_for(millis: u64) {
    if millis > 0 {
        sleep(Duration::from_millis(millis)).await;
    }
}

/// Ends the connection as the fault requires.
async fn end(kind: Option<&Kind>, socket: &Socket) -> Result<Response<Body>, Cut> {
    match kind {
        Some(Kind::Hang { seconds, .. }) => {
            sleep(Duration::try_from_secs_f64(*seconds).unwrap_or_default()).await;
            Err(Cut)
        }
        _ => Err(socket.reset()),
    }
}

/// Sets the body and the header of a fault in a canned reply.
fn adjusted(mut reply: Reply, body: Option<Value>, retry_after: Option<Value>) -> Reply {
    match body {
        Some(Value::String(text)) => reply.body = text.into_bytes(),
        Some(body) => reply.body = body.to_string().into_bytes(),
        None => {}
    }
    if let Some(after) = retry_after {
        let after = after.as_str().map_or_else(|| after.to_string(), str::to_owned);
        reply.headers.retain(|(name, _)| *name != "retry-after");
        if after != "null" {
            reply = reply.with("retry-after", after);
        }
    }
    reply
}

fn head(reply: &Reply) -> axum::http::response::Builder {
    let mut head = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        head = head.header(*name, value);
    }
    head
}

fn response(reply: Reply) -> Response<Body> {
    let head = head(&reply);
    head.body(Body::from(reply.body)).unwrap_or_else(|error| {
        tracing::error!(%error, "a response of the simulator is no HTTP");
        let mut failed = Response::new(Body::empty());
        *failed.status_mut() = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
        failed
    })
}

/// Creates a response that announces its whole length and ends early.
fn truncated(reply: Reply, keep: f64) -> Response<Body> {
    let whole = reply.body.len();
    let kept = ((whole as f64 * keep.clamp(0.0, 1.0)) as usize).min(whole.saturating_sub(1));
    let part = reply.body[..kept].to_vec();
    let head = head(&reply).header("content-length", whole);
    // Without the pause the part and the end would reach the socket together, and the part might not be sent.
    let parts = stream::unfold(Some(part), |state| async move {
        match state {
            Some(part) => Some((Ok(part), None)),
            None => {
                sleep(Duration::from_millis(20)).await;
                Some((Err(Cut), None))
            }
        }
    });
    head.body(Body::from_stream(parts)).unwrap_or_else(|_| response(Reply::empty(500)))
}

impl Shared {
    /// Returns the position of the platform that a request is for, and the request as the platform sees it.
    fn platform_of(&self, call: &Call) -> Option<(usize, Call)> {
        let world = self.lock();
        let platforms = world.platforms.iter().enumerate();
        platforms.into_iter().find_map(|(at, platform)| Some((at, call.below(platform.prefix())?)))
    }
}

impl World {
    /// Adds a request to the log.
    fn note(&mut self, at: usize, call: &Call, reply: Option<&Reply>, kind: Option<&Kind>) {
        let now = self.clock.now();
        let prefix = self.platforms.get(at).map_or("", |platform| platform.prefix());
        let fault = kind.map(|kind| json!(kind.name()));
        self.log.add(prefix, now, call, reply, fault);
    }
}

/// Handles a request in process, without a connection. Only for requests to no platform.
pub(crate) fn in_process(shared: &Shared, call: &Call) -> Reply {
    let reply = match call.below("_control") {
        Some(inner) => control::answer(&mut shared.lock(), &inner),
        None => Reply::refused(404, "only paths below /_control are served in process"),
    };
    deliver::send_waiting(shared);
    reply
}
