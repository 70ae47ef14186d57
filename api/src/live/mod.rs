//! The live feed over HTTP: server-sent events and WebSockets. The feed itself is [`syncline_service::feed`].

mod message;
mod places;
mod socket;
pub(crate) mod sse;

use std::time::Duration;

use axum::{Router, routing::get};
use sea_orm::DatabaseConnection;
use syncline_service::feed::{Feed, Filter, Room, RoomRefused, Types};
use tokio_util::sync::CancellationToken;

use self::places::Places;
use crate::{access::By, problem::Problem, state::ApiState};

/// How often it is checked that the token of an open stream is still valid.
const CHECK_EVERY: Duration = Duration::from_secs(60);

/// How long a reader may leave a write waiting while nothing else happens.
const LONGEST_WRITE: Duration = Duration::from_secs(20);

/// How long a write may wait while much happens. The buffers of the network hold some hundred events, so only a reader
/// that has stopped gets here.
const USUAL_WRITE: Duration = Duration::from_secs(1);

/// The live feed of a process, and the places for those who listen. Clones share it.
#[derive(Debug, Clone)]
pub struct Live {
    pub feed: Feed,
    places: Places,
    /// Ends all streams.
    stop: CancellationToken,
}

impl Live {
    /// Streams end when `stop` is cancelled.
    pub fn new(db: DatabaseConnection, stop: CancellationToken) -> Live {
        Live { feed: Feed::new(db), places: Places::default(), stop }
    }
}

/// `/ws`. It checks its callers itself, since a browser cannot send a header there.
pub(crate) fn router() -> Router<ApiState> {
    Router::new().route("/ws", get(socket::open))
}

/// What a caller gets of these rooms; without rooms, of all that they see.
async fn filter(
    api: &ApiState,
    By(caller): &By,
    rooms: &[&str],
    types: &Types,
) -> Result<Filter, RoomRefused> {
    let mut filter = Filter::of(caller);
    if rooms.is_empty() {
        filter.add(Room::All, types.clone());
    }
    for room in rooms {
        filter.add(Room::enter(&api.db, caller, room).await?, types.clone());
    }
    Ok(filter)
}

/// Waits until a reader is too slow.
async fn too_slow(reader: Option<&syncline_service::feed::Reader>) {
    let much = async {
        tokio::time::sleep(USUAL_WRITE).await;
        match reader {
            Some(reader) => reader.falls_behind().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = much => {}
        () = tokio::time::sleep(LONGEST_WRITE) => {}
    }
}

/// A random time within which clients come back after a restart, so that they do not come all at once.
fn come_back() -> Duration {
    Duration::from_millis(500 + u64::from(uuid::Uuid::new_v4().as_bytes()[0]) * 10)
}

/// True if the token that opened a stream is still valid. An outage of the database ends no stream.
async fn still_valid(api: &ApiState, token: Option<&str>) -> bool {
    !matches!(api.gate.admit(&api.db, token).await, Ok(Err(_)))
}

impl From<RoomRefused> for Problem {
    fn from(refused: RoomRefused) -> Problem {
        use axum::http::StatusCode;
        let detail = refused.to_string();
        match refused {
            RoomRefused::Malformed(_) => crate::extract::invalid_query("rooms", &detail),
            RoomRefused::Unknown(_) => {
                Problem::new(StatusCode::NOT_FOUND, "unknown-room", "Unknown room", detail)
            }
            RoomRefused::OneProject(_) => {
                Problem::new(StatusCode::FORBIDDEN, "one-project", "Token of one project", detail)
            }
            RoomRefused::Database(error) => error.into(),
        }
    }
}
