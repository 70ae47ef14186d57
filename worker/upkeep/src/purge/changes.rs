//! Purges changes: the oldest of each link, in the order of its chain, with a checkpoint where the rest begins.
//!
//! Only the beginning of a chain is removed: a change that stays keeps all later ones. A change stays while it is the
//! newest one of its link with a verdict, since the next change's number and hash follow from it; while its link has an
//! open intent or conflict; and if it is the delete that made its link a tombstone, since it shows when and why the
//! item was deleted. The tombstone's own row, which keeps the item from coming back, is never purged by age.

use std::{collections::HashMap, time::Instant};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Value};
use syncline_sql::{marks, pieces, statement};

use super::{Count, Kind, Purge, sweep::Walk};

/// A change past its limit.
#[derive(Debug, Clone)]
struct Candidate {
    id: i64,
    link: i64,
    seq: i64,
    hash: String,
    at: DateTime<Utc>,
}

/// The data of a link that has changes past their limit.
#[derive(Debug, Clone, Default)]
struct Facts {
    /// Why none of its changes may be removed; `-` if they are not counted here.
    kept: Option<String>,
    tombstone: bool,
    /// The number of its newest change with a verdict.
    newest: Option<i64>,
    /// The first change that must stay, up to the end of the batch.
    first_kept: Option<i64>,
}

/// The end of the removable part of a link's chain.
#[derive(Debug, Clone)]
struct Cut {
    link: i64,
    seq: i64,
    hash: String,
}

