//! The enums of columns. Each value is stored, printed and serialised under one name; parsing also accepts aliases.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

pub use crate::text_column::UnknownValue;

text_column! {
    /// The result of a link's last sync.
    SyncStatus {
        /// Never synced, or due again.
        Pending = "pending",
        /// A run is processing it.
        InProgress = "in_progress",
        /// Both sides agree.
        Completed = "completed" | "synced",
        /// The last attempt failed; `last_error` says why.
        Failed = "failed" | "error",
        /// Left alone on purpose.
        Skipped = "skipped",
        /// Waits for a conflict to be resolved.
        Conflict = "conflict",
    }
}

text_column! {
    /// Whether both sides of a link are known.
    LinkState {
        /// The item of one side is not created or matched yet.
        Pending = "pending",
        /// Both sides are known.
        Linked = "linked",
        /// An item left the scope of the sync without being deleted.
        OutOfScope = "out_of_scope",
        /// The item was deleted; the row records it.
        Tombstone = "tombstone",
    }
}

text_column! {
    /// What an operation does with its subjects.
    OperationAction {
        /// Replays dead letters.
        Replay = "replay",
        /// Discards dead letters.
        Discard = "discard",
        /// Resolves conflicts.
        Resolve = "resolve",
    }
}

text_column! {
    /// The state of an operation.
    OperationState {
        /// Counted, and not started.
        Previewed = "previewed",
        /// A worker carries it out or will do so.
        Running = "running",
        Done = "done",
        /// Stopped on request; completed changes remain.
        Cancelled = "cancelled",
        Failed = "failed",
    }
}

text_column! {
    /// What triggered a sync.
    SyncMethod {
        /// An event from the platform.
        Webhook = "webhook",
        /// A poll for changes since the cursor.
        Poll = "poll",
        /// A scheduled run over many items.
        Batch = "batch",
        /// A request by a person or another service.
        Manual = "manual",
    }
}

text_column! {
    /// The direction of a link's values, under the names of the `sync_metadata` column.
    SyncDirection {
        /// Source to target.
        LocalToRemote = "local_to_remote" | "source_to_target" | "push",
        /// Target to source.
        RemoteToLocal = "remote_to_local" | "target_to_source" | "pull",
        /// Both directions.
        Bidirectional = "bidirectional",
    }
}

text_column! {
    /// The direction of a sync's values, under the names of a sync's document.
    Direction {
        /// Source to target.
        SourceToTarget = "source_to_target" | "local_to_remote" | "push",
        /// Target to source.
        TargetToSource = "target_to_source" | "remote_to_local" | "pull",
        /// Both directions.
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
        Source = "source" | "local" | "elder",
        Target = "target" | "remote" | "external" | "jira",
    }
}

impl Side {
    /// Returns the opposite side.
    pub const fn other(self) -> Self {
        match self {
            Self::Source => Self::Target,
            Self::Target => Self::Source,
        }
    }
}

text_column! {
    /// The operation of a link's open intent.
    IntentKind {
        /// Create an item on the side.
        Create = "create",
        /// Write fields of an existing item.
        Update = "update",
        /// Delete, archive or close the item.
        Delete = "delete",
    }
}

text_column! {
    /// The state of a run.
    RunStatus {
        /// Accepted, not started.
        Queued = "queued",
        /// A worker is running it.
        InProgress = "in_progress",
        /// Finished; single items may still have failed.
        Completed = "completed",
        /// Ended without doing its work.
        Failed = "failed",
        Cancelled = "cancelled",
        /// Stopped by the delete guard before acting; a later run acts if a person approves.
        Held = "held",
    }
}

impl RunStatus {
    /// True if the run has ended and changes nothing any more.
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Held)
    }
}

