//! Ids of runs and jobs, complete or as a unique prefix.

use std::collections::BTreeSet;

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QuerySelect};
use syncline_entity::sync_history;
use syncline_runs::{
    RunQueue,
    listing::{self, Listing, Standing},
};
use uuid::Uuid;

use crate::fault::Fault;

/// The shortest prefix, in hexadecimal digits; a shorter one would match too many ids.
const SHORTEST: usize = 4;
/// The statuses of all listed jobs.
pub(crate) const EVERY: [Standing; 3] = [Standing::InProgress, Standing::Queued, Standing::Dead];
/// The most ids that the error for an ambiguous prefix lists.
const NAMED: usize = 5;

/// The first and the last possible id with this prefix; none if no id can begin with it.
pub(crate) fn range(prefix: &str) -> Option<(Uuid, Uuid)> {
    if let Ok(id) = Uuid::try_parse(prefix) {
        return Some((id, id));
    }
    let well_formed = prefix.char_indices().all(|(at, c)| match at {
        8 | 13 | 18 | 23 => c == '-',
        _ => c.is_ascii_hexdigit(),
    });
    let digits: String = prefix.chars().filter(|c| *c != '-').collect();
    if !well_formed || digits.len() < SHORTEST || digits.len() > 32 {
        return None;
    }
    let fill = |with: char| {
        let whole = digits.chars().chain(std::iter::repeat(with)).take(32).collect::<String>();
        Uuid::try_parse(&whole).ok()
    };
    Some((fill('0')?, fill('f')?))
}

/// The ids of stored runs in the range.
async fn of_runs(db: &DatabaseConnection, range: (Uuid, Uuid)) -> Result<BTreeSet<Uuid>, Fault> {
    let ids: Vec<Uuid> = sync_history::Entity::find()
        .select_only()
        .column(sync_history::Column::RunUid)
        .filter(sync_history::Column::RunUid.between(range.0, range.1))
        .limit(NAMED as u64 + 1)
        .into_tuple()
        .all(db)
        .await?;
    Ok(ids.into_iter().collect())
}

/// The run with this prefix; none if no stored id begins with it. A complete id is not looked up.
pub(crate) async fn run(db: &DatabaseConnection, prefix: &str) -> Result<Option<Uuid>, Fault> {
    match range(prefix) {
        None => Ok(None),
        Some((first, last)) if first == last => Ok(Some(first)),
        Some(range) => one(prefix, of_runs(db, range).await?),
    }
}

/// The run or job with this prefix. Jobs that are not runs are in the queue only.
pub(crate) async fn job(db: &DatabaseConnection, queue: &RunQueue, prefix: &str) -> Result<Uuid, Fault> {
    let range = range_of(prefix)?;
    let mut found = of_runs(db, range).await?;
    of_jobs(db, queue, range, &EVERY, &mut found).await?;
    one(prefix, found)?.ok_or_else(|| Fault::usage(format!("there is no job whose id begins with {prefix}")))
}

/// The dead letters with these prefixes. A complete id is not looked up here; the later command reports an unknown one.
pub(crate) async fn dead(
    db: &DatabaseConnection,
    queue: &RunQueue,
    prefixes: &[String],
) -> Result<Vec<Uuid>, Fault> {
    let mut ids = Vec::with_capacity(prefixes.len());
    for prefix in prefixes {
        let mut found = BTreeSet::new();
        of_jobs(db, queue, range_of(prefix)?, &[Standing::Dead], &mut found).await?;
        let none = || Fault::usage(format!("there is no dead letter whose id begins with {prefix}"));
        ids.push(one(prefix, found)?.ok_or_else(none)?);
    }
    Ok(ids)
}

/// The first and the last possible id with this prefix, which must be one of an id.
pub(crate) fn range_of(prefix: &str) -> Result<(Uuid, Uuid), Fault> {
    range(prefix).ok_or_else(|| {
        Fault::usage(format!(
            "{prefix:?} is no id of a job; write the whole id, or at least its first {SHORTEST} characters (see `syncline jobs`)"
        ))
    })
}

/// Adds the jobs of these states whose ids are in the range; a complete id is added without looking it up.
async fn of_jobs(
    db: &DatabaseConnection,
    queue: &RunQueue,
    (first, last): (Uuid, Uuid),
    standings: &[Standing],
    found: &mut BTreeSet<Uuid>,
) -> Result<(), Fault> {
    if first == last {
        found.insert(first);
        return Ok(());
    }
    for standing in standings {
        let mut asked = Listing::new(*standing);
        loop {
            let page = listing::list(db, queue, &asked).await?;
            found.extend(page.jobs.iter().map(|job| job.id).filter(|id| (first..=last).contains(id)));
            match page.next {
                Some(next) if found.len() <= 1 => asked.after = Some(next),
                _ => break,
            }
        }
    }
    Ok(())
}

/// Resolves each prefix like [`job`].
pub(crate) async fn jobs(
    db: &DatabaseConnection,
    queue: &RunQueue,
    prefixes: &[String],
) -> Result<Vec<Uuid>, Fault> {
    let mut ids = Vec::with_capacity(prefixes.len());
    for prefix in prefixes {
        ids.push(job(db, queue, prefix).await?);
    }
    Ok(ids)
}

/// The only id that was found; none if there is none.
pub(crate) fn one(prefix: &str, found: BTreeSet<Uuid>) -> Result<Option<Uuid>, Fault> {
    if found.len() <= 1 {
        return Ok(found.into_iter().next());
    }
    let mut named: Vec<String> = found.iter().take(NAMED).map(Uuid::to_string).collect();
    if found.len() > NAMED {
        named.push("...".to_owned());
    }
    Err(Fault::usage(format!("{prefix} begins more than one id: {}; write more of it", named.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_spans_the_ids_that_begin_with_it() {
        let (first, last) = range("01a224a1-7c").unwrap_or_default();
        assert_eq!(first.to_string(), "01a224a1-7c00-0000-0000-000000000000");
        assert_eq!(last.to_string(), "01a224a1-7cff-ffff-ffff-ffffffffffff");
    }

    #[test]
    fn names_of_syncs_are_no_prefixes() {
        for name in ["tasks", "abc", "team-a/p1", "01a224a17c-3", "beefy-cafe"] {
            assert_eq!(range(name), None, "{name}");
        }
    }
}