impl Purge<'_> {
    pub(super) async fn changes(&mut self) -> Result<(), DbErr> {
        let Some(until) = self.changes_until().await? else { return Ok(()) };
        let walk = Walk::Time { column: "at", until };
        let mut last = None;
        while self.goes_on() {
            let size = self.pace.size();
            let batch = self.old_changes(&walk, last, size).await?;
            let facts = self.facts(&batch, until).await?;
            let cuts = self.judge_changes(&batch, &facts);
            let mut began = Instant::now();
            let gone = if self.is_dry() {
                let ends: HashMap<i64, i64> = cuts.iter().map(|cut| (cut.link, cut.seq)).collect();
                let goes = |change: &&Candidate| ends.get(&change.link).is_some_and(|end| change.seq <= *end);
                batch.iter().filter(goes).count() as u64
            } else if cuts.is_empty() {
                0
            } else {
                let Some(tx) = self.begin_alone().await? else { return Ok(()) };
                began = Instant::now();
                let gone = self.cut(tx, &cuts).await?;
                self.watch.reached("purge_batch").await;
                gone
            };
            self.report.remove(Kind::Changes, gone);
            self.rest(gone, began.elapsed()).await;
            let next = batch.last().map(|change| (change.at, change.id));
            if batch.len() < size || next == last {
                return Ok(());
            }
            last = next;
        }
        Ok(())
    }

    /// Returns the end of the changes past their limit, by age or by count, whichever is later.
    async fn changes_until(&self) -> Result<Option<(DateTime<Utc>, i64)>, DbErr> {
        let by_age = self.retention.changes.cutoff(self.now).map(|at| (at, i64::MIN));
        let by_count = match self.retention.changes_count {
            Count::All => None,
            Count::Newest(count) => self.pushed_out("sync_changes", "at", count).await?,
        };
        Ok(by_age.max(by_count))
    }

    async fn old_changes(
        &self,
        walk: &Walk,
        last: Option<(DateTime<Utc>, i64)>,
        size: usize,
    ) -> Result<Vec<Candidate>, DbErr> {
        let (condition, values, order) = walk.condition(last);
        let sql = format!(
            "SELECT r.id, r.link_id, r.seq, r.hash, r.at FROM sync_changes r WHERE {condition} \
             ORDER BY {order} LIMIT {size}"
        );
        let rows = self.db.query_all_raw(statement(self.backend(), &sql, values)).await?;
        rows.iter()
            .map(|row| {
                Ok(Candidate {
                    id: row.try_get("", "id")?,
                    link: row.try_get("", "link_id")?,
                    seq: row.try_get("", "seq")?,
                    hash: row.try_get("", "hash")?,
                    at: row.try_get("", "at")?,
                })
            })
            .collect()
    }

    /// Reads a link's chain only up to the end of the batch, so that a long chain costs no more than the batch's rows.
    async fn facts(
        &self,
        batch: &[Candidate],
        until: (DateTime<Utc>, i64),
    ) -> Result<HashMap<i64, Facts>, DbErr> {
        let mut tops: HashMap<i64, i64> = HashMap::new();
        for change in batch {
            let top = tops.entry(change.link).or_default();
            *top = change.seq.max(*top);
        }
        let tops: Vec<(i64, i64)> = tops.into_iter().collect();
        let mut facts = HashMap::with_capacity(tops.len());
        for piece in pieces(&tops) {
            let sql = format!(
                "SELECT m.id, CASE WHEN m.sync_config_id IN (SELECT c.id FROM sync_configs c WHERE c.deleted_at < ?) \
                 THEN '-' WHEN m.intent_id IS NOT NULL OR m.intent_deadline IS NOT NULL THEN 'open_intent' \
                 WHEN EXISTS (SELECT 1 FROM sync_conflicts x WHERE x.link_id = m.id AND x.resolved = false) \
                 THEN 'open_conflict' END AS kept, m.link_state, \
                 (SELECT MAX(n.seq) FROM sync_changes n WHERE n.link_id = m.id AND n.state <> 'intended') AS newest, \
                 (SELECT MIN(k.seq) FROM sync_changes k WHERE k.link_id = m.id AND k.seq <= v.top AND \
                 (k.state = 'intended' OR k.at > ? OR (k.at = ? AND k.id >= ?) \
                 OR (m.link_state = 'tombstone' AND k.field IS NULL AND k.after IS NULL AND k.state <> 'not_written'))) AS first_kept \
                 FROM (SELECT column1 AS link, column2 AS top FROM (VALUES {}) AS raw) AS v \
                 JOIN sync_metadata m ON m.id = v.link",
                vec!["(CAST(? AS bigint), CAST(? AS bigint))"; piece.len()].join(", ")
            );
            let (at, id) = until;
            let mut values: Vec<Value> = vec![self.deleted_before().into(), at.into(), at.into(), id.into()];
            values.extend(piece.iter().flat_map(|(link, top)| [Value::from(*link), Value::from(*top)]));
            for row in self.db.query_all_raw(statement(self.backend(), &sql, values)).await? {
                let state: String = row.try_get("", "link_state")?;
                let of_link = Facts {
                    kept: row.try_get("", "kept")?,
                    tombstone: state == "tombstone",
                    newest: row.try_get("", "newest")?,
                    first_kept: row.try_get("", "first_kept")?,
                };
                facts.insert(row.try_get("", "id")?, of_link);
            }
        }
        Ok(facts)
    }

    /// Counts which changes stay and why; returns how far each link's chain may be removed.
    fn judge_changes(&mut self, batch: &[Candidate], facts: &HashMap<i64, Facts>) -> Vec<Cut> {
        let mut cuts: HashMap<i64, Cut> = HashMap::new();
        for change in batch {
            let reason = match facts.get(&change.link) {
                None => continue,
                Some(facts) => why_kept(change, facts),
            };
            match reason {
                Some("-") => {}
                Some(reason) => self.report.keep(Kind::Changes, reason, 1),
                None => {
                    let cut = cuts.entry(change.link).or_insert_with(|| Cut {
                        link: change.link,
                        seq: change.seq,
                        hash: change.hash.clone(),
                    });
                    if change.seq > cut.seq {
                        (cut.seq, cut.hash) = (change.seq, change.hash.clone());
                    }
                }
            }
        }
        let mut cuts: Vec<Cut> = cuts.into_values().collect();
        cuts.sort_by_key(|cut| cut.link);
        cuts
    }

    /// Removes the beginnings of chains and moves their checkpoints. Returns how many changes were removed. Two purges
    /// must not do this at once: one could set a checkpoint that is followed by changes which the other removes.
    async fn cut(&self, tx: DatabaseTransaction, cuts: &[Cut]) -> Result<u64, DbErr> {
        let cuts = match tx.get_database_backend() {
            DbBackend::Postgres => free(&tx, cuts).await?,
            _ => cuts.to_vec(),
        };
        let mut gone: HashMap<i64, i64> = HashMap::new();
        for piece in pieces(&cuts) {
            let sql = format!(
                "DELETE FROM sync_changes WHERE id IN (SELECT c.id FROM (SELECT column1 AS link, column2 AS seq \
                 FROM (VALUES {}) AS raw) AS v JOIN sync_changes c ON c.link_id = v.link AND c.seq <= v.seq) \
                 RETURNING link_id",
                vec!["(CAST(? AS bigint), CAST(? AS bigint))"; piece.len()].join(", ")
            );
            let values = piece.iter().flat_map(|cut| [Value::from(cut.link), Value::from(cut.seq)]);
            for row in tx.query_all_raw(statement(tx.get_database_backend(), &sql, values)).await? {
                *gone.entry(row.try_get("", "link_id")?).or_default() += 1;
            }
        }
        self.watch.reached("purge_removed").await;
        let moved: Vec<(&Cut, i64)> =
            cuts.iter().filter_map(|cut| Some((cut, *gone.get(&cut.link)?))).collect();
        self.move_checkpoints(&tx, &moved).await?;
        tx.commit().await?;
        Ok(u64::try_from(gone.values().sum::<i64>()).unwrap_or_default())
    }

    /// Moves checkpoints forward only: what another purge removed meanwhile stays removed.
    async fn move_checkpoints(&self, tx: &DatabaseTransaction, cuts: &[(&Cut, i64)]) -> Result<(), DbErr> {
        for piece in pieces(cuts) {
            let sql = format!(
                "INSERT INTO sync_change_checkpoints (link_id, seq, hash, purged, at) VALUES {} \
                 ON CONFLICT (link_id) DO UPDATE SET \
                 hash = CASE WHEN excluded.seq > sync_change_checkpoints.seq THEN excluded.hash \
                 ELSE sync_change_checkpoints.hash END, \
                 seq = CASE WHEN excluded.seq > sync_change_checkpoints.seq THEN excluded.seq \
                 ELSE sync_change_checkpoints.seq END, \
                 purged = sync_change_checkpoints.purged + excluded.purged, at = excluded.at",
                vec!["(?, ?, ?, ?, ?)"; piece.len()].join(", ")
            );
            let values = piece.iter().flat_map(|(cut, gone)| {
                [cut.link.into(), cut.seq.into(), cut.hash.clone().into(), (*gone).into(), self.now.into()]
            });
            tx.execute_raw(statement(tx.get_database_backend(), &sql, values)).await?;
        }
        Ok(())
    }
}

