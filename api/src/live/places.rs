//! How many streams there may be: in all, and of one token.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Streams at one time.
const MOST: usize = 2_048;
/// Streams of one token.
pub(super) const OF_TOKEN: usize = 50;

/// The streams that are open. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    all: usize,
    of_token: HashMap<i64, usize>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    Server,
    Token,
}

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Full::Server => {
                write!(f, "this server has {MOST} streams open, the most that it takes; try another one")
            }
            Full::Token => {
                write!(f, "the token has {OF_TOKEN} streams open, the most that it may; close one")
            }
        }
    }
}

/// The place of a stream, given back at its end.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    token: Option<i64>,
}

impl Places {
    /// A place for a stream whose caller is not known yet.
    pub(super) fn enter(&self) -> Result<Place, Full> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= MOST {
            return Err(Full::Server);
        }
        open.all += 1;
        Ok(Place { places: self.clone(), token: None })
    }
}

impl Place {
    /// Counts the stream for its token. Callers without one, on the machine itself, are not counted.
    pub(super) fn of(mut self, token: Option<i64>) -> Result<Place, Full> {
        let Some(id) = token else { return Ok(self) };
        {
            let mut open = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
            let own = open.of_token.entry(id).or_default();
            if *own >= OF_TOKEN {
                return Err(Full::Token);
            }
            *own += 1;
        }
        self.token = token;
        Ok(self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        let Some(id) = self.token else { return };
        if let Some(own) = open.of_token.get_mut(&id) {
            *own -= 1;
            if *own == 0 {
                open.of_token.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_back() {
        let places = Places::default();
        let of = |token| places.enter().and_then(|place| place.of(Some(token)));
        let held: Vec<_> = (0..OF_TOKEN).map(|_| of(1).unwrap()).collect();
        assert_eq!(of(1).unwrap_err(), Full::Token);
        let other = of(2).unwrap();
        drop(held);
        drop(of(1).unwrap());
        drop(other);
        let open = places.0.lock().unwrap();
        assert!(open.all == 0 && open.of_token.is_empty(), "{open:?}");
    }

    #[test]
    fn a_server_has_so_many_places() {
        let places = Places::default();
        let held: Vec<_> = (0..MOST).map(|_| places.enter().unwrap().of(None).unwrap()).collect();
        assert_eq!(places.enter().unwrap_err(), Full::Server);
        drop(held);
        places.enter().unwrap();
    }
}
