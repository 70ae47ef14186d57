//! `GET /api/v1/events`: the live feed as server-sent events.

use std::{convert::Infallible, fmt::Write, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use futures_util::stream::poll_fn;
use serde::Deserialize;
use serde_json::json;
use syncline_service::feed::{Delivery, Reader, Start, control_event};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};
use utoipa::IntoParams;

use super::{CHECK_EVERY, come_back, filter, places::Place, still_valid, too_slow};
use crate::{
    access::{By, token},
    connections::Held,
    extract::{StrictQuery, invalid_query},
    problem::Problem,
    state::ApiState,
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A comment is sent after this time without an event, so that proxies keep the connection.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The longest stream. Clients come back by themselves, perhaps to another server.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// The time after which a client comes back when its connection is lost.
const RETRY: Duration = Duration::from_secs(3);

/// What is wanted of the feed.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    /// Rooms with commas between: `project:KEY`, `sync:ID`, `entity:ID`, `queue:NAME`, `all`.
    rooms: Option<String>,
    /// Types with commas between: `run.completed`, `run.*`.
    types: Option<String>,
    /// Go on after this position. The header `Last-Event-ID` says the same and comes first.
    #[param(pattern = "^[0-9]{1,18}$")]
    after: Option<String>,
}

/// Stream what happens, as server-sent events
///
/// `data` of each event is a CloudEvent. `/ws` has the same over a WebSocket. A client that comes back goes on where it was
/// by `Last-Event-ID`; `feed.reset` says that it cannot.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    operation_id = "stream_events",
    tag = "events",
    params(
        Wanted,
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that the client got.", pattern = "^[0-9]{1,18}$"),
    ),
    responses((
        status = 200,
        description = "Events, until the client goes or half an hour is over.",
        content_type = "text/event-stream",
        body = String,
    )),
)]
pub(crate) async fn events(
    State(api): State<ApiState>,
    by: By,
    held: Held,
    headers: HeaderMap,
    StrictQuery(wanted): StrictQuery<Wanted>,
) -> Result<Response, Problem> {
    let types =
        wanted.types.unwrap_or_default().parse().map_err(|told: String| invalid_query("types", &told))?;
    let rooms = wanted.rooms.unwrap_or_default();
    let rooms: Vec<&str> = rooms.split(',').map(str::trim).filter(|room| !room.is_empty()).collect();
    if rooms.len() > syncline_service::feed::MOST_ROOMS {
        let told = format!(
            "there are {} rooms; at most {} go into one stream",
            rooms.len(),
            syncline_service::feed::MOST_ROOMS
        );
        return Err(invalid_query("rooms", &told));
    }
    let after = after(&headers, wanted.after.as_deref())?;
    let filter = filter(&api, &by, &rooms, &types).await?;
    let place = api.live.places.enter().and_then(|place| place.of(by.0.token)).map_err(|full| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy", full.to_string()).with_retry_after(5)
    })?;
    let (start, reset) = match api.live.feed.read(after, filter).await? {
        Start::At(reader) => (reader, None),
        Start::Lost { asked, reader } => (reader, Some(asked)),
    };
    let (to, mut from) = mpsc::channel(1);
    let token = token(&headers)?.map(str::to_owned);
    let stream = Stream { api, reader: start, token, to, held, _place: place };
    tokio::spawn(stream.run(reset));
    let body = Body::from_stream(poll_fn(move |context| from.poll_recv(context)));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx collects responses otherwise.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// The position after which the client goes on.
fn after(headers: &HeaderMap, query: Option<&str>) -> Result<Option<i64>, Problem> {
    let header = headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("(not ASCII)"));
    let (name, text) = match (header.filter(|text| !text.is_empty()), query) {
        (Some(text), _) => ("Last-Event-ID", text),
        (None, Some(text)) => ("after", text),
        (None, None) => return Ok(None),
    };
    match text.parse() {
        Ok(position) if position >= 0 => Ok(Some(position)),
        _ => Err(invalid_query(name, "it is the id of an event, a whole number from 0")),
    }
}

/// A chunk for the client.
type Chunk = Result<Bytes, Infallible>;

struct Stream {
    api: ApiState,
    reader: Reader,
    token: Option<String>,
    to: mpsc::Sender<Chunk>,
    held: Held,
    _place: Place,
}

impl Stream {
    async fn run(mut self, reset: Option<i64>) {
        let (end, mut check) = (Instant::now() + LONGEST, Instant::now() + CHECK_EVERY);
        let mut text = format!(": events\nretry: {}\n", (RETRY + come_back() / 2).as_millis());
        let position = self.reader.position();
        match reset {
            Some(asked) => {
                let data = json!({ "asked": asked, "position": position });
                let event = control_event("feed.reset", position, data);
                let _ = write!(text, "id: {position}\nevent: feed.reset\ndata: {event}\n\n");
            }
            // An id without data is remembered by clients, and is no event.
            None => text += &format!("id: {position}\n\n"),
        }
        let stop = self.api.live.stop.clone();
        while self.send(std::mem::take(&mut text)).await {
            let last = tokio::select! {
                biased;
                () = stop.cancelled() => {
                    Some(format!(": the server ends; another one goes on\nretry: {}\n\n", come_back().as_millis()))
                }
                () = self.to.closed() => return,
                () = sleep_until(end) => Some(": half an hour is over; come back\n\n".to_owned()),
                () = sleep_until(check) => {
                    check += CHECK_EVERY;
                    let valid = still_valid(&self.api, self.token.as_deref()).await;
                    if valid { continue_quietly(&mut text) } else { Some(": the token is not valid any more\n\n".to_owned()) }
                }
                events = self.reader.next() => match events {
                    Ok(events) => {
                        events.iter().for_each(|event| write_event(&mut text, event));
                        None
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a stream of the live feed ends");
                        Some(": the database is away; come back\n\n".to_owned())
                    }
                },
                () = sleep(HEARTBEAT) => {
                    text.push_str(": alive\n\n");
                    None
                }
            };
            if let Some(last) = last {
                self.send(last).await;
                return;
            }
        }
    }

    /// False: the client is gone, or so slow that it goes.
    async fn send(&self, text: String) -> bool {
        if text.is_empty() {
            return true;
        }
        tokio::select! {
            biased;
            sent = self.to.send(Ok(text.into())) => sent.is_ok(),
            () = too_slow(Some(&self.reader)) => {
                tracing::debug!(position = self.reader.position(), "a reader of the live feed is too slow and goes");
                // The client still has what is on its way, and goes on by the last id that it got.
                self.held.leave();
                false
            }
        }
    }
}

fn continue_quietly(text: &mut String) -> Option<String> {
    text.push_str(": alive\n\n");
    None
}

fn write_event(text: &mut String, event: &Delivery) {
    // JSON on one line has no line break, which would end the field.
    let Delivery { seq, kind, text: data, .. } = event;
    // A client goes on from the last id: what is not kept has none.
    if *seq > 0 {
        let _ = writeln!(text, "id: {seq}");
    }
    let _ = write!(text, "event: {kind}\ndata: {data}\n\n");
}
