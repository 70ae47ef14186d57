//! Operations: changes of many subjects in the background.
//!
//! A [`preview`] counts the subjects and stores what was asked with the time; its token starts exactly that, for the same
//! caller and for ten minutes. Workers carry a started operation out, one [`step`] after the other: a step is one
//! transaction with its changes and with how far it has come, so that after a crash nothing is done twice.

mod resolve;
mod step;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use syncline_entity::{
    operation,
    types::{OperationAction, OperationState},
};
use syncline_queue::{NewJob, Priority};
use syncline_runs::{
    RUN_QUEUE, RunQueue,
    dead::{self, DeadQuery},
    listing::{Also, Listed, of_letter},
};
use syncline_sql::begin;
use uuid::Uuid;

pub use self::{
    resolve::{Conflicts, Take, preview_resolve},
    step::{Step, fail, step},
};
use crate::{
    Caller, Error, Refusal, Scope, Unknown,
    audit::{self, Entry},
    conflicts::FoundConflict,
    filter::jobs::of_jobs_at,
};

/// The kind of job that carries operations out.
pub const KIND: &str = "operation";

/// The payload version of these jobs. Workers that do not know the kind would take the job for a run, and know only lower
/// versions.
pub const PAYLOAD_VERSION: i32 = 4;

/// How long a preview can be started.
const PREVIEW_LASTS: TimeDelta = TimeDelta::minutes(10);

/// The most letters that are read to find those with a text.
pub const MOST_READ: u64 = 100_000;

/// More discards than this need a reason.
const MOST_WITHOUT_REASON: u64 = 10_000;

/// Letters shown with a preview.
const SAMPLE: u64 = 5;

/// Which dead letters an operation is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Letters {
    /// Of the sync with this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<i64>,
    /// Of this group, by its fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Of this kind of run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// With this text in the reason or the error; case-sensitive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Those for which this filter holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
}

impl Letters {
    fn query(&self, project: Option<i64>, until: DateTime<Utc>) -> DeadQuery {
        DeadQuery {
            project,
            sync: self.sync,
            text: self.text.clone(),
            group: self.group.clone(),
            kind: self.kind.clone(),
            until: Some(until),
            older_than: None,
        }
    }

    /// True if only the letters themselves tell whether they are meant.
    fn is_read(&self) -> bool {
        self.kind.is_some() || self.text.is_some() || self.q.is_some()
    }
}

/// A counted operation that can be started.
#[derive(Debug, Clone)]
pub struct Preview {
    pub row: operation::Model,
    /// Starts it.
    pub token: String,
    pub expires_at: DateTime<Utc>,
    /// Some of the letters, the latest first.
    pub sample: Vec<Listed>,
    /// Some of the conflicts, the latest first.
    pub conflicts: Vec<FoundConflict>,
}

/// Counts the letters and stores what was asked.
pub async fn preview(
    db: &DatabaseConnection,
    caller: &Caller,
    action: OperationAction,
    letters: &Letters,
) -> Result<Preview, Error> {
    may(caller, action)?;
    if action == OperationAction::Resolve {
        let text = "take: is missing; say what stands, or give a resolution_strategy";
        return Err(Error::Invalid(text.to_owned()));
    }
    let now = Utc::now().trunc_subsecs(6);
    let query = letters.query(caller.project, now);
    let in_scope = dead::counted(db, caller.project, letters.sync, letters.group.as_deref()).await?;
    let also = also(db, letters, now).await?;
    let total = match letters.is_read() {
        false => in_scope,
        true if in_scope > MOST_READ => {
            let text = format!(
                "filter: {in_scope} dead letters would have to be read to find those that are meant, and at most {MOST_READ} \
                 are; name a group or a sync as well"
            );
            return Err(Error::Invalid(text));
        }
        true => count(db, &query, also.as_ref()).await?,
    };
    let (sample, _) = meant(db, &query, also.as_ref(), None, SAMPLE, usize::MAX).await?;
    let sample = sample.iter().map(of_letter).collect();
    let (row, token) = stored(db, caller, (action, json!(letters)), total, now).await?;
    Ok(Preview { expires_at: now + PREVIEW_LASTS, row, token, sample, conflicts: Vec::new() })
}

/// Stores a preview. Returns it with its token.
async fn stored(
    db: &DatabaseConnection,
    caller: &Caller,
    (action, filter): (OperationAction, Value),
    total: u64,
    now: DateTime<Utc>,
) -> Result<(operation::Model, String), Error> {
    let token = Uuid::new_v4().simple().to_string();
    let row = operation::ActiveModel {
        operation_uid: Set(Uuid::now_v7()),
        project_id: Set(caller.project),
        action: Set(action),
        filter: Set(filter),
        cutoff: Set(now),
        state: Set(OperationState::Previewed),
        total: Set(i64::try_from(total).unwrap_or(i64::MAX)),
        token: Set(Some(token.clone())),
        actor: Set(caller.actor.clone()),
        token_id: Set(caller.token),
        created_at: Set(now),
        ..Default::default()
    };
    forget(db, now).await?;
    Ok((row.insert(db).await?, token))
}

