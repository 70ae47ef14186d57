//! A server with a feed, and those who listen to it.

use std::{net::SocketAddr, time::Duration};

use chrono::{SubsecRound, Utc};
use futures_util::{SinkExt, StreamExt};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use syncline_api::{ApiState, Live, router, serve};
use syncline_entity::{
    event::{NewEvent, record},
    project::DEFAULT_PROJECT,
    types::EventType,
};
use syncline_support::events::Events;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, handshake::client::Request},
};
use tokio_util::sync::CancellationToken;

use crate::stage::Stage;

pub(super) const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Server {
    pub(super) stage: Stage,
    pub(super) address: SocketAddr,
    pub(super) stop: CancellationToken,
    pub(super) ended: JoinHandle<std::io::Result<()>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.ended.abort();
    }
}

impl Server {
    pub(super) async fn over(stage: Stage) -> Server {
        let stop = CancellationToken::new();
        let live = Live::new(stage.db.clone(), stop.clone());
        let (relay, ears) = (live.feed.clone(), live.feed.clone());
        let tasks = vec![
            tokio::spawn(async move { relay.relay().await }),
            tokio::spawn(async move { ears.listen().await }),
        ];
        let router = router(ApiState { live, ..stage.state.clone() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ended = tokio::spawn(serve(listener, None, router, stop.clone()));
        Server { stage, address, stop, ended, tasks }
    }

    /// Writes events of a sync in the default project.
    pub(super) async fn write(&self, sync: i64, kinds: &[EventType]) {
        write(&self.stage.db, Some(DEFAULT_PROJECT), sync, kinds).await;
    }

    pub(super) fn request(&self, headers: &[(&'static str, &str)]) -> Request {
        let mut request = format!("ws://{}/ws", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        request
    }

    pub(super) async fn try_open(&self, request: Request) -> Result<Socket, Error> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        client_async(request, stream).await.map(|(socket, _)| Socket(socket))
    }

    /// Opens a WebSocket and says who it is.
    pub(super) async fn open(&self, token: Option<&str>) -> Socket {
        let mut socket = self.try_open(self.request(&[])).await.unwrap();
        if let Some(token) = token {
            socket.say(json!({ "op": "auth", "token": token })).await;
        }
        socket
    }

    /// The same, with all events of a room from a position on.
    pub(super) async fn listen(&self, rooms: &[&str], after: Option<i64>) -> Socket {
        let mut socket = self.open(None).await;
        assert_eq!(socket.hear().await["op"], "hello");
        socket.say(json!({ "op": "subscribe", "rooms": rooms, "after": after })).await;
        assert_eq!(socket.hear().await["op"], "ack");
        socket
    }

    pub(super) async fn stream(&self, query: &str, last: Option<i64>, token: Option<&str>) -> Events {
        let mut request =
            syncline_support::http::client().get(format!("http://{}/api/v1/events{query}", self.address));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Events::open(request).await.unwrap()
    }
}

pub(super) async fn write(db: &impl ConnectionTrait, project: Option<i64>, sync: i64, kinds: &[EventType]) {
    let event =
        |kind: &EventType| NewEvent::new(*kind, project, json!({ "sync": sync })).about(sync).of_sync(sync);
    let events: Vec<_> = kinds.iter().map(event).collect();
    record(db, Utc::now().trunc_subsecs(6), events).await.unwrap();
}

pub(super) struct Socket(pub(super) WebSocketStream<TcpStream>);

impl Socket {
    pub(super) async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message.
    pub(super) async fn hear(&mut self) -> Value {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("a message in time").expect("a message") {
                Ok(Message::Text(text)) => return serde_json::from_str(&text).unwrap(),
                Ok(Message::Ping(_)) => {}
                other => panic!("{other:?} instead of a message"),
            }
        }
    }

    /// The positions of the next events.
    pub(super) async fn seqs(&mut self, many: usize) -> Vec<i64> {
        let mut seqs = Vec::new();
        while seqs.len() < many {
            let message = self.hear().await;
            assert_eq!(message["op"], "event", "{message}");
            assert_eq!(message["event"]["sequence"], message["seq"].to_string());
            seqs.push(message["seq"].as_i64().unwrap());
        }
        seqs
    }

    /// The code and the reason with which it was closed; messages before are passed over.
    pub(super) async fn closed(mut self) -> (u16, String) {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("an end in time").expect("a close frame") {
                Ok(Message::Close(Some(frame))) => return (frame.code.into(), frame.reason.to_string()),
                Ok(_) => {}
                Err(error) => panic!("{error} instead of a close frame"),
            }
        }
    }
}
