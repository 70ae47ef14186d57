//! A cache of counts. A count of a hundred thousand runs takes tens of milliseconds, and dashboards, metrics and
//! autoscalers ask for it every few seconds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Counts up to this number are not cached, so they are exact.
pub const MANY: u64 = 5_000;

/// The age up to which a cached count is returned without a new one.
const FRESH: Duration = Duration::from_secs(1);

/// The age up to which a cached count is returned while a new one runs in the background.
const USABLE: Duration = Duration::from_secs(5);

/// The cached counts by their names. Clones share them.
#[derive(Debug)]
pub struct Lately<T>(Arc<Mutex<HashMap<String, Known<T>>>>);

#[derive(Debug)]
struct Known<T> {
    at: Instant,
    counted: T,
    /// A new count runs.
    renewed: bool,
}

impl<T> Default for Lately<T> {
    fn default() -> Self {
        Lately(Arc::default())
    }
}

impl<T> Clone for Lately<T> {
    fn clone(&self) -> Self {
        Lately(Arc::clone(&self.0))
    }
}

impl<T: Clone + Send + 'static> Lately<T> {
    /// Returns the cached count of this name, or counts. Only the first count of a name keeps its caller waiting.
    pub async fn get<E: Send>(
        &self,
        name: &str,
        size: fn(&T) -> u64,
        count: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E> {
        if let Some((counted, is_old)) = self.known(name) {
            if is_old {
                let (lately, name) = (self.clone(), name.to_owned());
                tokio::spawn(async move {
                    match count.await {
                        Ok(counted) => lately.note(name, &counted, size),
                        Err(_) => drop(lately.all().remove(&name)),
                    }
                });
            }
            return Ok(counted);
        }
        let counted = count.await?;
        self.note(name.to_owned(), &counted, size);
        Ok(counted)
    }

    /// Returns the cached count, and true if this caller has to start a new one.
    fn known(&self, name: &str) -> Option<(T, bool)> {
        let mut all = self.all();
        let known = all.get_mut(name).filter(|known| known.at.elapsed() < USABLE)?;
        let is_old = known.at.elapsed() >= FRESH && !known.renewed;
        known.renewed |= is_old;
        Some((known.counted.clone(), is_old))
    }

    fn note(&self, name: String, counted: &T, size: fn(&T) -> u64) {
        let mut all = self.all();
        all.retain(|_, known| known.at.elapsed() < USABLE);
        if size(counted) > MANY {
            all.insert(name, Known { at: Instant::now(), counted: counted.clone(), renewed: false });
        } else {
            all.remove(&name);
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Known<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicU64, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn many_are_counted_once_for_a_while_and_few_each_time() {
        let (lately, counts) = (Lately::default(), Arc::new(AtomicU64::new(0)));
        let look = async |name: &str, number: u64| {
            let counts = Arc::clone(&counts);
            let count = async move {
                counts.fetch_add(1, Ordering::Relaxed);
                Ok::<_, Infallible>(number)
            };
            lately.get(name, |counted| *counted, count).await.unwrap()
        };
        assert_eq!((look("few", 3).await, look("few", 4).await), (3, 4));
        assert_eq!((look("many", MANY + 1).await, look("many", MANY + 2).await), (MANY + 1, MANY + 1));
        assert_eq!(counts.load(Ordering::Relaxed), 3);
        tokio::time::sleep(FRESH).await;
        // This one starts the next count, and does not wait for it.
        assert_eq!(look("many", 5).await, MANY + 1);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!((look("many", 6).await, counts.load(Ordering::Relaxed)), (6, 5));
    }

    #[tokio::test]
    async fn a_count_that_fails_is_told_to_those_who_ask_next() {
        let lately = Lately::default();
        let many = |_: &u64| MANY + 1;
        assert_eq!(lately.get("a", many, async { Err("no") }).await, Err("no"));
        assert_eq!(lately.get("a", many, async { Ok::<_, &str>(1) }).await, Ok(1));
        tokio::time::sleep(FRESH).await;
        assert_eq!(lately.get("a", many, async { Err("no") }).await, Ok(1));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(lately.get("a", many, async { Err("no") }).await, Err("no"));
    }
}
