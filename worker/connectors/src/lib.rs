//! The connectors to platforms: files and SQL tables so far.
//!
//! Start at [`registry`]: it turns the `source_platform` of a sync into a [`registry::Platform`], which checks a scope
//! and opens a connector for it. Connectors retry nothing and keep no state of a sync; the engine decides.

pub mod address;
mod answers;
pub mod headers;
pub mod registry;
pub mod secret;

mod files;
mod look;
mod named;
mod scope;
mod sql;
mod stamp;

pub use look::{Look, LookColumn};
pub use named::{Named, Outside};
pub use registry::{Availability, OpenOptions, Platform, no_platform, platform, platforms};
