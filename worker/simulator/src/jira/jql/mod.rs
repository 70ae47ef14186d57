//! JQL, as far as issues are looked for: its grammar, its meaning, and its order.

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
