//! Operations that resolve conflicts: which conflicts, and what stands.
//!
//! What is previewed is what will be resolved: an open conflict that nobody has decided, as it was at the preview. One that
//! was met again, decided or resolved since is left as it is, and counted as skipped.

use std::str::FromStr;

use chrono::{SubsecRound, Utc};
use sea_orm::{DatabaseConnection, DatabaseTransaction, EntityTrait};
use serde::{Deserialize, Serialize};
use serde_json::json;
use syncline_engine::{conflict::Choice, spec::Strategy};
use syncline_entity::{operation, sync_config, types::OperationAction};
use syncline_runs::{Accepted, RunQueue};

use super::{MOST_READ, PREVIEW_LASTS, Preview, SAMPLE, may, stored};
use crate::{
    Caller, Error,
    conflicts::{ConflictsQuery, Decision, by_strategy, check, get_in, try_choose, undecided_ids},
    scan::{Ids, Start},
    syncs,
};

/// Conflicts that are read at once.
const PAGE: u64 = 1_000;

/// What stands: a side, the base, or what a strategy decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Take {
    Source,
    Target,
    Base,
    #[serde(untagged)]
    Strategy(Strategy),
}

impl FromStr for Take {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "base" => Ok(Take::Base),
            name => match syncline_engine::Side::parse(name) {
                Some(syncline_engine::Side::Source) => Ok(Take::Source),
                Some(syncline_engine::Side::Target) => Ok(Take::Target),
                None => Err(format!("must be one of source, target, base, and is {name:?}")),
            },
        }
    }
}

/// Which conflicts an operation resolves, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conflicts {
    /// Of the sync with this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<i64>,
    /// Those for which this filter holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    pub take: Take,
}

impl Conflicts {
    fn query(&self, start: Start, limit: u64) -> ConflictsQuery {
        ConflictsQuery { sync: self.sync, resolved: Some(false), filter: self.q.clone(), start, limit }
    }
}

/// Counts the conflicts and stores what was asked.
pub async fn preview_resolve(
    db: &DatabaseConnection,
    caller: &Caller,
    conflicts: &Conflicts,
) -> Result<Preview, Error> {
    may(caller, OperationAction::Resolve)?;
    let now = Utc::now().trunc_subsecs(6);
    let known = syncs::all(db).await?;
    let (mut total, mut start, mut sample) = (0, Start::First, Vec::new());
    loop {
        let query = conflicts.query(start, PAGE);
        let Ids { ids, next } = undecided_ids(db, caller.project, &query, &known, now).await?;
        total += ids.len() as u64;
        for id in ids.into_iter().take(SAMPLE as usize - sample.len()) {
            sample.push(get_in(db, caller, id).await?);
        }
        if total > MOST_READ {
            let text = format!(
                "filter: more than {MOST_READ} conflicts are meant, and at most so many are resolved at once; name a sync, or \
                 narrow the filter"
            );
            return Err(Error::Invalid(text));
        }
        match next {
            Some(next) => start = Start::After(next),
            None => break,
        }
    }
    let (row, token) = stored(db, caller, (OperationAction::Resolve, json!(conflicts)), total, now).await?;
    Ok(Preview { expires_at: now + PREVIEW_LASTS, row, token, sample: Vec::new(), conflicts: sample })
}

/// What a step did.
#[derive(Default)]
pub(super) struct Resolved {
    pub(super) done: usize,
    pub(super) skipped: usize,
    /// The id after which the next step begins; none at the end.
    pub(super) next: Option<i64>,
    pub(super) accepted: Vec<Accepted>,
}

/// Decides the next conflicts, and accepts the runs that carry it out. Returns `None` if a run wrote to one of their links
/// meanwhile: then the step is taken anew.
pub(super) async fn resolve_in(
    tx: &DatabaseTransaction,
    queue: &RunQueue,
    row: &operation::Model,
    conflicts: &Conflicts,
    limit: u64,
) -> Result<Option<Resolved>, Error> {
    let known = syncs::all(tx).await?;
    let start = match row.cursor.as_deref().and_then(|cursor| cursor.parse().ok()) {
        Some(after) => Start::After(after),
        None => Start::First,
    };
    let query = conflicts.query(start, limit);
    let Ids { ids, next } = undecided_ids(tx, row.project_id, &query, &known, row.cutoff).await?;
    let caller = Caller {
        project: row.project_id,
        token: row.token_id,
        from: format!("operation {}", row.operation_uid),
        ..Caller::person(&row.actor)
    };
    let mut resolved = Resolved { next, ..Resolved::default() };
    let mut decisions = Vec::with_capacity(ids.len());
    for id in ids {
        match decision(tx, &caller, id, conflicts.take).await {
            Ok(decision) => decisions.push(decision),
            // A strategy leaves it to a person, or it has no base.
            Err(Error::Refused { .. } | Error::Unknown { .. }) => resolved.skipped += 1,
            Err(other) => return Err(other),
        }
    }
    resolved.done = decisions.len();
    if decisions.is_empty() {
        return Ok(Some(resolved));
    }
    let Some(chosen) = try_choose(tx, queue, &decisions, &caller).await? else { return Ok(None) };
    resolved.accepted = chosen.into_iter().map(|(_, accepted)| accepted).collect();
    Ok(Some(resolved))
}

async fn decision(tx: &DatabaseTransaction, caller: &Caller, id: i64, take: Take) -> Result<Decision, Error> {
    let found = get_in(tx, caller, id).await?;
    let choice = match take {
        Take::Source => Choice::Source,
        Take::Target => Choice::Target,
        Take::Base => Choice::Base,
        Take::Strategy(strategy) => by_strategy(&found, strategy)?,
    };
    if choice.side().is_none()
        && let Some(config) = sync_config::Entity::find_by_id(found.sync.id).one(tx).await?
    {
        check(tx, &config, &found.conflict, &found.link, &choice).await?;
    }
    Ok(Decision { seen: Some(crate::choice::seen(&found.conflict)), ..Decision::new(id, choice) })
}

/// The number of conflicts of the preview that are left as they are: changed, decided, resolved or gone since.
pub(super) fn left(row: &operation::Model) -> i64 {
    (row.total - row.done).max(row.skipped)
}
