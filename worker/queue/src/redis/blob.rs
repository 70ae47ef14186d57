//! The binary form of jobs: it is small, and scripts can read the fields that they need.
//!
//! ```text
//!  at  bytes
//!   0   1  4 + priority (4 is the version of this form, times four)
//!   1   2  flags: which of the optional parts are present
//!   3   4  attempts used, without the current one
//!   7   7  due, microseconds since the epoch        up to here it changes, from here on never
//!  14   7  pushed, the same
//!  21   4  how often it may be started
//!  25   4  retry base, milliseconds
//!  29   4  retry cap, the same
//!  33   4  version of the payload
//!  37   2  length of the kind, and the kind
//!          unique key: length (2) and text
//!          concurrency key: length (2), text, limit (4)
//!          order key: length (2) and text
//!          the payload: JSON, up to the end
//! ```
//!
//! Numbers are little-endian. A job without optional parts has 39 bytes beside its kind and its payload.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{
    backend::Error,
    job::{Concurrency, NewJob, PastAttempt, Priority},
    retry::RetryPolicy,
};

/// The flags, as in common.lua, which has more. Nothing uses 16, 32 and 256.
pub(super) mod flag {
    pub(in crate::redis) const UNIQUE: u16 = 1;
    /// Another job has taken over the unique key.
    pub(in crate::redis) const LOST: u16 = 2;
    pub(in crate::redis) const CONCURRENCY: u16 = 4;
    pub(in crate::redis) const ORDER: u16 = 8;
}

/// Longer durations are cut to this one, ten years.
const FOREVER: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Returns a duration in the scripts' unit.
pub(super) fn micros(length: Duration) -> u64 {
    u64::try_from(length.min(FOREVER).as_micros()).unwrap_or(u64::MAX)
}

fn millis(length: Duration) -> u32 {
    u32::try_from(length.as_millis()).unwrap_or(u32::MAX)
}

/// A new job: the bytes before the times, and those after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoded {
    pub(super) head: [u8; 7],
    pub(super) rest: Vec<u8>,
    pub(super) flags: u16,
}

/// Encodes a job. Names and keys of more than 64 KiB are refused.
pub(super) fn encode(job: &NewJob) -> Result<Encoded, Error> {
    let payload = serde_json::to_vec(&job.payload).map_err(|error| Error::Refused(error.into()))?;
    let mut flags = 0;
    let mut rest = Vec::with_capacity(18 + job.kind.len() + payload.len());
    rest.extend(job.max_attempts.max(1).to_le_bytes());
    rest.extend(millis(job.retry.base).to_le_bytes());
    rest.extend(millis(job.retry.cap).to_le_bytes());
    rest.extend(job.payload_version.to_le_bytes());
    put_text(&mut rest, &job.kind)?;
    if let Some(key) = &job.unique {
        flags |= flag::UNIQUE;
        put_text(&mut rest, key)?;
    }
    if let Some(Concurrency { key, limit }) = &job.concurrency {
        flags |= flag::CONCURRENCY;
        put_text(&mut rest, key)?;
        rest.extend((*limit).max(1).to_le_bytes());
    }
    if let Some(key) = &job.order_key {
        flags |= flag::ORDER;
        put_text(&mut rest, key)?;
    }
    rest.extend(payload);
    let mut head = [0; 7];
    head[0] = 4 + job.priority as u8;
    head[1..3].copy_from_slice(&flags.to_le_bytes());
    head[3..7].copy_from_slice(&job.attempts_used.to_le_bytes());
    Ok(Encoded { head, rest, flags })
}

fn put_text(bytes: &mut Vec<u8>, text: &str) -> Result<(), Error> {
    let length = u16::try_from(text.len()).map_err(|_| {
        Error::Refused(format!("a key or kind has {} bytes, more than 65535", text.len()).into())
    })?;
    bytes.extend(length.to_le_bytes());
    bytes.extend(text.as_bytes());
    Ok(())
}

/// A stored job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored<'a> {
    pub(super) priority: Priority,
    /// Without the current attempt.
    pub(super) attempts_used: u32,
    pub(super) run_at: DateTime<Utc>,
    pub(super) enqueued_at: DateTime<Utc>,
    pub(super) max_attempts: u32,
    pub(super) retry: RetryPolicy,
    pub(super) payload_version: i32,
    pub(super) kind: &'a str,
    /// `None` also if another job has taken over the key.
    pub(super) unique_key: Option<&'a str>,
    pub(super) concurrency: Option<(&'a str, u32)>,
    pub(super) order_key: Option<&'a str>,
    pub(super) payload: &'a [u8],
}

/// Decodes a job; `None` if the bytes are not in this version's form.
pub(super) fn decode(blob: &[u8]) -> Option<Stored<'_>> {
    let mut bytes = Bytes(blob);
    let priority = Priority::from_rank(i16::from(bytes.take(1)?[0].checked_sub(4)?)).ok()?;
    let flags = bytes.u16()?;
    let attempts_used = bytes.u32()?;
    let (run_at, enqueued_at) = (bytes.time()?, bytes.time()?);
    let max_attempts = bytes.u32()?;
    let (base, cap) = (bytes.u32()?, bytes.u32()?);
    let retry =
        RetryPolicy { base: Duration::from_millis(base.into()), cap: Duration::from_millis(cap.into()) };
    let payload_version = i32::from_le_bytes(bytes.take(4)?.try_into().ok()?);
    let kind = bytes.text()?;
    let unique_key = if flags & flag::UNIQUE != 0 { Some(bytes.text()?) } else { None };
    let concurrency = if flags & flag::CONCURRENCY != 0 { Some((bytes.text()?, bytes.u32()?)) } else { None };
    let order_key = if flags & flag::ORDER != 0 { Some(bytes.text()?) } else { None };
    Some(Stored {
        priority,
        attempts_used,
        run_at,
        enqueued_at,
        max_attempts,
        retry,
        payload_version,
        kind,
        unique_key: unique_key.filter(|_| flags & flag::LOST == 0),
        concurrency,
        order_key,
        payload: bytes.0,
    })
}

