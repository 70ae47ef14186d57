//! The store in memory keeps the contract of the store.

use crate::{
    contract::{Case, cases, fake::Fake},
    support::drive,
};

fn on_memory(case: Case) {
    drive(case(&Fake::new())).unwrap();
}

cases!(crate::memory::on_memory);
