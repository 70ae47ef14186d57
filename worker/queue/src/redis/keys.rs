//! The names of all keys in Redis.
//!
//! All keys of one queue begin with `{PREFIX:QUEUE}:`, which puts them into one slot of a cluster. The keys are:
//!
//! | key | type | content |
//! | --- | --- | --- |
//! | `jobs` | hash | id to blob; a job is here for as long as it is in the queue |
//! | `w0` to `w3` | list | ids that are due, by priority |
//! | `d0` to `d3` | sorted set | ids of delayed jobs |
//! | `k0` to `k3` | sorted set | ids that are blocked by a key, by due time |
//! | `r0` to `r3` | sorted set | id and token of running jobs, by the end of their lease |
//! | `dead` | sorted set | ids of dead jobs, by time of death |
//! | `errors`, `reasons`, `progress` | hash | id to last error, reason of death, progress |
//! | `stop` | set | ids of running jobs whose cancellation was requested |
//! | `meta` | hash | the last token, the pause, the claiming workers, the number of cancelled marks per line and of dead jobs |
//! | `wake` | list | a token while no process was notified of waiting work |
//! | `ears` | sorted set | listening processes; `told:NAME` is a list with cancels and early ends of waits for one of them |
//! | `u:KEY` | hash | `w`: the job that waits with a unique key |
//! | `c:KEY` | set | ids of a concurrency key that run |
//! | `q:KEY` | sorted set | ids that are blocked by a concurrency key |
//! | `o:KEY` | sorted set | ids of an order key, the one that runs first |
//! | `h:ID` | list | failed attempts of a job |
//! | `inbox` | list | pushed requests; `inbox:taken` (hash) and `inbox:leases` (sorted set) have the taken ones |
//!
//! In addition, `PREFIX:queues` is a set of the names of all queues.

/// For each key its name in the scripts, its real name, and its type if it is a whole key.
const NAMES: &[(&str, &str, Option<&str>)] = &[
    ("jobs", "jobs", Some("hash")),
    ("meta", "meta", Some("hash")),
    ("line", "w", None),
    ("delayed", "d", None),
    ("parked", "k", None),
    ("running", "r", None),
    ("dead", "dead", Some("zset")),
    ("errors", "errors", Some("hash")),
    ("reasons", "reasons", Some("hash")),
    ("progress", "progress", Some("hash")),
    ("stop", "stop", Some("set")),
    ("wake", "wake", Some("list")),
    ("ears", "ears", Some("zset")),
    ("told", "told", None),
    ("unique", "u", None),
    ("busy", "c", None),
    ("queued", "q", None),
    ("order", "o", None),
    ("history", "h", None),
    ("inbox", "inbox", Some("list")),
    ("inbox_taken", "inbox:taken", Some("hash")),
    ("inbox_leases", "inbox:leases", Some("zset")),
    ("nothing", "nothing", None),
];

/// Returns the common beginning of all keys of a queue.
pub(super) fn base(prefix: &str, queue: &str) -> String {
    format!("{{{prefix}:{queue}}}:")
}

/// Returns the key with the names of all queues.
pub(super) fn queues(prefix: &str) -> String {
    format!("{prefix}:queues")
}

/// Returns the key of the wake-up token, which exists while there may be work.
pub(super) fn wake(base: &str) -> String {
    format!("{base}wake")
}

/// Returns the list through which a listener is notified of cancels.
pub(super) fn told(base: &str, ear: &str) -> String {
    format!("{base}told:{ear}")
}

/// The places that a list of jobs reads, without the rank.
pub(super) mod place {
    pub(in crate::redis) const LINE: &str = "w";
    pub(in crate::redis) const DELAYED: &str = "d";
    pub(in crate::redis) const PARKED: &str = "k";
    pub(in crate::redis) const RUNNING: &str = "r";
    pub(in crate::redis) const DEAD: &str = "dead";
}

/// Returns the keys that every queue has, with their types.
pub(super) fn fixed(base: &str) -> Vec<(String, &'static str)> {
    let mut keys: Vec<_> =
        NAMES.iter().filter_map(|(_, name, kind)| Some((format!("{base}{name}"), (*kind)?))).collect();
    for rank in 0..4 {
        keys.push((format!("{base}{}{rank}", place::LINE), "list"));
        for name in [place::DELAYED, place::PARKED, place::RUNNING] {
            keys.push((format!("{base}{name}{rank}"), "zset"));
        }
    }
    keys
}

/// Replaces each `N.name` in a script by the key's name.
pub(super) fn name_in(script: &str) -> String {
    let mut names = NAMES.to_vec();
    // A name may be the beginning of another one; longer names are replaced first.
    names.sort_by_key(|(called, ..)| std::cmp::Reverse(called.len()));
    let mut text = script.to_owned();
    for (called, name, _) in names {
        text = text.replace(&format!("N.{called}"), &format!("'{name}'"));
    }
    // A job that cannot be read counts as one of normal priority.
    text.replace("N.unknown_rank", "2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_put_in_as_a_whole() {
        for (called, name, _) in NAMES {
            assert_eq!(name_in(&format!("base .. N.{called})")), format!("base .. '{name}')"));
        }
    }
}
