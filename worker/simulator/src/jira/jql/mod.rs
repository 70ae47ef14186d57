//! JQL, as far as searches of issues need it: grammar, evaluation and order.

mod check;
mod names;
mod order;
mod parse;
mod resolve;
mod tokens;

pub(crate) use self::{
    check::{Check, Compare},
    order::{Order, ordered},
    parse::parse,
    resolve::{Asker, resolve},
};
