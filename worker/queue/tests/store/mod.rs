//! What is particular to the queue in Redis.

mod broken;
mod listening;
mod plain;
