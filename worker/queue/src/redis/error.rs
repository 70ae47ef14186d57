//! Sorts failures of Redis into temporary and permanent ones.

use std::fmt;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::backend::Error;

/// A failure of Redis, described in plain words.
#[derive(Debug)]
pub(crate) struct RedisFailure(RedisError);

impl fmt::Display for RedisFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        if is_refused_login(&self.0) {
            f.write_str("it refuses the user or the password; correct them in REDIS_URL")
        } else if is_no_database(&text) {
            f.write_str("it has no database of this number; correct the number at the end of REDIS_URL")
        } else if is_no_sentinel(&text) {
            f.write_str("it is no sentinel; name the sentinels in REDIS_URL, or write redis://HOST:PORT for one server")
        } else if self.0.kind() == ErrorKind::MasterNameNotFoundBySentinel {
            f.write_str("the sentinels do not know the service; correct its name in REDIS_URL")
        } else if is_no_cluster(&text) {
            f.write_str("it is no cluster; write redis://HOST:PORT in REDIS_URL for one server")
        } else {
            f.write_str(text.split(" (os error").next().unwrap_or_default())
        }
    }
}

impl RedisFailure {
    /// True if retrying cannot help until a person changes the settings or the server.
    pub(crate) fn needs_a_person(&self) -> bool {
        let text = self.0.to_string();
        is_refused_login(&self.0)
            || matches!(
                self.0.kind(),
                ErrorKind::InvalidClientConfig
                    | ErrorKind::MasterNameNotFoundBySentinel
                    | ErrorKind::Server(ServerErrorKind::NoPerm)
            )
            || is_no_database(&text)
            || is_no_sentinel(&text)
            || is_no_cluster(&text)
    }
}

impl std::error::Error for RedisFailure {}

impl From<RedisError> for RedisFailure {
    fn from(error: RedisError) -> Self {
        Self(error)
    }
}

fn is_refused_login(error: &RedisError) -> bool {
    let text = error.to_string();
    error.kind() == ErrorKind::AuthenticationFailed
        || ["NOAUTH", "WRONGPASS"].iter().any(|mark| text.contains(mark))
}

fn is_no_database(text: &str) -> bool {
    text.contains("DB index is out of range") || text.contains("invalid DB index")
}

fn is_no_sentinel(text: &str) -> bool {
    text.contains("does not point to a sentinel")
        || text.to_lowercase().contains("unknown command 'sentinel'")
}

fn is_no_cluster(text: &str) -> bool {
    text.contains("cluster support disabled")
}

/// Marks of temporary errors: too little memory, a long script, no disk, no replicas.
const PASSING: [&str; 8] =
    ["OOM", "BUSY", "MISCONF", "NOREPLICAS", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "LOADING"];

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        let stays = stays(&error);
        let failure = Box::new(RedisFailure(error));
        if stays { Error::Refused(failure) } else { Error::Unavailable(failure) }
    }
}

/// True if the server refused the call for a permanent reason. Unknown errors count as temporary: giving up wrongly
/// loses an outcome, while retrying wrongly only costs calls.
fn stays(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::InvalidClientConfig | ErrorKind::Server(ServerErrorKind::CrossSlot) => true,
        ErrorKind::Server(ServerErrorKind::ResponseError) | ErrorKind::Extension => {
            // Before version 7 an error inside a script is wrapped, with its own code in the text.
            let text = error.to_string();
            is_wrong_type(error) || !PASSING.iter().any(|mark| text.contains(mark))
        }
        _ => false,
    }
}

/// True if a key has a value of the wrong type.
pub(super) fn is_wrong_type(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE") || error.to_string().contains("WRONGTYPE")
}