text_column! {
    /// The type of an event of the live feed.
    EventType {
        RunAccepted = "run.accepted",
        RunStarted = "run.started",
        /// How far it has come. It is passed on to those who listen, and is no row.
        RunProgressed = "run.progressed",
        /// Single items may have failed.
        RunCompleted = "run.completed",
        RunFailed = "run.failed",
        RunHeld = "run.held",
        RunCancelled = "run.cancelled",
        /// The job waits again: an attempt failed, or its worker gave it back.
        JobMoved = "job.moved",
        JobDead = "job.dead",
        JobReplayed = "job.replayed",
        /// Both sides changed.
        ConflictDetected = "conflict.detected",
        /// It is still open, with new values.
        ConflictUpdated = "conflict.updated",
        /// A person chose; a run will apply the choice.
        ConflictChosen = "conflict.chosen",
        ConflictResolved = "conflict.resolved",
        /// Items were written to a side. One event is about up to 200 items of a run.
        ItemCreated = "item.created",
        ItemChanged = "item.changed",
        ItemDeleted = "item.deleted",
        ItemFailed = "item.failed",
        ConfigCreated = "config.created",
        ConfigRevised = "config.revised",
        ConfigPaused = "config.paused",
        ConfigResumed = "config.resumed",
        ConfigDeleted = "config.deleted",
        /// Its secret was refused, so it was paused.
        AccountBlocked = "account.blocked",
        AccountRecovered = "account.recovered",
        WorkerJoined = "worker.joined",
        /// It claims no new jobs and ends when its present jobs have ended.
        WorkerDraining = "worker.draining",
        WorkerLeft = "worker.left",
        /// Its heartbeats stopped.
        WorkerLost = "worker.lost",
    }
}

text_column! {
    /// What a run does.
    RunKind {
        /// Plan and apply.
        Sync = "sync",
        /// Plan only; no mutating call.
        Plan = "plan",
        /// Apply a resolved conflict.
        Resolve = "resolve",
    }
}

text_column! {
    /// Whether a change is known to have reached the platform.
    ChangeState {
        /// Recorded before the call.
        Intended = "intended",
        /// The platform returned the value.
        Confirmed = "confirmed",
        /// The platform refused the write, or it was never sent: nothing was changed.
        NotWritten = "not_written",
        /// The result of the call was never received.
        Unknown = "unknown",
    }
}

text_column! {
    /// Where a sync's definition is maintained.
    ManagedBy {
        /// In a document applied from a file.
        File = "file",
        /// In the API.
        Api = "api",
    }
}

text_column! {
    /// The syntax of a schedule's expression.
    ScheduleKind {
        /// An interval in seconds.
        Interval = "interval",
        /// A cron expression in the schedule's time zone.
        Cron = "cron",
    }
}

text_column! {
    /// The standing of a job in the SQL queue; a finished job has no row.
    JobState {
        /// Can be claimed from `run_at` on.
        Waiting = "waiting",
        /// Claimed, with a lease.
        Running = "running",
        /// Given up; kept for replay or discard.
        Dead = "dead",
    }
}

text_column! {
    /// How long a job blocks others with its unique key.
    UniqueRule {
        /// While it waits.
        WhileWaiting = "while_waiting",
        /// While it waits or runs.
        UntilDone = "until_done",
        /// For a time from its push; stored in `job_unique_windows`.
        For = "for",
        /// While it waits; their payloads are merged into it.
        Coalesce = "coalesce",
    }
}

text_column! {
    /// The state of a webhook delivery.
    DeliveryStatus {
        /// Stored and acknowledged; no job was created yet.
        Received = "received",
        /// A run processes it.
        Queued = "queued",
        /// It concerns no synced item.
        Ignored = "ignored",
        /// It cannot be parsed; `error` says why.
        Failed = "failed",
    }
}

text_column! {
    /// The kind of subject that a pause stops.
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
    /// How an identity was assigned to its person.
    MatchedBy {
        /// It was not matched to another identity.
        None = "none",
        /// Another identity has the same e-mail address.
        Email = "email",
        /// Exactly one other person has the same name.
        Name = "name",
        /// A person set it.
        Hand = "hand",
        /// A user separated it from its person; `people sync` does not match it again.
        Apart = "apart",
    }
}

text_column! {
    /// The severity of an alert.
    AlertLevel {
        /// For information.
        Info = "info",
        /// Needs attention.
        Warning = "warning",
        /// Needs attention now.
        Critical = "critical",
    }
}

text_column! {
    /// The length of time that a row of statistics covers.
    Span {
        Hour = "hour",
        /// A day in UTC.
        Day = "day",
        /// A calendar month in UTC.
        Month = "month",
    }
}

/// The priority of a job or run. Stored as a small number so that an index returns them in order.
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
    /// Before work that no person waits for.
    #[sea_orm(num_value = 1)]
    High,
    #[default]
    #[sea_orm(num_value = 2)]
    #[serde(alias = "default")]
    Normal,
    /// Only when nothing else is due.
    #[sea_orm(num_value = 3)]
    Low,
}

impl Priority {
    /// Returns the name for people and documents.
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
