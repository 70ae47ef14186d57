//! One switch for each fact about GitHub that varies or may change, set through `/_control/github/settings`.

use serde::{Deserialize, Serialize};

/// The switches.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Behaviour {
    /// The longest title, in characters. Error messages name 256; titles of 1,024 have been observed.
    pub(crate) title_limit: usize,
    /// The longest body, in characters.
    pub(crate) body_limit: usize,
    /// The handling of a longer body.
    pub(crate) long_body: LongBody,
    /// The handling of keys of a request body that the route does not know.
    pub(crate) unknown_keys: UnknownKeys,
    /// How many items of a list of issues `page` reaches; beyond them only the cursor of the Link header works.
    pub(crate) page_cap: usize,
    /// Milliseconds until a change is in the search index.
    pub(crate) search_lag_ms: u64,
    /// Search stops early and reports incomplete results.
    pub(crate) search_incomplete: bool,
    /// How many reads of an issue return no body after a transfer.
    pub(crate) transfer_empty_reads: u32,
    /// The status of exceeded limits: 403 or 429.
    pub(crate) limit_status: u16,
    /// Secondary limits send `Retry-After`.
    pub(crate) secondary_retry_after: bool,
    /// Concurrent requests of an account.
    pub(crate) concurrent: usize,
    /// Points an hour of an account.
    pub(crate) hourly: u64,
    /// Issues that an account may create in a minute, and in an hour.
    pub(crate) creates_a_minute: usize,
    pub(crate) creates_an_hour: usize,
    /// Points a minute of an account at one endpoint: a read costs 1, a write 5.
    pub(crate) points_a_minute: u64,
    /// Searches a minute.
    pub(crate) searches_a_minute: u64,
}

/// The handling of a body that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LongBody {
    Refuse,
    /// The body is cut silently.
    Cut,
}

/// The handling of unknown keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UnknownKeys {
    Refuse,
    Ignore,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            title_limit: 256,
            body_limit: 65_536,
            long_body: LongBody::Refuse,
            unknown_keys: UnknownKeys::Refuse,
            page_cap: 1_000,
            search_lag_ms: 2_000,
            search_incomplete: false,
            transfer_empty_reads: 0,
            limit_status: 403,
            secondary_retry_after: true,
            concurrent: 100,
            hourly: 5_000,
            creates_a_minute: 80,
            creates_an_hour: 500,
            points_a_minute: 900,
            searches_a_minute: 30,
        }
    }
}
