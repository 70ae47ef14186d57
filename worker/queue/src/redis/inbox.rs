//! The inbox: a list to which other services push requests, and from which workers take them.
//!
//! A taken entry stays in Redis under a lease until it is removed or refused, so that another worker gets it if the
//! first one dies. The id that an entry gets when it is first taken stays the same: a request without an id is one run
//! even if it is taken twice.

use std::time::Duration;

use redis::Cmd;
use serde_json::json;
use uuid::Uuid;

use super::{
    RedisBackend,
    blob::{self, micros},
    reply,
    script::INBOX,
};
use crate::{backend::Error, job::NewJob};

/// The longest part of a refused entry that is kept for display, in bytes.
const KEPT: usize = 16 * 1024;
/// The job kind of refused requests among the dead letters.
pub const INBOX_KIND: &str = "inbox";
/// The most entries per call.
const MOST: usize = 500;

/// An entry taken from the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// The entry's id; also the run's id, unless the request names one.
    pub id: Uuid,
    /// The bytes that were pushed.
    pub text: Vec<u8>,
    /// True if it was taken before, but neither removed nor refused.
    pub again: bool,
}

impl RedisBackend {
    /// Puts a request into a queue's inbox.
    pub async fn put_into_inbox(&self, queue: &str, text: &[u8]) -> Result<(), Error> {
        let mut push = Cmd::new();
        push.arg("RPUSH").arg(format!("{}inbox", self.base(queue))).arg(text);
        self.connection().run(&push).await?;
        Ok(())
    }

    /// Takes up to `limit` requests under a lease; no other worker gets them during the lease. Requests whose earlier
    /// lease ran out come first.
    pub async fn take_from_inbox(
        &self,
        queue: &str,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<InboxEntry>, Error> {
        let base = self.base(queue);
        let mut call = INBOX.call(&base);
        call.arg("take").arg(micros(lease));
        for _ in 0..limit.clamp(1, MOST) {
            call.arg(Uuid::now_v7().as_bytes());
        }
        let found = reply::list(self.run(&INBOX, &base, &call).await?)?;
        let mut entries = Vec::with_capacity(found.len() / 3);
        let mut parts = found.into_iter();
        while let (Some(id), Some(text), Some(again)) = (parts.next(), parts.next(), parts.next()) {
            let id = Uuid::from_slice(&reply::bytes(id)?).map_err(|_| reply::strange("not an id"))?;
            entries.push(InboxEntry { id, text: reply::bytes(text)?, again: reply::flag(&again)? });
        }
        Ok(entries)
    }

    /// Removes entries whose runs are written. Repeating the call is harmless.
    pub async fn remove_from_inbox(&self, queue: &str, ids: &[Uuid]) -> Result<(), Error> {
        let base = self.base(queue);
        for ids in ids.chunks(MOST) {
            let mut call = INBOX.call(&base);
            call.arg("settle");
            for id in ids {
                call.arg(id.as_bytes());
            }
            self.run(&INBOX, &base, &call).await?;
        }
        Ok(())
    }

    /// Moves an entry to the dead letters under this id, with its text and the reason. Returns false if it was removed
    /// or refused already.
    pub async fn refuse_from_inbox(
        &self,
        queue: &str,
        entry: &InboxEntry,
        id: Uuid,
        reason: &str,
        error: &str,
    ) -> Result<bool, Error> {
        // Dead letters are found by id in every known queue.
        self.announce(queue).await?;
        let base = self.base(queue);
        let text = String::from_utf8_lossy(&entry.text[..entry.text.len().min(KEPT)]);
        let job = NewJob { id, queue: queue.to_owned(), ..NewJob::new(INBOX_KIND, json!({ "entry": text })) };
        let encoded = blob::encode(&job)?;
        let mut call = INBOX.call(&base);
        call.arg("refuse")
            .arg(entry.id.as_bytes())
            .arg(job.id.as_bytes())
            .arg(&encoded.head[..])
            .arg(encoded.rest)
            .arg(error)
            .arg(reason);
        reply::flag(&self.run(&INBOX, &base, &call).await?)
    }
}
