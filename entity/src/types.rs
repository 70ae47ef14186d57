//! The closed sets that columns hold. Each is stored, printed and serialised under one name; parsing also takes aliases.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

pub use crate::text_column::UnknownValue;

text_column! {
    /// How the last sync of a link ended.
    SyncStatus {
        /// Never synced, or due again.
        Pending = "pending",
        /// A run is at work on it.
        InProgress = "in_progress",
        /// Both sides agree.
        Completed = "completed" | "synced",
        /// The last attempt failed; `last_error` says why.
        Failed = "failed" | "error",
        /// Left alone on purpose.
        Skipped = "skipped",
        /// Waits for a conflict to be settled.
        Conflict = "conflict",
    }
}

text_column! {
    /// Whether a link's two sides are there.
    LinkState {
        /// One side is still to be created or matched.
        Pending = "pending",
        /// Both sides are known.
        Linked = "linked",
        /// An item left the scope of the sync; it was not deleted.
        OutOfScope = "out_of_scope",
        /// The item was deleted; the row remembers that it was.
        Tombstone = "tombstone",
    }
}

text_column! {
    /// What set a sync off.
    SyncMethod {
        /// An event of the platform.
        Webhook = "webhook",
        /// A look for changes since the cursor.
        Poll = "poll",
        /// A scheduled run over many items.
        Batch = "batch",
        /// A person or another service asked.
        Manual = "manual",
    }
}

text_column! {
    /// The way a link's values flow, under the names of the `sync_metadata` column.
    SyncDirection {
        /// Source to target.
        LocalToRemote = "local_to_remote" | "source_to_target" | "push",
        /// Target to source.
        RemoteToLocal = "remote_to_local" | "target_to_source" | "pull",
        /// Both ways.
        Bidirectional = "bidirectional",
    }
}

text_column! {
    /// The way a sync's values flow, under the names of a sync's document.
    Direction {
        /// Source to target.
        SourceToTarget = "source_to_target" | "local_to_remote" | "push",
        /// Target to source.
        TargetToSource = "target_to_source" | "remote_to_local" | "pull",
        /// Both ways.
        Bidirectional = "bidirectional",
    }
}

impl From<Direction> for SyncDirection {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::SourceToTarget => Self::LocalToRemote,
            Direction::TargetToSource => Self::RemoteToLocal,
            Direction::Bidirectional => Self::Bidirectional,
        }
    }
}

text_column! {
    /// One of the two sides of a sync.
    Side {
        /// The source.
        Source = "source" | "local" | "elder",
        /// The target.
        Target = "target" | "remote" | "external" | "jira",
    }
}

impl Side {
    /// The opposite side.
    pub const fn other(self) -> Self {
        match self {
            Self::Source => Self::Target,
            Self::Target => Self::Source,
        }
    }
}

text_column! {
    /// What a link's open intent is about to do.
    IntentKind {
        /// Create the item on the side.
        Create = "create",
        /// Write fields of an existing item.
        Update = "update",
        /// Delete, archive or close the item.
        Delete = "delete",
    }
}

text_column! {
    /// Where a run stands.
    RunStatus {
        /// Accepted, not begun.
        Queued = "queued",
        /// A worker holds it.
        InProgress = "in_progress",
        /// Finished; single items may still have failed.
        Completed = "completed",
        /// Ended without doing its work.
        Failed = "failed",
        /// Called off.
        Cancelled = "cancelled",
        /// Ended before acting; a later run does it if a person approves.
        Held = "held",
    }
}

impl RunStatus {
    /// Whether the run is over and will change nothing any more.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Held)
    }
}

text_column! {
    /// What a run does.
    RunKind {
        /// Plan and apply.
        Sync = "sync",
        /// Plan only; no mutating call.
        Plan = "plan",
        /// Apply a settled conflict.
        Resolve = "resolve",
    }
}

text_column! {
    /// How sure we are that a change reached the platform.
    ChangeState {
        /// Recorded before the call.
        Intended = "intended",
        /// The platform answered with the value.
        Confirmed = "confirmed",
        /// The call's result never arrived.
        Unknown = "unknown",
    }
}

text_column! {
    /// Who keeps a sync's definition.
    ManagedBy {
        /// A document applied from a file.
        File = "file",
        /// The API.
        Api = "api",
    }
}

text_column! {
    /// How a schedule's expression is read.
    ScheduleKind {
        /// Every so many seconds.
        Interval = "interval",
        /// A cron expression in the schedule's time zone.
        Cron = "cron",
    }
}

text_column! {
    /// Where a job of the SQL queue stands; a finished job has no row.
    JobState {
        /// To be claimed once `run_at` has come.
        Waiting = "waiting",
        /// Claimed, under a lease.
        Running = "running",
        /// Given up; kept to be replayed or discarded.
        Dead = "dead",
    }
}

text_column! {
    /// For how long a job stands for others of its unique key.
    UniqueRule {
        /// While it waits.
        WhileWaiting = "while_waiting",
        /// While it waits or runs.
        UntilDone = "until_done",
        /// For a time from its push; `job_unique_windows` has it.
        For = "for",
        /// While it waits, taking up their payloads.
        Coalesce = "coalesce",
    }
}

text_column! {
    /// What became of a webhook delivery.
    DeliveryStatus {
        /// Stored and acknowledged; a job is still to be made of it.
        Received = "received",
        /// A run carries it.
        Queued = "queued",
        /// It concerns nothing that is kept in step.
        Ignored = "ignored",
        /// It could not be read; `error` says why.
        Failed = "failed",
    }
}

text_column! {
    /// What kind of thing a pause stops.
    PauseScope {
        /// A queue, by name.
        Queue = "queue",
        /// A sync, by id.
        Sync = "sync",
        /// An account of a platform, by id.
        Account = "account",
        /// A platform with all its accounts, by name.
        Platform = "platform",
    }
}

text_column! {
    /// How much an alert matters.
    AlertLevel {
        /// Worth knowing.
        Info = "info",
        /// Somebody should look.
        Warning = "warning",
        /// Somebody should look now.
        Critical = "critical",
    }
}

text_column! {
    /// How long the time is that a row of statistics stands for.
    Span {
        /// An hour.
        Hour = "hour",
        /// A day, in UTC.
        Day = "day",
        /// A calendar month, in UTC.
        Month = "month",
    }
}

/// How urgent a job or run is. Stored as a small number so that an index serves them in order.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before everything else.
    #[sea_orm(num_value = 0)]
    Critical,
    /// Before what nobody waits for.
    #[sea_orm(num_value = 1)]
    High,
    /// The usual.
    #[default]
    #[sea_orm(num_value = 2)]
    #[serde(alias = "default")]
    Normal,
    /// When nothing else is due.
    #[sea_orm(num_value = 3)]
    Low,
}

impl Priority {
    /// The name for people and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

shown_and_parsed!(Priority {
    Critical = "critical",
    High = "high",
    Normal = "normal" | "default",
    Low = "low",
});
