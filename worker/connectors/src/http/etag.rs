//! Responses that a platform need not send again while nothing has changed.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use reqwest::header::{ETAG, HeaderMap};
use url::Url;

use super::Auth;

/// Responses kept at most.
const ENTRIES: usize = 512;
/// Bytes of all bodies together.
const BYTES: usize = 16 << 20;
/// A larger body is not kept.
const LARGEST: usize = 1 << 20;

/// A bounded cache in memory. The least recently used responses give way.
#[derive(Default)]
pub(super) struct EtagCache {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<Key, Entry>,
    bytes: usize,
    /// Counts the uses.
    turn: u64,
}

/// Of the credentials, the headers that choose the representation, and the address.
pub(super) type Key = [u8; 32];

struct Entry {
    response: Cached,
    used: u64,
}

/// A kept response.
#[derive(Clone)]
pub(super) struct Cached {
    pub(super) etag: String,
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// The key of a request. Responses depend on the credentials, so two accounts never share one.
pub(super) fn key<'a>(auth: &Auth, headers: impl Iterator<Item = (&'a str, &'a str)>, url: &Url) -> Key {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&auth.fingerprint());
    for (name, value) in headers {
        for part in [name, value] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
    }
    *hasher.update(url.as_str().as_bytes()).finalize().as_bytes()
}

impl EtagCache {
    /// The kept response to a request.
    pub(super) fn get(&self, key: &Key) -> Option<Cached> {
        let mut kept = self.kept();
        kept.turn += 1;
        let turn = kept.turn;
        let entry = kept.entries.get_mut(key)?;
        entry.used = turn;
        Some(entry.response.clone())
    }

    /// Keeps a response that has an ETag.
    pub(super) fn put(&self, key: Key, status: u16, headers: &HeaderMap, body: &[u8]) {
        let etag = headers.get(ETAG).and_then(|etag| etag.to_str().ok());
        let mut kept = self.kept();
        kept.remove(&key);
        let Some(etag) = etag.filter(|_| body.len() <= LARGEST) else { return };
        while kept.entries.len() >= ENTRIES || kept.bytes + body.len() > BYTES {
            let oldest = kept.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key);
            match oldest {
                Some(oldest) => kept.remove(&oldest),
                None => break,
            }
        }
        kept.turn += 1;
        let response =
            Cached { etag: etag.to_owned(), status, headers: headers.clone(), body: body.to_owned() };
        let used = kept.turn;
        kept.bytes += body.len();
        kept.entries.insert(key, Entry { response, used });
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.response.body.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(etag: &str) -> HeaderMap {
        HeaderMap::from_iter([(ETAG, etag.parse().unwrap())])
    }

    #[test]
    fn the_cache_is_bounded_by_number_and_by_bytes() {
        let cache = EtagCache::default();
        let key = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&(number as u64).to_le_bytes());
            key
        };
        for number in 0..ENTRIES + 3 {
            cache.put(key(number), 200, &headers("a"), b"x");
            assert!(cache.get(&key(0)).is_some(), "the one in use stays");
        }
        assert_eq!(cache.kept().entries.len(), ENTRIES);
        assert!(cache.get(&key(1)).is_none(), "the oldest gives way");

        for number in 0..40 {
            cache.put(key(10_000 + number), 200, &headers("b"), &vec![0; LARGEST]);
        }
        assert!(cache.kept().bytes <= BYTES);
        cache.put(key(0), 200, &headers("c"), &vec![0; LARGEST + 1]);
        assert!(cache.get(&key(0)).is_none(), "too large, and the older response is not valid any more");
    }

    #[test]
    fn a_key_tells_accounts_and_representations_apart() {
        let url = |text: &str| Url::parse(text).unwrap();
        let auth = |token: &str| Auth::Bearer(crate::Token::new(token));
        let of = |token, accept, address| key(&auth(token), [("accept", accept)].into_iter(), &url(address));
        let one = of("a", "json", "https://h/x");
        assert_eq!(one, of("a", "json", "https://h/x"));
        for other in
            [of("b", "json", "https://h/x"), of("a", "xml", "https://h/x"), of("a", "json", "https://h/y")]
        {
            assert_ne!(one, other);
        }
    }
}
