//! Rate limits and circuit breakers: the laws of their arithmetic, and what every store of them promises.

#![allow(clippy::expect_used, reason = "in a test this is how to fail")]

#[path = "limits/breaker.rs"]
mod breaker;
#[path = "limits/buckets.rs"]
mod buckets;
