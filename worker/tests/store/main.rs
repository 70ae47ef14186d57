//! The SQL store keeps the contract of the engine's store on SQLite and on PostgreSQL, and does what the engine's store in
//! memory does.

// Helpers of tests may fail loudly too; clippy's own exception covers test functions only.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod choices;
#[path = "../../engine/tests/contract/mod.rs"]
mod contract;
mod draw;
mod histories;
mod others;
mod people;
mod stage;
#[allow(dead_code, unused_imports, reason = "the engine's tests use more of it")]
#[path = "../../engine/tests/support/mod.rs"]
mod support;

mod sqlite {
    crate::contract::cases!(crate::stage::on_sqlite);
}

mod postgres {
    crate::contract::cases!(crate::stage::on_postgres);
}
