//! The requests of people and programs. The command line and the HTTP API both call these functions and have no rules
//! of their own: they parse the request, call a function, and format the result or the [`Error`].
//!
//! - [`accounts`]: adds, lists, rotates and removes accounts, and finds those that documents name.
//! - [`documents`]: checks whether a document can be stored.
//! - [`Origin`]: where a document comes from, and what it may name for that reason.
//! - [`allow`]: the lists of what documents over HTTP may name.
//! - [`store`]: stores documents as syncs with their schedules.
//! - [`configs`]: lists, shows, changes and deletes stored syncs; [`differences`] compares their documents, and
//!   [`passwords`] keeps secrets out of what is shown.
//! - [`yaml`]: documents as text.
//! - [`syncs`]: finds stored syncs by name.
//! - [`runs`]: requests runs; [`start`] does so in the words of older systems.
//! - [`announce`]: syncs an item that a program says was changed.
//! - [`conflicts`]: checks and stores a person's choice; [`choice`] is its form in the database.
//! - [`pauses`]: pauses subjects.
//! - [`people`]: which identities are one person, and the mapping of a sync with its people and statuses.
//! - [`dead`]: replays and discards dead letters.
//! - [`operations`]: previews and starts changes of many subjects, and carries them out.
//! - [`schedules`], [`workers`], [`queues`]: what is asked of them.
//! - [`projects`]: lists and creates projects.
//! - [`tokens`]: makes, revokes and checks the tokens of the API.
//! - [`Caller`]: who asks, and what they may do.
//! - [`filter`]: the filter grammar of lists; [`scan`] reads pages of large tables.
//! - [`status`]: how each sync stands.
//! - [`history`], [`links`]: runs with what they changed, and links with their changes.
//! - [`feed`]: the live feed of events.
//! - [`idempotency`]: answers repeated requests with the first answer.
//! - [`audit`]: records who changed what.
//! - [`redact`]: takes values out of what callers without `data:read` are shown.

pub mod accounts;
pub mod allow;
pub mod announce;
pub mod audit;
mod caller;
pub mod choice;
pub mod configs;
pub mod conflicts;
pub mod dead;
pub mod differences;
pub mod documents;
mod error;
pub mod feed;
pub mod filter;
pub mod history;
pub mod idempotency;
pub mod links;
pub mod losses;
pub mod operations;
mod origin;
pub mod passwords;
pub mod pauses;
pub mod people;
pub mod projects;
pub mod queues;
pub mod redact;
pub mod runs;
pub mod scan;
pub mod schedules;
pub mod start;
pub mod status;
pub mod store;
pub mod syncs;
pub mod tokens;
pub mod workers;
pub mod yaml;

pub use caller::{Caller, Scope, Scopes};
pub use error::{Error, Refusal, Unknown};
pub use origin::Origin;
