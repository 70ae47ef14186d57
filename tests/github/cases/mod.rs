//! Situations that people met with other tools, by their numbers, as far as they need a worker and a store.

mod audience;
mod creating;
mod limits;
mod losing;
mod merging;
mod sizes;
