//! Which failures of Redis may pass.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::backend::Error;

/// Marks of answers that pass: too little memory, a long script, no disk, no replicas.
const PASSING: [&str; 8] =
    ["OOM", "BUSY", "MISCONF", "NOREPLICAS", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "LOADING"];

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        if stays(&error) { Error::Refused(error.into()) } else { Error::Unavailable(error.into()) }
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
