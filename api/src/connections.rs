//! The open connections: how many there may be, and which one goes when another comes.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::FromRequestParts,
    http::request::Parts,
};
use hyper::body::{Frame, SizeHint};
use tokio_util::sync::CancellationToken;

/// Most connections at one time, where the system allows so many open files.
const MOST: usize = 2_816;

/// Open files that are left for everything else.
const OTHER_FILES: usize = 256;

/// The open connections of a listener. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    most: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// By age.
    places: BTreeMap<u64, Place>,
}

#[derive(Debug, Clone)]
struct Place {
    requests: Arc<AtomicUsize>,
    leave: CancellationToken,
}

impl Connections {
    pub(crate) fn new() -> Self {
        Self::of(most(open_files()))
    }

    pub(crate) fn of(most: usize) -> Self {
        Self { most, open: Arc::default() }
    }

    /// A place for a connection. If there is none, the oldest connection without a request leaves: it waits for a request
    /// that may never come. None: all of them are busy.
    pub(crate) fn enter(&self) -> Option<Seat> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.places.len() >= self.most {
            let idle = |place: &Place| place.requests.load(Ordering::Relaxed) == 0;
            let oldest = open.places.iter().find(|(_, place)| idle(place)).map(|(number, _)| *number)?;
            if let Some(place) = open.places.remove(&oldest) {
                place.leave.cancel();
            }
        }
        let number = open.next;
        open.next += 1;
        let place = Place { requests: Arc::default(), leave: CancellationToken::new() };
        open.places.insert(number, place.clone());
        Some(Seat { number, place, open: Arc::clone(&self.open) })
    }
}

impl Connections {
    /// True if no connection is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).places.is_empty()
    }
}

/// The most connections for a limit of open files.
fn most(files: Option<u64>) -> usize {
    let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    MOST.min(files.saturating_sub(OTHER_FILES).max(files / 2)).max(1)
}

/// How many files this process may have open.
#[cfg(target_os = "linux")]
fn open_files() -> Option<u64> {
    let limits = procfs::process::Process::myself().and_then(|process| process.limits()).ok()?;
    match limits.max_open_files.soft_limit {
        procfs::process::LimitValue::Value(files) => Some(files),
        procfs::process::LimitValue::Unlimited => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn open_files() -> Option<u64> {
    // The usual limit of a shell.
    Some(256)
}

/// The place of a connection, given back at its end.
#[derive(Debug)]
pub(crate) struct Seat {
    number: u64,
    place: Place,
    open: Arc<Mutex<Open>>,
}

impl Seat {
    /// Ends when the connection has to leave.
    pub(crate) fn leave(&self) -> CancellationToken {
        self.place.leave.clone()
    }

    /// Counts the requests of the connection.
    pub(crate) fn counter(&self) -> Counter {
        Counter(Arc::clone(&self.place.requests))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).places.remove(&self.number);
    }
}

/// Keeps a connection and its place for as long as a stream runs: the server gives a WebSocket's connection away.
#[derive(Debug, Clone)]
pub(crate) struct Held(Option<Arc<(Arc<Seat>, Running)>>);

impl Held {
    pub(crate) fn of(seat: &Arc<Seat>) -> Held {
        Held(Some(Arc::new((Arc::clone(seat), seat.counter().begin()))))
    }

    /// Ends the connection.
    pub(crate) fn leave(&self) {
        if let Some(held) = &self.0 {
            held.0.place.leave.cancel();
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Held {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        // A connection of HTTP/2 has other streams, and tests have none.
        Ok(parts.extensions.remove().unwrap_or(Held(None)))
    }
}

/// The running requests of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Counter(Arc<AtomicUsize>);

impl Counter {
    /// Notes that a request runs, until the value is dropped.
    pub(crate) fn begin(&self) -> Running {
        self.0.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(&self.0))
    }
}

/// A request that runs, or whose answer is being sent.
#[derive(Debug)]
pub(crate) struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer, which counts as a running request until it is sent.
#[derive(Debug)]
pub(crate) struct Sent {
    body: Body,
    _running: Running,
}

impl Sent {
    pub(crate) fn new(body: Body, running: Running) -> Sent {
        Sent { body, _running: running }
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_connection_without_a_request_leaves_for_a_new_one() {
        let connections = Connections::of(3);
        let seats: Vec<Seat> = (0..3).map(|_| connections.enter().unwrap()).collect();
        let running = seats[0].counter().begin();
        let fourth = connections.enter().unwrap();
        let gone: Vec<bool> = seats.iter().map(|seat| seat.leave().is_cancelled()).collect();
        assert_eq!(gone, [false, true, false]);
        let busy = [seats[2].counter().begin(), fourth.counter().begin()];
        assert!(connections.enter().is_none(), "all are busy");
        drop(running);
        let fifth = connections.enter().unwrap();
        assert!(seats[0].leave().is_cancelled() && !fourth.leave().is_cancelled());
        drop((seats, busy, fourth, fifth));
        assert!(connections.open.lock().unwrap().places.is_empty());
    }

    #[test]
    fn connections_leave_files_to_the_rest_of_the_process() {
        assert_eq!(most(None), MOST);
        assert_eq!(most(Some(1 << 20)), MOST);
        assert_eq!(most(Some(1_024)), 768);
        assert_eq!(most(Some(256)), 128);
    }
}