fn why_kept(change: &Candidate, facts: &Facts) -> Option<&'static str> {
    match facts.kept.as_deref() {
        Some("-") => return Some("-"),
        Some("open_intent") => return Some("open_intent"),
        Some(_) => return Some("open_conflict"),
        None => {}
    }
    if facts.newest.is_none_or(|newest| change.seq >= newest) {
        return Some("newest_of_link");
    }
    match facts.first_kept {
        Some(first) if change.seq >= first && facts.tombstone => Some("tombstone"),
        Some(first) if change.seq >= first => Some("after_one_that_stays"),
        _ => None,
    }
}

/// Returns the cuts whose links can be locked at once. A first checkpoint refers to its link, and would wait for a
/// transaction that changes the link's id. The next purge takes the others.
async fn free(tx: &DatabaseTransaction, cuts: &[Cut]) -> Result<Vec<Cut>, DbErr> {
    let mut free = Vec::with_capacity(cuts.len());
    for piece in pieces(cuts) {
        let sql = format!(
            "SELECT id FROM sync_metadata WHERE id IN ({}) ORDER BY id FOR KEY SHARE SKIP LOCKED",
            marks(piece.len())
        );
        let values = piece.iter().map(|cut| Value::from(cut.link));
        for row in tx.query_all_raw(statement(DbBackend::Postgres, &sql, values)).await? {
            let id: i64 = row.try_get("", "id")?;
            free.extend(piece.iter().find(|cut| cut.link == id).cloned());
        }
    }
    Ok(free)
}
