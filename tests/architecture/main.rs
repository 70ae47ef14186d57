//! Rules about the tree itself.

mod dependencies;
mod tree;
