//! Tests of the Redis store only.

mod broken;
mod listening;
mod plain;
