//! The messages of a WebSocket, as JSON texts.

use serde::{Deserialize, Deserializer, Serialize};
use syncline_service::feed::{Delivery, MOST_ROOMS};
use uuid::Uuid;

use super::places::OF_TOKEN;

/// The largest message of a client, in bytes.
pub(super) const LARGEST: usize = 64 * 1024;
/// Messages of a client in a second.
pub(super) const MOST_A_SECOND: u32 = 20;

/// What a client sends.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Asked {
    /// Comes first, unless the token is in the header.
    Auth {
        #[serde(default)]
        token: Option<String>,
    },
    Subscribe {
        /// Repeated in the answer.
        #[serde(default)]
        r#ref: Option<String>,
        /// None: all that the token sees.
        #[serde(default)]
        rooms: Vec<String>,
        /// None: all types.
        #[serde(default)]
        types: Vec<String>,
        /// The position to go on from; only with the first subscription.
        #[serde(default, deserialize_with = "position")]
        after: Option<i64>,
    },
    Unsubscribe {
        #[serde(default)]
        r#ref: Option<String>,
        rooms: Vec<String>,
    },
    Ping {
        #[serde(default)]
        r#ref: Option<String>,
    },
}

/// A position is a number, or the text `sequence` of an event.
fn position<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(i64),
        Text(String),
    }
    let wrong = || serde::de::Error::custom("after is the position of an event, a whole number from 0");
    let given = match Option::<Given>::deserialize(from).map_err(|_| wrong())? {
        None => return Ok(None),
        Some(Given::Number(position)) => Some(position),
        Some(Given::Text(text)) => text.parse().ok(),
    };
    given.filter(|position| *position >= 0).map(Some).ok_or_else(wrong)
}

/// What the server sends, but for events.
#[derive(Debug, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub(super) enum Told<'a> {
    Hello {
        session: Uuid,
        limits: Limits,
    },
    Ack {
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
        /// The rooms that were entered or left.
        rooms: &'a [String],
        /// The position up to which everything was sent.
        position: i64,
    },
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
        code: &'a str,
        message: String,
    },
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        r#ref: Option<&'a str>,
    },
}

/// The limits of a client.
#[derive(Debug, Serialize)]
pub(super) struct Limits {
    message_bytes: usize,
    messages_a_second: u32,
    rooms: usize,
    streams: usize,
}

impl Limits {
    pub(super) const OWN: Limits = Limits {
        message_bytes: LARGEST,
        messages_a_second: MOST_A_SECOND,
        rooms: MOST_ROOMS,
        streams: OF_TOKEN,
    };
}

/// The message of an event. Its CloudEvent is JSON already.
pub(super) fn event(event: &Delivery) -> String {
    // What is not kept has no position.
    let seq = Some(event.seq).filter(|seq| *seq > 0).map_or("null".to_owned(), |seq| seq.to_string());
    format!("{{\"op\":\"event\",\"seq\":{seq},\"type\":{:?},\"event\":{}}}", event.kind, event.text)
}

/// Why a server closes a WebSocket: the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Close {
    /// There is no token, or it is not valid any more.
    Unauthenticated = 4401,
    /// The token lacks a scope.
    Forbidden = 4403,
    Slow = 4408,
    /// The position to go on from is not kept any more.
    TooOld = 4412,
    /// Too many messages, rooms or streams.
    Limit = 4429,
    /// The server ends; another one goes on.
    Restart = 1012,
    /// The database is away.
    Outage = 1011,
    /// It sent nothing for a while, not even an answer to a ping.
    Silent = 1001,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Asked, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_message_is_read_strictly() {
        assert_eq!(read(r#"{"op":"auth"}"#), Ok(Asked::Auth { token: None }));
        assert_eq!(read(r#"{"op":"ping","ref":"1"}"#), Ok(Asked::Ping { r#ref: Some("1".to_owned()) }));
        for after in ["7", "\"7\""] {
            let text = format!(r#"{{"op":"subscribe","rooms":["sync:1"],"after":{after}}}"#);
            assert!(matches!(read(&text), Ok(Asked::Subscribe { after: Some(7), .. })), "{after}");
        }
        assert!(matches!(read(r#"{"op":"subscribe"}"#), Ok(Asked::Subscribe { after: None, .. })));
        for wrong in [
            r#"{"op":"subscribe","after":-1}"#,
            r#"{"op":"subscribe","after":1.5}"#,
            r#"{"op":"subscribe","room":"a"}"#,
            r#"{"op":"unsubscribe"}"#,
            r#"{"op":"shout"}"#,
            r#"{"rooms":[]}"#,
            "[]",
            "",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
