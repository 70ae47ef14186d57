//! Reports what a purge removed or would remove, and what it left and why.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// The kinds of rows, in the order of their purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(
    missing_docs,
    reason = "the names say it; `of_deleted_syncs` are the rows that go with deleted syncs"
)]
pub enum Kind {
    DeletedSyncs,
    OfDeletedSyncs,
    Runs,
    Changes,
    Conflicts,
    StatusHistory,
    Deliveries,
    IdempotencyKeys,
    AuditLog,
    Operations,
    Events,
}

impl Kind {
    /// All kinds, in order.
    pub const ALL: [Kind; 11] = [
        Kind::DeletedSyncs,
        Kind::OfDeletedSyncs,
        Kind::Runs,
        Kind::Changes,
        Kind::Conflicts,
        Kind::StatusHistory,
        Kind::Deliveries,
        Kind::IdempotencyKeys,
        Kind::AuditLog,
        Kind::Operations,
        Kind::Events,
    ];

    /// Returns the name for display.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::DeletedSyncs => "deleted syncs",
            Kind::OfDeletedSyncs => "rows of deleted syncs",
            Kind::Runs => "runs",
            Kind::Changes => "changes",
            Kind::Conflicts => "resolved conflicts",
            Kind::StatusHistory => "stays in a status",
            Kind::Deliveries => "webhook deliveries",
            Kind::IdempotencyKeys => "idempotency keys",
            Kind::AuditLog => "audit log entries",
            Kind::Operations => "operations that are over",
            Kind::Events => "events of the live feed",
        }
    }
}

/// The counts of rows of one kind that are past their limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Rows removed; in a dry run, rows that would be.
    pub removed: u64,
    /// Rows left, by reason.
    pub kept: BTreeMap<&'static str, u64>,
}

/// What a purge did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// True if nothing was changed.
    pub dry_run: bool,
    /// True if the purge read all rows and was not stopped.
    pub complete: bool,
    /// By kind; serialized as a list, in order.
    #[serde(serialize_with = "listed")]
    pub kinds: BTreeMap<Kind, Tally>,
}

fn listed<S: Serializer>(kinds: &BTreeMap<Kind, Tally>, to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Row<'a> {
        kind: Kind,
        #[serde(flatten)]
        tally: &'a Tally,
    }
    to.collect_seq(kinds.iter().map(|(kind, tally)| Row { kind: *kind, tally }))
}

impl Report {
    /// Returns the number of removed rows of all kinds.
    pub fn removed(&self) -> u64 {
        self.kinds.values().map(|tally| tally.removed).sum()
    }

    pub(super) fn remove(&mut self, kind: Kind, rows: u64) {
        self.kinds.entry(kind).or_default().removed += rows;
    }

    pub(super) fn keep(&mut self, kind: Kind, reason: &'static str, rows: u64) {
        if rows > 0 {
            *self.kinds.entry(kind).or_default().kept.entry(reason).or_default() += rows;
        }
    }
}
