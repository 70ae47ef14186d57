//! One switch for each fact about Linear that varies or may change, set through `/_control/linear/settings`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The switches.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Behaviour {
    /// Requests per hour with a personal API key, and with an OAuth token.
    pub(crate) key_requests: u64,
    pub(crate) oauth_requests: u64,
    /// Complexity points per hour with a personal API key, and with an OAuth token.
    pub(crate) key_complexity: u64,
    pub(crate) oauth_complexity: u64,
    /// The highest complexity of one query. It applies even if limits are off.
    pub(crate) max_complexity: u64,
    /// Limits of single queries and mutations: the number of requests, and the seconds in which they count.
    pub(crate) endpoint_limits: BTreeMap<String, (u64, u64)>,
    /// The status of exceeded limits.
    pub(crate) limit_status: u16,
    /// Exceeded limits send `Retry-After`.
    pub(crate) retry_after: bool,
    /// Reset headers are in seconds since 1970, as in older documentation.
    pub(crate) reset_in_seconds: bool,
    /// The status for a personal API key sent with `Bearer`.
    pub(crate) wrong_form_status: u16,
    /// The status of responses whose data is null because of an error of the user.
    pub(crate) error_status: u16,
    /// The largest page.
    pub(crate) page_limit: u64,
    /// The most issues of one batch.
    pub(crate) batch_limit: usize,
    /// The longest title and the longest description, in characters.
    pub(crate) title_limit: usize,
    pub(crate) description_limit: usize,
    /// What happens to the other mutations of a document when one fails.
    pub(crate) failed_mutation: FailedMutation,
    /// Archiving, deleting and restoring an issue is an update of it.
    pub(crate) archive_bumps: bool,
    /// A new or changed attachment is an update of its issue.
    pub(crate) attachment_bumps: bool,
    /// Descriptions are stored as the editor writes them.
    pub(crate) rewrite_markdown: bool,
    /// Which texts become links in descriptions.
    pub(crate) linkify: Linkify,
    /// Estimates must be on the team's scale.
    pub(crate) check_estimates: bool,
    /// The validity of an access token, and of one of client credentials, in seconds.
    pub(crate) token_seconds: i64,
    pub(crate) client_token_seconds: i64,
    /// Seconds during which a used refresh token returns the tokens that it was exchanged for again.
    pub(crate) refresh_grace_seconds: i64,
}

/// What happens to the other mutations of a document when one fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailedMutation {
    /// They are executed; `data` is null, since no result of a mutation may be null.
    Null,
    /// They are executed, and `data` has the successful results.
    Partial,
    /// Later ones are not executed; `data` is null.
    Stop,
}

/// The texts that become links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Linkify {
    /// Nothing.
    Off,
    /// URLs.
    Urls,
    /// URLs, and words that look like the name of a host, such as `setup.sh`.
    Hosts,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            key_requests: 2_500,
            oauth_requests: 5_000,
            key_complexity: 3_000_000,
            oauth_complexity: 2_000_000,
            max_complexity: 10_000,
            endpoint_limits: BTreeMap::new(),
            limit_status: 400,
            retry_after: false,
            reset_in_seconds: false,
            wrong_form_status: 401,
            error_status: 200,
            page_limit: 250,
            batch_limit: 50,
            title_limit: 255,
            description_limit: 250_000,
            failed_mutation: FailedMutation::Null,
            archive_bumps: true,
            attachment_bumps: false,
            rewrite_markdown: true,
            linkify: Linkify::Urls,
            check_estimates: true,
            token_seconds: 86_399,
            client_token_seconds: 2_591_999,
            refresh_grace_seconds: 0,
        }
    }
}