/// Removes previews that can no longer be started.
async fn forget(db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<(), DbErr> {
    operation::Entity::delete_many()
        .filter(operation::Column::State.eq(OperationState::Previewed))
        .filter(operation::Column::CreatedAt.lt(now - PREVIEW_LASTS))
        .exec(db)
        .await
        .map(drop)
}

/// Starts the operation of a preview. A token works once, and only for the caller of the preview.
pub async fn start(
    db: &DatabaseConnection,
    queue: &RunQueue,
    caller: &Caller,
    token: &str,
    reason: Option<&str>,
) -> Result<operation::Model, Error> {
    let now = Utc::now().trunc_subsecs(6);
    let tx = begin(db).await?;
    let row = operation::Entity::find()
        .filter(operation::Column::Token.eq(token))
        .filter(operation::Column::State.eq(OperationState::Previewed))
        .filter(operation::Column::CreatedAt.gt(now - PREVIEW_LASTS))
        .filter(operation::Column::Actor.eq(caller.actor.as_str()))
        .one(&tx)
        .await?
        .filter(|row| row.token_id == caller.token && row.project_id == caller.project);
    let Some(row) = row else {
        let text = "token: no preview of yours has this token: it was started already, or is older than ten minutes; \
                    preview the operation again";
        return Err(Error::refused(Refusal::NoPreview, text));
    };
    may(caller, row.action)?;
    if row.action == OperationAction::Discard
        && row.total.unsigned_abs() > MOST_WITHOUT_REASON
        && reason.is_none_or(|reason| reason.trim().is_empty())
    {
        let text = format!("reason: {} dead letters would be discarded; say why", row.total);
        return Err(Error::Invalid(text));
    }
    let started = operation::Entity::update_many()
        .set(operation::ActiveModel {
            state: Set(OperationState::Running),
            token: Set(None),
            reason: Set(reason.map(str::to_owned)),
            started_at: Set(Some(now)),
            ..Default::default()
        })
        .filter(operation::Column::Id.eq(row.id))
        .filter(operation::Column::State.eq(OperationState::Previewed))
        .exec(&tx)
        .await?;
    if started.rows_affected == 0 {
        let text = "token: the operation was started already; GET /api/v1/operations lists it";
        return Err(Error::refused(Refusal::NoPreview, text));
    }
    let id = row.operation_uid;
    let after = json!({
        "action": row.action, "filter": row.filter, "count": row.total, "reason": reason, "until": row.cutoff,
    });
    audit::record(&tx, caller, entry("operation.start", &row, after)).await?;
    queue.push_beside(&tx, &[job(id)]).await?;
    tx.commit().await?;
    queue.wake();
    let started = operation::by_uid(db, id).await?;
    started.ok_or_else(|| DbErr::RecordNotFound(format!("operation {id} is gone")).into())
}

/// The job that carries an operation out. It has the operation's id, so pushing it again changes nothing.
pub fn job(id: Uuid) -> NewJob {
    NewJob {
        id,
        queue: RUN_QUEUE.to_owned(),
        payload_version: PAYLOAD_VERSION,
        priority: Priority::Low,
        // Every worker that is stopped during the job uses up an attempt, and what it did stays done.
        max_attempts: 50,
        unique: Some(format!("operation:{id}")),
        ..NewJob::new(KIND, json!({ "operation": id }))
    }
}

/// Pushes the jobs of operations that run, so that a queue that lost them has them again.
pub async fn push_lost(db: &DatabaseConnection, queue: &RunQueue) -> Result<usize, Error> {
    let rows = operation::Entity::find()
        .filter(operation::Column::State.eq(OperationState::Running))
        .limit(200)
        .all(db)
        .await?;
    let jobs: Vec<NewJob> = rows.iter().map(|row| job(row.operation_uid)).collect();
    if jobs.is_empty() {
        return Ok(0);
    }
    let pushed = queue.push(&jobs).await?;
    Ok(pushed.into_iter().filter(|pushed| matches!(pushed, syncline_queue::Pushed::New)).count())
}

/// The started operations that a caller sees, the latest first, before the one with this row id.
pub async fn list(
    db: &impl ConnectionTrait,
    caller: &Caller,
    limit: u64,
    before: Option<i64>,
) -> Result<Vec<operation::Model>, DbErr> {
    let mut query = operation::Entity::find()
        .filter(operation::Column::State.ne(OperationState::Previewed))
        .order_by_desc(operation::Column::Id)
        .limit(limit);
    if let Some(project) = caller.project {
        query = query.filter(operation::Column::ProjectId.eq(project));
    }
    if let Some(before) = before {
        query = query.filter(operation::Column::Id.lt(before));
    }
    query.all(db).await
}

/// A started operation that a caller sees.
pub async fn find(db: &impl ConnectionTrait, caller: &Caller, id: Uuid) -> Result<operation::Model, Error> {
    let seen = |row: &operation::Model| {
        row.state != OperationState::Previewed
            && caller.project.is_none_or(|project| row.project_id == Some(project))
    };
    operation::by_uid(db, id).await?.filter(seen).ok_or_else(|| {
        Error::unknown(
            Unknown::Operation,
            format!("there is no operation {id}; `syncline operations` lists them"),
        )
    })
}

/// Asks an operation to stop; what it did stays done. Returns false if it was over, or was asked before.
pub async fn cancel(
    db: &DatabaseConnection,
    caller: &Caller,
    id: Uuid,
) -> Result<(operation::Model, bool), Error> {
    let row = find(db, caller, id).await?;
    may(caller, row.action)?;
    let tx = begin(db).await?;
    let asked = operation::Entity::update_many()
        .set(operation::ActiveModel {
            cancel_requested_at: Set(Some(Utc::now().trunc_subsecs(6))),
            ..Default::default()
        })
        .filter(operation::Column::Id.eq(row.id))
        .filter(operation::Column::State.eq(OperationState::Running))
        .filter(operation::Column::CancelRequestedAt.is_null())
        .exec(&tx)
        .await?;
    let asked = asked.rows_affected > 0;
    if asked {
        let after = json!({ "done": row.done, "total": row.total });
        audit::record(&tx, caller, entry("operation.cancel", &row, after)).await?;
    }
    tx.commit().await?;
    Ok((find(db, caller, id).await?, asked))
}

/// Marks an operation to be stopped, without a caller: its job was cancelled.
pub async fn stop(db: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    operation::Entity::update_many()
        .set(operation::ActiveModel {
            cancel_requested_at: Set(Some(Utc::now().trunc_subsecs(6))),
            ..Default::default()
        })
        .filter(operation::Column::OperationUid.eq(id))
        .filter(operation::Column::CancelRequestedAt.is_null())
        .exec(db)
        .await
        .map(drop)
}

fn entry<'a>(action: &'a str, row: &operation::Model, after: Value) -> Entry<'a> {
    Entry {
        action,
        kind: "operation",
        id: Some(row.operation_uid.to_string()),
        project: row.project_id,
        before: Value::Null,
        after,
    }
}

