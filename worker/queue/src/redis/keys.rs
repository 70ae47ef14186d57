//! Every key of the queue in Redis.
//!
//! All keys of one queue begin with `{PREFIX:QUEUE}:`, which puts them into one slot of a cluster. What is for what:
//!
//! | key | type | what for |
//! | --- | --- | --- |
//! | `jobs` | hash | id to blob; a job is here for as long as it is in the queue |
//! | `w0` to `w3` | list | ids that are due, by priority |
//! | `d0` to `d3` | sorted set | ids that wait for their time |
//! | `k0` to `k3` | sorted set | ids that stand aside for a key, by due time |
//! | `r0` to `r3` | sorted set | id and token of those that run, by the end of their lease |
//! | `dead` | sorted set | ids that were given up, by when |
//! | `errors`, `reasons`, `progress` | hash | id to last error, reason of death, progress |
//! | `stop` | set | ids that were asked to stop |
//! | `meta` | hash | the last token, the pause, who claims, how many marks of cancelled jobs are in each line, how many are dead |
//! | `wake` | list | a token while there is work that nobody was told of |
//! | `ears` | sorted set | who listens; `told:NAME` is a list through which each hears of cancels, and whoever waits for work that it need wait no longer |
//! | `u:KEY` | hash | the jobs of a unique key |
//! | `c:KEY` | set | ids of a concurrency key that run |
//! | `q:KEY` | sorted set | ids that stand aside for a concurrency key |
//! | `o:KEY` | sorted set | ids of an order key, the one that runs first |
//! | `m:ID`, `h:ID` | list | payloads merged into a job, its failed attempts |
//! | `inbox` | list | what other services pushed; `inbox:taken` (hash) and `inbox:leases` (sorted set) have what workers took |
//! | `a:ID` | string | how a job went that has left |
//!
//! Beside those `PREFIX:queues` is a set of the names of all queues.

use crate::coalesce::MAX_MERGES;

/// What the scripts call each key, its name, and its type if it stands alone.
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
    ("merged", "m", None),
    ("history", "h", None),
    ("ended", "a", None),
    ("inbox", "inbox", Some("list")),
    ("inbox_taken", "inbox:taken", Some("hash")),
    ("inbox_leases", "inbox:leases", Some("zset")),
    ("nothing", "nothing", None),
];

/// The part that all keys of a queue have in common.
pub(super) fn base(prefix: &str, queue: &str) -> String {
    format!("{{{prefix}:{queue}}}:")
}

/// The names of all queues.
pub(super) fn queues(prefix: &str) -> String {
    format!("{prefix}:queues")
}

/// The token that says there is work.
pub(super) fn wake(base: &str) -> String {
    format!("{base}wake")
}

/// Where a listener hears that something should stop.
pub(super) fn told(base: &str, ear: &str) -> String {
    format!("{base}told:{ear}")
}

/// How a job went that has left.
pub(super) fn ended(base: &str, id: &[u8]) -> Vec<u8> {
    [base.as_bytes(), b"a:", id].concat()
}

/// The names of places that lists of jobs go through.
pub(super) mod place {
    pub(in crate::redis) const LINE: &str = "w";
    pub(in crate::redis) const DELAYED: &str = "d";
    pub(in crate::redis) const PARKED: &str = "k";
    pub(in crate::redis) const RUNNING: &str = "r";
    pub(in crate::redis) const DEAD: &str = "dead";
}

/// The keys that every queue has, with their types.
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

/// Puts the names into a script, where it says N.name.
pub(super) fn name_in(script: &str) -> String {
    let mut names = NAMES.to_vec();
    // One name may be the beginning of another, which then goes first.
    names.sort_by_key(|(called, ..)| std::cmp::Reverse(called.len()));
    let mut text = script.to_owned();
    for (called, name, _) in names {
        text = text.replace(&format!("N.{called}"), &format!("'{name}'"));
    }
    // A job that nobody can read counts as one of the usual priority.
    text.replace("N.max_merges", &MAX_MERGES.to_string()).replace("N.unknown_rank", "2")
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
