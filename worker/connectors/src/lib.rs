//! The connectors to platforms: files, SQL tables, GitHub, Jira and Linear so far, and the HTTP layer that they share.
//!
//! Start at [`registry`]: it turns the `source_platform` of a sync into a [`Platform`], which checks a scope and opens the
//! place that it names. Connectors retry nothing and keep no state of a sync; the engine decides.

mod account;
pub mod address;
mod answers;
mod catalogue;
pub mod headers;
pub mod http;
pub mod registry;
pub mod secret;

mod files;
mod github;
mod jira;
mod linear;
mod look;
mod named;
mod platform;
mod prose;
mod scope;
mod sets;
mod sql;
mod stamp;
mod tracker;

pub use account::{Account, Budget, Identity, Token};
pub use catalogue::{Catalogue, Container, Field, Person, Status};
pub use look::{Look, LookColumn};
pub use named::{Named, Outside};
pub use platform::{
    Availability, Discover, Opening, Platform, TokenEndpoint, check_scope, names_of, own_host, scope_of,
};
pub use registry::{no_platform, platform, platforms};
pub use scope::ScopeError;
