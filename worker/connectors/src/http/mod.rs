//! HTTP for the connectors of platforms.
//!
//! - [`HttpConfig`] says how the network is reached; [`Http`] is made of it once and shared by all places.
//! - [`Client`] sends the requests of one account to one platform. It comes from [`Account::client`](crate::Account).
//! - [`Dialect`] is what a platform's module adds: its error bodies and the headers of its limits.
//! - [`Request`] is built by a connector and sent with the context of its call. Before anything is sent, the leave to
//!   write and the gate of the account are asked; afterwards the gate hears how it ended. Nothing is retried.
//! - [`Reply`] is a success; [`Failed`] says, beside the error, whether a write may have been applied.
//!
//! Secrets are in no error, trace or debug output. Bodies are not logged above `debug`.
//!
//! ```
//! # use std::{sync::LazyLock, time::Duration};
//! # use syncline_connectors::http::{Client, Dialect};
//! # use syncline_engine::{limits::Dimension, ports::{Call, ConnectorError, Written}};
//! static REST: LazyLock<Dimension> =
//!     LazyLock::new(|| Dimension::windowed("rest", 5_000.0, Duration::from_secs(3600)));
//!
//! async fn page(client: &Client, repo: &str, call: &Call<'_>) -> Result<Vec<serde_json::Value>, ConnectorError> {
//!     let reply = client
//!         .get(&["repos", "acme", repo, "issues"])
//!         .query("state", "all")
//!         .cost(&REST, 1.0)
//!         .conditional()
//!         .send(call)
//!         .await?;
//!     Ok(reply.json()?)
//! }
//!
//! async fn close(client: &Client, number: &str, call: &Call<'_>) -> Written {
//!     let request = client.patch(&["repos", "acme", "web", "issues", number]).cost(&REST, 1.0);
//!     match request.json(&serde_json::json!({ "state": "closed" })).send(call).await {
//!         Ok(_) => Written::done(None, Vec::new()),
//!         Err(failed) => failed.written(),
//!     }
//! }
//! ```

#![warn(missing_docs)]

mod auth;
mod base;
mod body;
mod client;
mod config;
mod dialect;
mod error;
mod etag;
mod exchange;
mod graphql;
mod guard;
mod kept;
mod ranges;
mod reply;
mod request;
mod sent;
mod silence;
mod tls;

pub use auth::Auth;
pub use client::{Client, Http, HttpError, unguarded};
pub use config::{HttpConfig, Proxy};
pub use dialect::{Class, Dialect, Head, Told};
pub use graphql::{GraphqlError, GraphqlReply, GraphqlRequest};
pub use guard::AllowPrivate;
pub use reply::Reply;
pub use request::Request;
pub use sent::{Failed, Sent};
pub use tls::distrust;
