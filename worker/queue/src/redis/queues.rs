//! The queues that this process knows.
//!
//! A lease and an id do not name their queue. With one queue this does not matter. With several, the queue of a claimed
//! job is remembered until it is settled, and an id is looked up in one queue after the other.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use redis::Cmd;
use uuid::Uuid;

use super::{RedisBackend, keys, reply};
use crate::backend::{Error, LeaseRef};

/// The longest time between two reads of other processes' queues.
const FRESH: Duration = Duration::from_secs(10);
/// The most claims remembered; an older one is looked up in every queue.
const REMEMBERED: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct Queues(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    names: Vec<Arc<str>>,
    /// Those that other processes can find, too.
    published: HashSet<Arc<str>>,
    asked: Option<Instant>,
    claimed: HashMap<Uuid, Arc<str>>,
}

impl Queues {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a queue.
    pub(super) fn learn(&self, name: &str) {
        let mut known = self.lock();
        if !known.names.iter().any(|other| &**other == name) {
            known.names.push(name.into());
        }
    }

    /// Notes a queue that is in the list of all.
    fn learn_published(&self, name: &str) {
        self.learn(name);
        self.lock().published.insert(name.into());
    }

    fn is_published(&self, name: &str) -> bool {
        self.lock().published.contains(name)
    }

    pub(super) fn names(&self) -> Vec<Arc<str>> {
        self.lock().names.clone()
    }

    /// Notes the queue of claimed jobs, if there is more than one queue.
    pub(super) fn claimed(&self, queue: &str, ids: impl Iterator<Item = Uuid>) {
        let mut known = self.lock();
        if known.names.len() < 2 {
            return;
        }
        if known.claimed.len() > REMEMBERED {
            known.claimed.clear();
        }
        let Some(queue) = known.names.iter().find(|name| &***name == queue).cloned() else { return };
        known.claimed.extend(ids.map(|id| (id, Arc::clone(&queue))));
    }

    pub(super) fn settled(&self, leases: impl Iterator<Item = LeaseRef>) {
        let mut known = self.lock();
        if !known.claimed.is_empty() {
            for lease in leases {
                known.claimed.remove(&lease.id);
            }
        }
    }

    /// Returns for each queue the positions of the leases that may belong to it, the likely queue first.
    pub(super) fn of(&self, leases: &[LeaseRef]) -> Vec<(Arc<str>, Vec<usize>)> {
        let known = self.lock();
        if known.claimed.is_empty() {
            return known.names.iter().map(|name| (Arc::clone(name), (0..leases.len()).collect())).collect();
        }
        let may_be = |name: &Arc<str>| {
            let here = |lease: &LeaseRef| known.claimed.get(&lease.id).is_none_or(|queue| queue == name);
            (0..leases.len()).filter(|at| here(&leases[*at])).collect::<Vec<_>>()
        };
        known.names.iter().map(|name| (Arc::clone(name), may_be(name))).collect()
    }
}

impl RedisBackend {
    /// Returns all known queues. A queue that another process made less than [`FRESH`] ago may be missing.
    pub(super) async fn all_queues(&self) -> Result<Vec<Arc<str>>, Error> {
        let due = self.queues.lock().asked.is_none_or(|asked| asked.elapsed() > FRESH);
        if due {
            let key = keys::queues(&self.config.prefix);
            let mut cursor = b"0".to_vec();
            loop {
                let mut scan = Cmd::new();
                scan.arg("SSCAN").arg(&key).arg(&cursor).arg("COUNT").arg(1000);
                let [next, names] = reply::several(self.connection.run(&scan).await?)?;
                for name in reply::texts(names)? {
                    self.queues.learn_published(&String::from_utf8_lossy(&name));
                }
                cursor = reply::bytes(next)?;
                if cursor == b"0" {
                    break;
                }
            }
            self.queues.lock().asked = Some(Instant::now());
        }
        Ok(self.queues.names())
    }

    /// Returns for each queue the positions of the leases that may belong to it. A process that knows no queue reads
    /// the list first.
    pub(super) async fn likely(&self, leases: &[LeaseRef]) -> Result<Vec<(Arc<str>, Vec<usize>)>, Error> {
        if self.queues.lock().names.is_empty() {
            self.all_queues().await?;
        }
        Ok(self.queues.of(leases))
    }

    /// Notes a queue that is pushed to, and publishes it to other processes. A claim alone publishes none.
    pub(super) async fn announce(&self, queue: &str) -> Result<(), Error> {
        if !self.queues.is_published(queue) {
            let mut add = Cmd::new();
            add.arg("SADD").arg(keys::queues(&self.config.prefix)).arg(queue);
            self.connection.run(&add).await?;
            self.queues.learn_published(queue);
        }
        Ok(())
    }
}