/// Decodes a failed attempt, as packed by common.lua.
pub(super) fn past_attempt(bytes: &[u8]) -> Option<PastAttempt> {
    let mut bytes = Bytes(bytes);
    let (attempt, ended_at) = (bytes.u32()?, bytes.time()?);
    let outcome = *["retry", "dead", "crashed"].get(usize::from(bytes.take(1)?[0]))?;
    let has_worker = bytes.take(1)?[0] == 1;
    let worker = bytes.text()?.to_owned();
    let error = String::from_utf8_lossy(bytes.0).into_owned();
    Some(PastAttempt {
        attempt,
        worker: has_worker.then_some(worker),
        ended_at,
        outcome: outcome.to_owned(),
        error: Some(error).filter(|error| !error.is_empty()),
    })
}

/// Converts microseconds since the epoch.
pub(super) fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// The bytes left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.0.split_at_checked(count)?;
        self.0 = left;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn time(&mut self) -> Option<DateTime<Utc>> {
        let mut whole = [0; 8];
        whole[..7].copy_from_slice(self.take(7)?);
        DateTime::from_timestamp_micros(i64::from_le_bytes(whole))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.u16()?;
        std::str::from_utf8(self.take(length.into())?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    /// Builds the stored form as the script does, with these times.
    fn stored(job: &NewJob, due: i64, pushed: i64) -> Vec<u8> {
        let encoded = encode(job).unwrap_or_else(|error| panic!("{error}"));
        [&encoded.head[..], &due.to_le_bytes()[..7], &pushed.to_le_bytes()[..7], &encoded.rest].concat()
    }

    prop_compose! {
        fn any_job()(
            kind in "\\PC{0,20}",
            payload_version in any::<i32>(),
            text in "\\PC{0,40}",
            rank in 0..4i16,
            max_attempts in 1..u32::MAX,
            attempts_used in any::<u32>(),
            (base, cap) in (any::<u32>(), any::<u32>()),
            unique in option::of("\\PC{0,20}"),
            concurrency in option::of(("\\PC{0,20}", 1..u32::MAX)),
            order_key in option::of("\\PC{0,20}"),
        ) -> NewJob {
            NewJob {
                id: Uuid::now_v7(),
                payload_version,
                priority: Priority::from_rank(rank).unwrap_or_default(),
                max_attempts,
                attempts_used,
                retry: RetryPolicy {
                    base: Duration::from_millis(base.into()),
                    cap: Duration::from_millis(cap.into()),
                },
                unique,
                concurrency: concurrency.map(|(key, limit)| Concurrency { key, limit }),
                order_key,
                ..NewJob::new(kind, json!({ "text": text }))
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(job in any_job(), due in 0..1i64 << 52, pushed in 0..1i64 << 52) {
            let blob = stored(&job, due, pushed);
            let Some(read) = decode(&blob) else { panic!("{blob:?}") };
            prop_assert_eq!(read.kind, &job.kind);
            prop_assert_eq!(read.payload_version, job.payload_version);
            prop_assert_eq!(serde_json::from_slice(read.payload).ok(), Some(job.payload));
            prop_assert_eq!(read.priority, job.priority);
            prop_assert_eq!((read.attempts_used, read.max_attempts), (job.attempts_used, job.max_attempts));
            prop_assert_eq!(read.retry, job.retry);
            prop_assert_eq!(read.unique_key, job.unique.as_deref());
            let concurrency = job.concurrency.as_ref().map(|one| (one.key.as_str(), one.limit));
            prop_assert_eq!(read.concurrency, concurrency);
            prop_assert_eq!(read.order_key, job.order_key.as_deref());
            prop_assert_eq!((read.run_at, read.enqueued_at), (time(due), time(pushed)));
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200), mark in 0..9u8) {
            let _ = (decode(&bytes), past_attempt(&bytes));
            let _ = decode(&[&[mark][..], &bytes].concat());
        }

        #[test]
        fn a_cut_blob_is_not_read_as_another_job(job in any_job(), cut in 1..30usize) {
            let blob = stored(&job, 1, 1);
            let whole = &blob[..blob.len().saturating_sub(cut)];
            let read = decode(whole).and_then(|read| serde_json::from_slice(read.payload).ok());
            prop_assert_eq!(read, None::<serde_json::Value>);
        }
    }

    #[test]
    fn a_job_without_options_has_39_bytes_beside_kind_and_payload() {
        let job = NewJob::new("sync", json!({}));
        assert_eq!(stored(&job, 0, 0).len(), 39 + "sync".len() + "{}".len());
    }

    #[test]
    fn a_key_that_is_too_long_is_refused() {
        let job = NewJob { order_key: Some("k".repeat(70_000)), ..NewJob::new("sync", json!({})) };
        assert!(matches!(encode(&job), Err(Error::Refused(_))));
    }
}