/// Refuses what a caller's scopes do not permit.
fn may(caller: &Caller, action: OperationAction) -> Result<(), Error> {
    let needed = match action {
        OperationAction::Replay | OperationAction::Resolve => Scope::Operate,
        OperationAction::Discard => Scope::Admin,
    };
    if caller.may(needed) {
        return Ok(());
    }
    let text = format!("the operation {action} needs the scope {needed}, which the token lacks");
    Err(Error::Forbidden { needed, message: text })
}

/// What the filter asks beyond the database.
async fn also(db: &DatabaseConnection, letters: &Letters, now: DateTime<Utc>) -> Result<Option<Also>, Error> {
    match letters.q.as_deref().filter(|q| !q.trim().is_empty()) {
        Some(q) => Ok(Some(of_jobs_at(db, q, now).await?)),
        None => Ok(None),
    }
}

async fn count(db: &DatabaseConnection, query: &DeadQuery, also: Option<&Also>) -> Result<u64, Error> {
    if also.is_none() {
        return Ok(dead::count(db, query).await?);
    }
    let (mut total, mut after) = (0, None);
    loop {
        let (letters, next) = meant(db, query, also, after.as_deref(), 1_000, 1).await?;
        total += letters.len() as u64;
        match next {
            Some(next) => after = Some(next),
            None => return Ok(total),
        }
    }
}

/// The next letters that are meant, the latest first, and the cursor after them. Reads at most so many pages.
async fn meant(
    db: &impl ConnectionTrait,
    query: &DeadQuery,
    also: Option<&Also>,
    after: Option<&str>,
    limit: u64,
    pages: usize,
) -> Result<(Vec<syncline_entity::sync_history::Model>, Option<String>), Error> {
    let mut after = after.map(str::to_owned);
    let mut letters = Vec::new();
    for _ in 0..pages {
        let page = dead::list(db, query, limit, after.as_deref()).await?;
        let holds =
            |row: &syncline_entity::sync_history::Model| also.is_none_or(|also| (also.0)(&of_letter(row)));
        letters.extend(page.runs.into_iter().filter(holds));
        after = page.next;
        if after.is_none() || letters.len() as u64 >= limit {
            break;
        }
    }
    letters.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok((letters, after))
}
