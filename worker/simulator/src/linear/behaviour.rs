//! Where the facts about Linear differ or may change: one switch each, set through `/_control/linear/settings`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The switches.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Behaviour {
    /// Requests an hour with a personal API key, and with an OAuth token.
    pub(crate) key_requests: u64,
    pub(crate) oauth_requests: u64,
    /// Complexity points an hour with a personal API key, and with an OAuth token.
    pub(crate) key_complexity: u64,
    pub(crate) oauth_complexity: u64,
    /// The highest complexity of one query. It holds without limits, too.
    pub(crate) max_complexity: u64,
    /// Requests to single queries and mutations: how many, and in how many seconds.
    pub(crate) endpoint_limits: BTreeMap<String, (u64, u64)>,
    /// The status of exceeded limits.
    pub(crate) limit_status: u16,
    /// Exceeded limits send `Retry-After`.
    pub(crate) retry_after: bool,
    /// Reset headers in seconds since 1970, as older pages have it.
    pub(crate) reset_in_seconds: bool,
    /// The status for a personal API key behind `Bearer`.
    pub(crate) wrong_form_status: u16,
    /// The status of answers whose data is null for an error of the user.
    pub(crate) error_status: u16,
    /// The largest page.
    pub(crate) page_limit: u64,
    /// The most issues of one batch.
    pub(crate) batch_limit: usize,
    /// The longest title and the longest description, in characters.
    pub(crate) title_limit: usize,
    pub(crate) description_limit: usize,
    /// What becomes of the other mutations of a document when one fails.
    pub(crate) failed_mutation: FailedMutation,
    /// Archiving, deleting and restoring an issue is an update of it.
    pub(crate) archive_bumps: bool,
    /// A new or changed attachment is an update of its issue.
    pub(crate) attachment_bumps: bool,
    /// Descriptions are stored as the editor writes them.
    pub(crate) rewrite_markdown: bool,
    /// What becomes a link in descriptions.
    pub(crate) linkify: Linkify,
    /// Estimates must be of the team's scale.
    pub(crate) check_estimates: bool,
    /// Seconds that an access token is good for, and one of client credentials.
    pub(crate) token_seconds: i64,
    pub(crate) client_token_seconds: i64,
    /// Seconds in which a used refresh token returns the tokens that it was exchanged for once more.
    pub(crate) refresh_grace_seconds: i64,
}

/// What becomes of the other mutations of a document when one fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailedMutation {
    /// They are carried out; `data` is null, since no result of a mutation may be.
    Null,
    /// They are carried out, and `data` has what succeeded.
    Partial,
    /// Those behind it are not carried out; `data` is null.
    Stop,
}

/// What becomes a link.
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
