//! Which failures of Redis may pass.

use std::fmt;

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::backend::Error;

/// A failure of Redis in plain words.
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
    /// Does this keep a process from its work until somebody changes its settings or the server?
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

/// Marks of answers that pass: too little memory, a long script, no disk, no replicas.
const PASSING: [&str; 8] =
    ["OOM", "BUSY", "MISCONF", "NOREPLICAS", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "LOADING"];

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        let stays = stays(&error);
        let failure = Box::new(RedisFailure(error));
        if stays { Error::Refused(failure) } else { Error::Unavailable(failure) }
    }
}

/// Did the server itself answer no, for a reason that stays? Whatever is not known to stay counts as passing, since
/// giving up wrongly loses an outcome and trying again wrongly only costs calls.
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

/// Does a key hold something else than it should?
pub(super) fn is_wrong_type(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE") || error.to_string().contains("WRONGTYPE")
}
