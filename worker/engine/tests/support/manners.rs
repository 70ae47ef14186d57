//! How a place behaves, and its faults.

use std::time::Duration;

use syncline_engine::{
    capability::{ConcurrencyControl, CreateIdempotency, Removal},
    value::Precision,
};

/// The behaviour of a place.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    pub(crate) create_idempotency: CreateIdempotency,
    /// The field that is the id.
    pub(crate) key_field: Option<String>,
    pub(crate) page_size: usize,
    pub(crate) write_batch: usize,
    /// Requests for each write alone; 0: one for all writes of a call.
    pub(crate) calls_per_write: u32,
    pub(crate) prefers_large_batches: bool,
    /// Its listings are consistent readings; otherwise it is asked by id for what they lack.
    pub(crate) snapshot: bool,
    /// Can search by the values of fields, for this many keys at once.
    pub(crate) finds: Option<usize>,
    /// A search answers with all items, and not only with those asked for.
    pub(crate) fuzzy: bool,
    /// A search does not know the last so many changes yet.
    pub(crate) search_lag: u64,
    /// A search does not tell everything.
    pub(crate) search_is_cut: bool,
    /// Pages of listings until a limit is met, again and again; listings can go on where they were broken off.
    pub(crate) pages_per_run: Option<usize>,
    /// Each call counts.
    pub(crate) remote: bool,
    /// Its items can get another id.
    pub(crate) ids_change: bool,
    /// It says that an item was deleted, also in listings; otherwise it only does not show it.
    pub(crate) tombstones: bool,
    pub(crate) incremental: bool,
    /// Items carry the time of their last change.
    pub(crate) modified_times: bool,
    /// Modification times exist but cannot be parsed.
    pub(crate) unread_times: bool,
    pub(crate) concurrency: ConcurrencyControl,
    /// Fields that it leads to their value in steps.
    pub(crate) stepwise: &'static [&'static str],
    /// Tells who changed a field last.
    pub(crate) history: bool,
    /// Text is trimmed.
    pub(crate) trims: bool,
    /// Elements of lists are stored in upper case, each once.
    pub(crate) shouts: bool,
    /// Datetimes are stored in this precision.
    pub(crate) precision: Option<Precision>,
    /// Pages list the last item first.
    pub(crate) backwards: bool,
    /// Each page repeats the last item of the previous one, like offset paging when an item is inserted.
    pub(crate) overlaps: bool,
    /// Ids ignore case.
    pub(crate) ignores_case: bool,
    /// A field that it leaves out of every write.
    pub(crate) leaves_out: Option<&'static str>,
    /// A limit keeps that field out, and not the platform's refusal.
    pub(crate) is_limited: bool,
    /// It returns nothing for an update or a delete.
    pub(crate) silent: bool,
    /// A field that cannot be written.
    pub(crate) computed: Option<&'static str>,
    pub(crate) removals: &'static [Removal],
    pub(crate) request_timeout: Duration,
    pub(crate) marker_visible_after: Duration,
}

impl Default for Manners {
    fn default() -> Self {
        Manners {
            create_idempotency: CreateIdempotency::Native,
            key_field: None,
            page_size: 2,
            write_batch: 2,
            calls_per_write: 0,
            prefers_large_batches: false,
            snapshot: true,
            finds: None,
            fuzzy: false,
            search_lag: 0,
            search_is_cut: false,
            pages_per_run: None,
            remote: false,
            ids_change: false,
            tombstones: false,
            incremental: false,
            modified_times: true,
            unread_times: false,
            concurrency: ConcurrencyControl::Fields,
            stepwise: &[],
            history: false,
            trims: false,
            shouts: false,
            precision: None,
            backwards: false,
            overlaps: false,
            ignores_case: false,
            leaves_out: None,
            is_limited: false,
            silent: false,
            computed: None,
            removals: &[Removal::Delete],
            request_timeout: Duration::ZERO,
            marker_visible_after: Duration::ZERO,
        }
    }
}

/// The fault of one write call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No fault: the next fault in the queue applies to the next call.
    None,
    /// The call fails and nothing was written.
    Before,
    /// Everything was written, and the reply was lost.
    After,
    /// One write after the other, each of which takes this long; asks for leave before each.
    Slow(u32),
    /// The reply to this write of the call alone was lost.
    AfterOne(usize),
    /// A field of this write of the call alone was not written, and may be later.
    LeavesOut(usize, usize),
    /// This write was broken off in a field that takes steps, and its reply was lost.
    Halfway(usize),
}

/// What a place shows of an item that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// By id only: the listing is behind, or cut short.
    ById,
    /// Not at all: hidden from the account.
    Hidden,
    /// Outside what the place lists.
    Outside,
}
