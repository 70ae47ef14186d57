//! What platforms said about themselves, kept for some minutes: fields, types, statuses.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Client, client::Http};

/// Answers kept at most. The oldest give way.
const MOST: usize = 512;

/// A bounded cache in memory.
#[derive(Default)]
pub(super) struct Kept(Mutex<HashMap<[u8; 32], Entry>>);

struct Entry {
    read: Instant,
    what: Arc<dyn Any + Send + Sync>,
}

impl Kept {
    fn entries(&self) -> MutexGuard<'_, HashMap<[u8; 32], Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    /// What was kept under this name by a client with the same address and secret, unless it is older than that.
    pub(crate) fn kept<T: Any + Send + Sync>(&self, name: &str, longest: Duration) -> Option<Arc<T>> {
        let entries = kept(&self.http).entries();
        let entry = entries.get(&self.key(name)).filter(|entry| entry.read.elapsed() < longest)?;
        entry.what.clone().downcast().ok()
    }

    /// Keeps something for all clients of the process with the same address and secret.
    pub(crate) fn keep<T: Any + Send + Sync>(&self, name: &str, what: T) -> Arc<T> {
        let what = Arc::new(what);
        let mut entries = kept(&self.http).entries();
        if entries.len() >= MOST
            && let Some(oldest) = entries.iter().min_by_key(|(_, entry)| entry.read).map(|(key, _)| *key)
        {
            entries.remove(&oldest);
        }
        entries.insert(self.key(name), Entry { read: Instant::now(), what: what.clone() });
        what
    }

    /// Forgets what is kept under a name, since it turned out to be old.
    pub(crate) fn forget(&self, name: &str) {
        kept(&self.http).entries().remove(&self.key(name));
    }

    /// What is shown depends on the address and on who asks.
    fn key(&self, name: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.auth.fingerprint());
        for part in [self.base.as_str(), name] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

fn kept(http: &Http) -> &Kept {
    &http.shared.kept
}
