//! `/ws`: the live feed over a WebSocket.

use std::{borrow::Cow, time::Duration};

use axum::{
    extract::{
        FromRequestParts, Request, State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures_util::SinkExt;
use syncline_service::{
    Scope,
    feed::{Delivery, MOST_ROOMS, Reader, Room, Start, Types},
};
use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

use super::{
    CHECK_EVERY, come_back, filter,
    message::{Asked, Close, LARGEST, Limits, MOST_A_SECOND, Told, event},
    places::Place,
    still_valid, too_slow,
};
use crate::{
    access::{By, Need, caller, token},
    connections::Held,
    guard::check_page,
    problem::Problem,
    state::ApiState,
};

/// How long the first message may take.
const AUTH: Duration = Duration::from_secs(5);
const PING_EVERY: Duration = Duration::from_secs(20);
/// A client that sends nothing for this long, not even the answer to a ping, is gone.
const SILENT: Duration = Duration::from_secs(45);
/// How long the goodbye may take.
const GOODBYE: Duration = Duration::from_secs(5);

/// Opens a WebSocket. A token in the header is checked before.
pub(super) async fn open(State(api): State<ApiState>, held: Held, request: Request) -> Response {
    match try_open(api, held, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn try_open(api: ApiState, held: Held, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    check_page(&api.hosts, &parts.uri, &parts.headers)?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.map_err(|rejection| {
        let detail = format!("/ws speaks WebSocket alone, over HTTP/1.1: {}", rejection.body_text());
        Problem::new(StatusCode::BAD_REQUEST, "no-websocket", "No WebSocket", detail)
    })?;
    let given = token(&parts.headers)?.map(str::to_owned);
    let need = Need::of(Scope::Read);
    let by = match caller(&api, need, &parts, given.as_deref()).await {
        Ok((caller, _)) => Some(By(caller)),
        // The token comes in the first message.
        Err(problem) if given.is_none() && problem.status == 401 => None,
        Err(problem) => return Err(problem),
    };
    let full = |full: super::places::Full| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy", full.to_string()).with_retry_after(5)
    };
    let place = api.live.places.enter().map_err(full)?;
    let upgrade = upgrade
        .max_message_size(LARGEST)
        .max_frame_size(LARGEST)
        .on_failed_upgrade(|error| tracing::debug!(%error, "a WebSocket was not opened"));
    Ok(upgrade.on_upgrade(move |socket| async move {
        // Before the token is known there is nothing to say but goodbye.
        let session =
            Session { api, socket, token: given, reader: None, messages: Messages::default(), sent: 0 };
        session.run(by, parts, place).await;
        drop(held);
    }))
}

/// Why a session ends. None: the client is gone.
type End = Option<(Close, Cow<'static, str>)>;

fn end(code: Close, why: impl Into<Cow<'static, str>>) -> End {
    Some((code, why.into()))
}

struct Session {
    api: ApiState,
    socket: WebSocket,
    token: Option<String>,
    /// From the first subscription on.
    reader: Option<Reader>,
    messages: Messages,
    /// The position of the last event that was put on its way.
    sent: i64,
}

impl Session {
    async fn run(mut self, by: Option<By>, parts: axum::http::request::Parts, place: Place) {
        let Err(ended) = self.serve(by, parts, place).await;
        let Some((code, mut why)) = ended else { return };
        if code == Close::Slow {
            why = format!("too slow; go on after {}", self.sent).into();
        }
        tracing::debug!(?code, %why, "a WebSocket of the live feed ends");
        let frame = CloseFrame { code: code as u16, reason: (*why).into() };
        let goodbye = async {
            self.socket.send(Message::Close(Some(frame))).await?;
            // Until the client has answered, or the connection would be cut before it has read.
            while let Some(Ok(_)) = self.socket.recv().await {}
            Ok::<_, axum::Error>(())
        };
        let _ = timeout(GOODBYE, goodbye).await;
    }

    async fn serve(
        &mut self,
        by: Option<By>,
        parts: axum::http::request::Parts,
        place: Place,
    ) -> Result<std::convert::Infallible, End> {
        let by = match by {
            Some(by) => by,
            None => self.authenticate(&parts).await?,
        };
        drop(parts);
        let _place = place.of(by.0.token).map_err(|full| end(Close::Limit, full.to_string()))?;
        self.tell(&Told::Hello { session: Uuid::now_v7(), limits: Limits::OWN }).await?;
        let stop = self.api.live.stop.clone();
        let (mut ping, mut check) = (Instant::now() + PING_EVERY, Instant::now() + CHECK_EVERY);
        let mut heard = Instant::now();
        loop {
            let Session { socket, reader, .. } = &mut *self;
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    let wait = come_back().as_millis();
                    return Err(end(Close::Restart, format!("the server ends; come back in {wait} ms")));
                }
                message = socket.recv() => {
                    heard = Instant::now();
                    self.hear(&by, message).await?;
                }
                events = next(reader) => {
                    let events = events.map_err(|error| {
                        tracing::debug!(%error, "a WebSocket of the live feed reads no more");
                        end(Close::Outage, "the database is away; come back")
                    })?;
                    self.send_events(&events).await?;
                }
                () = sleep_until(ping) => {
                    if heard.elapsed() >= SILENT {
                        return Err(end(Close::Silent, "nothing was heard for 45 s"));
                    }
                    ping += PING_EVERY;
                    self.send(vec![(Message::Ping(Default::default()), None)]).await?;
                }
                () = sleep_until(check) => {
                    check += CHECK_EVERY;
                    if !still_valid(&self.api, self.token.as_deref()).await {
                        return Err(end(Close::Unauthenticated, "the token is not valid any more"));
                    }
                }
            }
        }
    }

    /// Waits for the token.
    async fn authenticate(&mut self, parts: &axum::http::request::Parts) -> Result<By, End> {
        let needed = || end(Close::Unauthenticated, "send {\"op\":\"auth\",\"token\":TOKEN} within 5 s");
        let first = async {
            loop {
                match self.socket.recv().await {
                    Some(Ok(Message::Text(text))) => return Ok(text),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => self.messages.count()?,
                    Some(Ok(Message::Binary(_))) => return Err(needed()),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(None),
                }
            }
        };
        let text = timeout(AUTH, first).await.map_err(|_| needed())??;
        let Ok(Asked::Auth { token: given }) = serde_json::from_str(&text) else { return Err(needed()) };
        match caller(&self.api, Need::of(Scope::Read), parts, given.as_deref()).await {
            Ok((caller, _)) => {
                self.token = given;
                Ok(By(caller))
            }
            Err(problem) => Err(match problem.status {
                403 => end(Close::Forbidden, problem.detail.clone()),
                429 => end(Close::Limit, problem.detail.clone()),
                500.. => end(Close::Outage, "the database is away; come back"),
                _ => end(Close::Unauthenticated, "the token is not valid"),
            }),
        }
    }

    async fn hear(&mut self, by: &By, message: Option<Result<Message, axum::Error>>) -> Result<(), End> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Binary(_))) => {
                self.messages.count()?;
                return self.refuse(None, "invalid-message", "a message is JSON in a text frame").await;
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return self.messages.count(),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(None),
        };
        self.messages.count()?;
        match serde_json::from_str(&text) {
            Ok(Asked::Subscribe { r#ref, rooms, types, after }) => {
                self.subscribe(by, r#ref.as_deref(), &rooms, types, after).await
            }
            Ok(Asked::Unsubscribe { r#ref, rooms }) => {
                if let Some(reader) = &mut self.reader {
                    for room in &rooms {
                        match Room::enter(&self.api.db, &by.0, room).await {
                            Ok(room) => reader.filter.remove(&room),
                            // What does not exist any more is not subscribed, either.
                            Err(refused) => tracing::debug!(%refused, "a room was left"),
                        }
                    }
                }
                self.ack(r#ref.as_deref(), &rooms).await
            }
            Ok(Asked::Ping { r#ref }) => self.tell(&Told::Pong { r#ref: r#ref.as_deref() }).await,
            Ok(Asked::Auth { .. }) => self.refuse(None, "authenticated", "the token is known already").await,
            Err(error) => self.refuse(None, "invalid-message", &error.to_string()).await,
        }
    }

    async fn subscribe(
        &mut self,
        by: &By,
        r#ref: Option<&str>,
        rooms: &[String],
        types: Vec<String>,
        after: Option<i64>,
    ) -> Result<(), End> {
        let too_many = || end(Close::Limit, format!("at most {MOST_ROOMS} rooms go into one stream"));
        if rooms.len() > MOST_ROOMS {
            return Err(too_many());
        }
        let types = match Types::of(types) {
            Ok(types) => types,
            Err(told) => return self.refuse(r#ref, "invalid-type", &told).await,
        };
        let named: Vec<&str> = rooms.iter().map(String::as_str).collect();
        let wanted = match filter(&self.api, by, &named, &types).await {
            Ok(filter) => filter,
            Err(refused) => return self.refuse(r#ref, refused.code(), &refused.to_string()).await,
        };
        match &mut self.reader {
            Some(_) if after.is_some() => {
                let told = "after goes with the first subscription: the stream has one position";
                return self.refuse(r#ref, "after-not-first", told).await;
            }
            Some(reader) => {
                if !reader.filter.add_all(wanted) {
                    return Err(too_many());
                }
            }
            None => match self.api.live.feed.read(after, wanted).await {
                Ok(Start::At(reader)) => {
                    self.sent = reader.position();
                    self.reader = Some(reader);
                }
                Ok(Start::Lost { asked, reader }) => {
                    let now = reader.position();
                    return Err(end(
                        Close::TooOld,
                        format!("{asked} is not kept any more; read the state anew and go on after {now}"),
                    ));
                }
                Err(error) => {
                    tracing::warn!(%error, "a stream of the live feed could not begin");
                    return Err(end(Close::Outage, "the database is away; come back"));
                }
            },
        }
        self.ack(r#ref, rooms).await
    }

    async fn ack(&mut self, r#ref: Option<&str>, rooms: &[String]) -> Result<(), End> {
        let position = self.reader.as_ref().map_or(0, Reader::position);
        self.tell(&Told::Ack { r#ref, rooms, position }).await
    }

    async fn refuse(&mut self, r#ref: Option<&str>, code: &str, message: &str) -> Result<(), End> {
        self.tell(&Told::Error { r#ref, code, message: message.to_owned() }).await
    }

    async fn tell(&mut self, told: &Told<'_>) -> Result<(), End> {
        let text = serde_json::to_string(told).map_err(|_| None)?;
        self.send(vec![(Message::Text(text.into()), None)]).await
    }

    async fn send_events(&mut self, events: &[std::sync::Arc<Delivery>]) -> Result<(), End> {
        let messages = events
            .iter()
            .map(|one| (Message::Text(event(one).into()), (one.seq > 0).then_some(one.seq)))
            .collect();
        self.send(messages).await
    }

    /// Sends messages in one go, those of events with their positions.
    async fn send(&mut self, messages: Vec<(Message, Option<i64>)>) -> Result<(), End> {
        let Session { socket, reader, sent, .. } = self;
        let whole = async {
            for (message, position) in messages {
                socket.feed(message).await?;
                *sent = position.unwrap_or(*sent);
            }
            socket.flush().await
        };
        tokio::select! {
            biased;
            sent = whole => sent.map_err(|_: axum::Error| None),
            () = too_slow(reader.as_ref()) => Err(end(Close::Slow, "")),
        }
    }
}

async fn next(reader: &mut Option<Reader>) -> Result<Vec<std::sync::Arc<Delivery>>, sea_orm::DbErr> {
    match reader {
        Some(reader) => reader.next().await,
        None => std::future::pending().await,
    }
}

/// Counts the messages of a client in each second.
#[derive(Debug, Default)]
struct Messages {
    since: Option<Instant>,
    number: u32,
}

impl Messages {
    fn count(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.since.is_none_or(|since| now - since >= Duration::from_secs(1)) {
            *self = Messages { since: Some(now), number: 0 };
        }
        self.number += 1;
        match self.number > MOST_A_SECOND {
            true => Err(end(Close::Limit, format!("at most {MOST_A_SECOND} messages a second"))),
            false => Ok(()),
        }
    }
}
