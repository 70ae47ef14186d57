//! What a purge removed, or would, and what it left and why.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// What is purged, in the order in which it is.
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
}

impl Kind {
    /// All of them, in order.
    pub const ALL: [Kind; 9] = [
        Kind::DeletedSyncs,
        Kind::OfDeletedSyncs,
        Kind::Runs,
        Kind::Changes,
        Kind::Conflicts,
        Kind::StatusHistory,
        Kind::Deliveries,
        Kind::IdempotencyKeys,
        Kind::AuditLog,
    ];

    /// The name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::DeletedSyncs => "deleted syncs",
            Kind::OfDeletedSyncs => "rows of deleted syncs",
            Kind::Runs => "runs",
            Kind::Changes => "changes",
            Kind::Conflicts => "settled conflicts",
            Kind::StatusHistory => "stays in a status",
            Kind::Deliveries => "webhook deliveries",
            Kind::IdempotencyKeys => "idempotency keys",
            Kind::AuditLog => "audit log entries",
        }
    }
}

/// What became of the rows of one kind that are past their limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Gone; in a dry run, those that would go.
    pub removed: u64,
    /// Left, by reason.
    pub kept: BTreeMap<&'static str, u64>,
}

/// What a purge did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing was touched.
    pub dry_run: bool,
    /// Whether it looked at everything, and was not stopped before.
    pub complete: bool,
    /// By kind; for programs a list, in order.
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
    /// Rows removed, of all kinds.
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
