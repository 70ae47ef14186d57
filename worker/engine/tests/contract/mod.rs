//! The contract of the store as cases that every store has to pass.
//!
//! The engine's tests run them on the store in memory that all their other cases rely on, the worker's tests on its store
//! over SQLite and over PostgreSQL.

pub(crate) mod build;
pub(crate) mod conflicts;
pub(crate) mod cursors;
pub(crate) mod fake;
pub(crate) mod fences;
pub(crate) mod intents;
pub(crate) mod reads;
pub(crate) mod records;
pub(crate) mod reused;
pub(crate) mod seen;
pub(crate) mod trail;

use std::{future::Future, pin::Pin};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use syncline_engine::{
    Side, Value,
    conflict::Choice,
    ports::{Names, Store},
    side::Pair,
};

use crate::support::TestClock;

/// One sync in one database.
#[async_trait]
pub(crate) trait Stage: Send + Sync {
    /// Returns a store for the next attempt of a run. The attempt before it can write no more; other runs go on.
    async fn open(&self, run: u32) -> Box<dyn Store>;

    /// Ends a run.
    async fn end(&self, run: u32);

    /// Ends a run that removed items, perhaps after an operator had approved it.
    async fn end_after_removals(&self, run: u32, items: u32, approved: bool);

    /// Returns the clock of all stores of this stage.
    fn clock(&self) -> &TestClock;

    /// Stores a person's choice for an open conflict.
    async fn choose(&self, conflict: i64, choice: Choice);

    /// Returns what is stored and no call of the store returns.
    async fn kept(&self) -> Kept;
}

/// What is stored and no call of the store returns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    /// By id.
    pub(crate) links: Vec<KeptLink>,
    /// By link, in the order of the chain.
    pub(crate) changes: Vec<KeptChange>,
    /// By id.
    pub(crate) conflicts: Vec<KeptConflict>,
    /// Links whose chain of changes does not verify. A store without hashes has none.
    pub(crate) broken: Vec<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeptLink {
    pub(crate) id: i64,
    pub(crate) names: Pair<Names>,
    pub(crate) item_version: Pair<Option<String>>,
    /// As the database names it.
    pub(crate) status: String,
    pub(crate) error: Option<String>,
    pub(crate) resolution: Option<String>,
    pub(crate) calls: u32,
    pub(crate) duration_ms: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeptChange {
    pub(crate) link: i64,
    pub(crate) side: Side,
    pub(crate) field: Option<String>,
    pub(crate) before: Value,
    pub(crate) after: Value,
    pub(crate) rule: String,
    /// As the database names it.
    pub(crate) state: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeptConflict {
    pub(crate) id: i64,
    pub(crate) link: i64,
    pub(crate) field: Option<String>,
    pub(crate) kind: String,
    pub(crate) base: Value,
    pub(crate) values: Pair<Value>,
    pub(crate) modified: Pair<Option<DateTime<Utc>>>,
    pub(crate) open: bool,
    /// What stands, or is to stand.
    pub(crate) choice: Option<Choice>,
    /// The rule that resolved it.
    pub(crate) reason: Option<String>,
    pub(crate) occurrences: u32,
}

/// A case, to be run on a stage of its own.
pub(crate) type Case = for<'a> fn(&'a dyn Stage) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Makes a test of every case. `$run` is given the case, makes a stage and runs the one on the other.
macro_rules! cases {
    ($run:path) => {
        $crate::contract::cases! { $run;
            reads: a_new_sync_has_nothing, briefs_come_by_id_and_go_on_after_one,
                   every_link_counts_even_an_ended_one, a_tally_counts_the_links_that_are_due,
                   links_are_read_whole_and_unknown_ids_left_out,
                   a_batch_of_hundreds_is_kept_in_order;
            intents: an_intent_makes_its_link, ids_and_versions_come_in_the_order_of_the_batch,
                     an_intent_reads_back_as_it_was, each_write_raises_the_version,
                     an_outdated_link_keeps_the_whole_batch_out, a_link_stands_in_a_batch_once,
                     what_another_run_wrote_is_not_overwritten, released_intents_are_over_now,
                     another_runs_intents_are_not_released,
                     the_intents_of_another_run_are_live_until_they_are_recorded;
            reused: an_item_belongs_to_one_link, an_ended_link_leaves_its_id_to_a_new_one,
                    an_ended_link_leaves_its_id_to_a_created_item, an_only_id_is_marked_as_ended,
                    a_link_may_end_in_the_batch_that_gives_its_id_again,
                    a_link_may_move_to_an_id_that_its_batch_frees;
            records: a_record_without_a_link_makes_one, a_record_replaces_the_state,
                     a_record_ends_the_intent, what_is_not_told_of_names_and_times_stays,
                     ended_links_name_their_side, unfinished_links_are_due, an_unanswered_create_is_marked,
                     an_outdated_record_keeps_the_whole_batch_out, typed_values_become_what_json_says;
            trail: changes_are_intended_until_the_verdict, each_side_has_its_own_verdict,
                   verdicts_are_for_their_own_link, a_refused_write_keeps_its_rows,
                   fields_left_out_are_not_written, a_write_without_changes_has_no_trail,
                   a_chain_verifies_whatever_its_values;
            conflicts: an_open_conflict_stands_at_its_link, a_conflict_met_again_is_asked_anew,
                       each_field_has_its_own_conflict, a_resolved_conflict_is_kept_and_not_asked,
                       a_resolution_ends_the_open_conflict, a_closed_conflict_is_open_no_more,
                       a_choice_is_read_with_its_conflict,
                       every_choice_is_kept_while_its_values_stand, conflicts_come_oldest_first;
            cursors: a_cursor_is_kept_for_each_side, a_later_cursor_replaces_an_earlier_one,
                     a_broken_listing_is_kept_until_it_is_forgotten,
                     removals_of_other_runs_are_counted_unless_they_were_approved;
            fences: a_worker_that_was_taken_over_writes_nothing, a_run_that_is_over_writes_nothing,
                    a_stopped_worker_hears_of_that_first, other_runs_go_on;
        }
    };
    ($run:path; $($file:ident: $($name:ident),+;)+) => {
        $(mod $file {
            $(#[test]
            fn $name() {
                $run(|stage| Box::pin($crate::contract::$file::$name(stage)));
            })+
        })+
    };
}
pub(crate) use cases;
