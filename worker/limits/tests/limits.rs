//! Tests of rate limits and circuit breakers: the laws of their arithmetic, and the contract of every store.

#![allow(clippy::expect_used, reason = "in a test this is how to fail")]

#[path = "limits/breaker.rs"]
mod breaker;
#[path = "limits/buckets.rs"]
mod buckets;
#[path = "limits/callers.rs"]
mod callers;
#[path = "limits/places.rs"]
mod places;
#[path = "limits/promises.rs"]
mod promises;
#[path = "limits/sameness.rs"]
mod sameness;

promises::promises!(memory, crate::places::memory);
promises::promises!(redis, crate::places::redis);
promises::promises!(sqlite, crate::places::sqlite);
promises::promises!(postgres, crate::places::postgres);
