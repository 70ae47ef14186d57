//! One switch for each fact about Jira that varies or may change, set through `/_control/jira/settings`.

use serde::{Deserialize, Serialize};

/// The switches.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Behaviour {
    /// Milliseconds until a change is in the search index.
    pub(crate) index_lag_ms: u64,
    /// How many of 100 changes lag; the others are indexed at once.
    pub(crate) lagging_percent: usize,
    /// How a search shows an edited issue until then.
    pub(crate) lagging_edit: Lagging,
    /// The response to an expired or revoked API token.
    pub(crate) dead_token: DeadToken,
    /// The longest page with fields, and with ids and keys alone.
    pub(crate) page_max: usize,
    pub(crate) page_max_ids: usize,
    /// The longest page, whatever the request asks for; 0 to apply the limits above.
    pub(crate) short_pages: usize,
    /// One of this many pages is empty although more follow; 0 for none.
    pub(crate) empty_pages: usize,
    /// The first item of each later page is left out.
    pub(crate) page_gaps: bool,
    /// The last item of each page is the first one of the next.
    pub(crate) page_repeats: bool,
    /// Each page returns the token that was sent, so that paging never ends.
    pub(crate) stuck_token: bool,
    /// How long a page token is valid.
    pub(crate) page_token_seconds: i64,
    /// A search for a missing or hidden project, key or id is refused; otherwise it finds nothing.
    pub(crate) refuse_missing: bool,
    /// Keys of properties that JQL may search, as an app declares them.
    pub(crate) indexed_properties: Vec<String>,
    /// The longest summary.
    pub(crate) summary_limit: usize,
    /// Summaries are counted in UTF-16 units; otherwise in characters.
    pub(crate) summary_utf16: bool,
    /// The longest text, in characters.
    pub(crate) text_limit: usize,
    /// The counted part of a document.
    pub(crate) text_counts: TextCounts,
    /// The server normalises documents: joins equal neighbours, drops empty marks and attributes, updates the names of
    /// people.
    pub(crate) normalise_adf: bool,
    /// The longest property, in bytes, and the longest body of a request.
    pub(crate) property_limit: usize,
    pub(crate) body_limit: usize,
    /// A change of a property also changes `updated`.
    pub(crate) property_touches: bool,
    /// Histories have null for an absent value; otherwise the key is left out.
    pub(crate) changelog_nulls: bool,
    /// Times of `changelog/bulkfetch` are numbers (milliseconds); otherwise texts.
    pub(crate) bulk_changelog_numbers: bool,
    /// The reuse of a refresh token revokes the whole grant.
    pub(crate) reuse_ends_grant: bool,
    /// The validity of an access token, in seconds.
    pub(crate) access_token_seconds: i64,
    /// Requests per second to one endpoint: GET and POST, and PUT and DELETE; 0 for no limit.
    pub(crate) burst_reads: usize,
    pub(crate) burst_writes: usize,
    /// Writes of one issue in 2 and in 30 seconds; 0 for no limit.
    pub(crate) issue_writes_2s: usize,
    pub(crate) issue_writes_30s: usize,
    /// Points per hour of an OAuth app; 0 for no limit.
    pub(crate) quota_points: u64,
    /// The quota belongs to the tenant; otherwise to the app.
    pub(crate) quota_of_tenant: bool,
    /// Refusals by a limit send `Retry-After`.
    pub(crate) retry_after: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Lagging {
    /// Its state before the edit.
    Old,
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeadToken {
    /// As for no credentials: 200 and empty.
    Anonymous,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TextCounts {
    /// The characters that a reader sees.
    Text,
    /// The whole document as JSON.
    Json,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            index_lag_ms: 1_000,
            lagging_percent: 100,
            lagging_edit: Lagging::Old,
            dead_token: DeadToken::Anonymous,
            page_max: 100,
            page_max_ids: 5_000,
            short_pages: 0,
            empty_pages: 0,
            page_gaps: false,
            page_repeats: false,
            stuck_token: false,
            page_token_seconds: 7 * 24 * 3600,
            refuse_missing: true,
            indexed_properties: Vec::new(),
            summary_limit: 255,
            summary_utf16: true,
            text_limit: 32_767,
            text_counts: TextCounts::Text,
            normalise_adf: true,
            property_limit: 32_768,
            body_limit: 5 * 1024 * 1024,
            property_touches: false,
            changelog_nulls: false,
            bulk_changelog_numbers: false,
            reuse_ends_grant: false,
            access_token_seconds: 3_600,
            burst_reads: 100,
            burst_writes: 50,
            issue_writes_2s: 20,
            issue_writes_30s: 100,
            quota_points: 65_000,
            quota_of_tenant: false,
            retry_after: true,
        }
    }
}
