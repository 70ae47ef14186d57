//! The inbox: a list to which other services push requests, and from which workers take them.
//!
//! An entry that is taken stays in Redis under a lease until it is settled, so that one whose taker died is given to
//! another. The id that an entry gets when it is first taken stays with it: a request without an id of its own is the same
//! run also when it is taken twice.

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

/// What of a refused entry is kept for people to look at.
const KEPT: usize = 16 * 1024;
/// The kind of a refused request among the dead letters.
pub const INBOX_KIND: &str = "inbox";
/// No call takes more entries.
const MOST: usize = 500;

/// An entry of the inbox, taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxEntry {
    /// Its id in the inbox; the run's id, unless the request names one.
    pub id: Uuid,
    /// What was pushed.
    pub text: Vec<u8>,
    /// Somebody took it before and did not settle it.
    pub again: bool,
}

impl RedisBackend {
    /// Puts a request into the inbox of a queue.
    pub async fn put_into_inbox(&self, queue: &str, text: &[u8]) -> Result<(), Error> {
        let mut push = Cmd::new();
        push.arg("RPUSH").arg(format!("{}inbox", self.base(queue))).arg(text);
        self.connection().run(&push).await?;
        Ok(())
    }

    /// Takes up to so many requests, and gives them to nobody else for this long. Those whose taker did not settle them in
    /// its time come first.
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

    /// These are dealt with: their runs are written. A second time is no harm.
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

    /// Puts one with the dead letters under this id, where people see what was pushed and why it was not taken. False: it
    /// is dealt with already.
    pub async fn refuse_from_inbox(
        &self,
        queue: &str,
        entry: &InboxEntry,
        id: Uuid,
        reason: &str,
        error: &str,
    ) -> Result<bool, Error> {
        // Dead letters are found by id in every queue that is known.
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
