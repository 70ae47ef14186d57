//! The filter of lists of jobs and dead letters.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, Utc};
use sea_orm::DatabaseConnection;
use syncline_runs::listing::{Also, Listed};

use super::{Term, Test, parse, times};
use crate::{Error, syncs};

/// The keys.
pub const KEYS: [&str; 10] =
    ["sync", "project", "kind", "priority", "key", "worker", "error", "reason", "age", "since"];

/// A sync's name and its project's key.
type Names = HashMap<i64, (String, String)>;

/// What a filter asks of a job. Lengths of time end now.
pub async fn of_jobs(db: &DatabaseConnection, text: &str) -> Result<Also, Error> {
    of_jobs_at(db, text, Utc::now()).await
}

/// What a filter asks of a job. Lengths of time end at `now`.
pub async fn of_jobs_at(db: &DatabaseConnection, text: &str, now: DateTime<Utc>) -> Result<Also, Error> {
    let terms = parse(text, &KEYS)?.into_iter().map(|term| Checked::of(term, now));
    let terms: Vec<Checked> = terms.collect::<Result<_, Error>>()?;
    let syncs = syncs::all(db).await?.into_values();
    let names: Names = syncs.map(|sync| (sync.id, (sync.row.name, sync.project))).collect();
    Ok(Also(Arc::new(move |job| terms.iter().all(|term| term.holds(job, &names)))))
}

/// A term whose values are read.
#[derive(Debug, Clone)]
struct Checked {
    term: Term,
    /// The bound of `age` and `since`.
    bound: Option<DateTime<Utc>>,
}

impl Checked {
    fn of(term: Term, now: DateTime<Utc>) -> Result<Checked, Error> {
        let bound = times::bound(&term, &["age", "since"], now)?;
        Ok(Checked { term, bound })
    }

    fn holds(&self, job: &Listed, names: &Names) -> bool {
        let name = job.sync.and_then(|sync| names.get(&sync));
        let text = |text: &Option<String>| text.clone();
        let texts = |key: &str| -> Option<String> {
            match key {
                "sync" => name.map(|(name, _)| name.clone()),
                "project" => name.map(|(_, project)| project.clone()),
                "kind" => Some(job.kind.clone()),
                "priority" => Some(job.priority.as_str().to_owned()),
                "key" => text(&job.key),
                "worker" => text(&job.worker),
                "error" => text(&job.error),
                "reason" => text(&job.reason),
                _ => None,
            }
        };
        let holds = match (self.term.key.as_deref(), &self.term.test) {
            (Some("age"), Test::Above(_)) | (Some("since"), Test::Below(_)) => {
                self.bound.is_some_and(|bound| job.since < bound)
            }
            (Some("age" | "since"), _) => self.bound.is_some_and(|bound| job.since > bound),
            (Some(key), Test::Present) => texts(key).is_some_and(|text| !text.is_empty()),
            // The text of an error is long, and nobody writes all of it.
            (Some(key @ ("error" | "reason")), Test::Is(values)) => {
                texts(key).is_some_and(|text| values.iter().any(|value| contains(&text, value)))
            }
            (Some(key), Test::Is(values)) => texts(key).is_some_and(|text| values.contains(&text)),
            (None, Test::Is(words)) => {
                let all = KEYS.iter().filter_map(|key| texts(key)).chain([job.id.to_string()]);
                let all: Vec<String> = all.collect();
                words.iter().all(|word| all.iter().any(|text| contains(text, word)))
            }
            (_, Test::Above(_) | Test::Below(_) | Test::Present) => false,
        };
        holds != self.term.negated
    }
}

fn contains(text: &str, word: &str) -> bool {
    text.to_lowercase().contains(&word.to_lowercase())
}

#[cfg(test)]
mod tests {
    use syncline_entity::types::RunStatus;
    use syncline_queue::Priority;
    use uuid::Uuid;

    use super::*;

    fn job(sync: Option<i64>, error: &str, minutes: i64) -> Listed {
        Listed {
            id: Uuid::nil(),
            status: RunStatus::Failed,
            dispatched: true,
            kind: "sync".to_owned(),
            sync,
            priority: Priority::High,
            attempt: None,
            max_attempts: None,
            run_at: None,
            since: Utc::now() - chrono::TimeDelta::minutes(minutes),
            key: Some("sync:1".to_owned()),
            worker: None,
            progress: None,
            cancel_requested: false,
            reason: None,
            error: Some(error.to_owned()),
        }
    }

    fn holds(text: &str, job: &Listed) -> bool {
        let names = Names::from([
            (1, ("tasks".to_owned(), "default".to_owned())),
            (2, ("docs".to_owned(), "web".to_owned())),
        ]);
        let terms =
            parse(text, &KEYS).unwrap().into_iter().map(|term| Checked::of(term, Utc::now()).unwrap());
        terms.collect::<Vec<_>>().iter().all(|term| term.holds(job, &names))
    }

    #[test]
    fn terms_hold_for_what_they_say() {
        let tasks = job(Some(1), "Connection refused by db", 30);
        for yes in [
            "",
            "refused",
            "REFUSED db",
            "\"refused by\"",
            "sync:tasks",
            "sync:docs,tasks",
            "-sync:docs",
            "project:default",
            "kind:sync priority:high",
            "key:sync:1",
            "-worker:*",
            "error:*",
            "error:\"connection refused\"",
            "age:>10m",
            "age:<1h",
            "since:>2020-01-01 -nothing",
            "-since:<2020-01-01T12:00:00Z",
            "-reason:*",
            "00000000-0000",
        ] {
            assert!(holds(yes, &tasks), "{yes}");
        }
        for no in [
            "sync:docs",
            "sync:task",
            "-sync:docs,tasks",
            "project:web",
            "-refused",
            "worker:*",
            "-error:*",
            "age:>1h",
            "age:<10m",
            "error:timeout",
            "since:<2020-01-01",
            "kind:plan",
            "nothing",
        ] {
            assert!(!holds(no, &tasks), "{no}");
        }
        let without = job(None, "x", 1);
        assert!(!holds("sync:*", &without) && holds("-sync:*", &without) && holds("-sync:tasks", &without));
    }

    #[test]
    fn only_times_have_an_order_and_they_need_one() {
        for wrong in [
            "age:10m",
            "age:*",
            "age:>soon",
            "age:>2026-11-01",
            "since:>10m",
            "since:x",
            "sync:>a",
            "kind:<a",
        ] {
            let term = parse(wrong, &KEYS).unwrap().remove(0);
            assert!(Checked::of(term, Utc::now()).is_err(), "{wrong}");
        }
    }
}
