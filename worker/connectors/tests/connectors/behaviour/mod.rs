//! What every connector promises, whatever it speaks. Each case names what it needs of a place's declaration, and of what
//! a test can do to the place; it runs on every place that has it, and passes the others by. The tests fail if a case runs
//! nowhere, and if a place no longer declares what it did.
//!
//! A platform joins with an implementation of [`Stage`] and a line in [`kinds`].

mod contract;
mod creates;
mod failures;
mod github;
mod jira;
mod linear;
mod pages;
mod reads;
mod stage;
mod tables;
mod values;
mod writes;

use std::{future::Future, pin::Pin};

use syncline_engine::capability::{ConcurrencyControl, CreateIdempotency, Removal};

use self::stage::{Fault, Kind, Stage};

/// All kinds of places.
fn kinds() -> Vec<&'static dyn Kind> {
    let tables = tables::TABLES.iter().map(|kind| kind as &dyn Kind);
    let github = github::VERSIONS.iter().map(|kind| kind as &dyn Kind);
    let jira = jira::PROJECTS.iter().map(|kind| kind as &dyn Kind);
    tables.chain(github).chain(jira).chain([&linear::Linear as &dyn Kind]).collect()
}

/// A case, to be run on a place of its own.
struct Case {
    name: &'static str,
    needs: &'static str,
    applies: fn(&dyn Stage) -> bool,
    run: for<'a> fn(&'a dyn Stage) -> Playing<'a>,
}

/// A case that is being played.
type Playing<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

impl Case {
    /// Runs the case on every place that has what it needs.
    #[allow(clippy::print_stdout, reason = "cargo shows it with --nocapture, and where a case fails")]
    async fn run(&self) {
        let Case { name, needs, .. } = self;
        let (mut ran, mut passed_by) = (Vec::new(), Vec::new());
        for kind in kinds() {
            let stage = kind.open(None).await;
            if (self.applies)(&*stage) {
                println!("{name}: on {}", kind.name());
                (self.run)(&*stage).await;
                ran.push(kind.name());
            } else {
                passed_by.push(kind.name());
            }
        }
        let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join("; ") };
        println!("{name}: needs {needs}; ran on {}; does not apply to {}", list(&ran), list(&passed_by));
        assert!(!ran.is_empty(), "{name} runs nowhere: no place has {needs}");
    }
}

/// Makes a test of each case. What it needs is a question about the stage.
macro_rules! cases {
    ($($file:ident::$name:ident: $needs:expr;)+) => {
        static CASES: &[Case] = &[$(Case {
            name: stringify!($name),
            needs: stringify!($needs),
            applies: $needs,
            run: |stage| Box::pin($file::$name(stage)),
        },)+];

        $(
            #[tokio::test]
            async fn $name() {
                CASES.iter().find(|case| case.name == stringify!($name)).unwrap().run().await;
            }
        )+
    };
}

fn repeats_safely(stage: &dyn Stage) -> bool {
    stage.capabilities().create_idempotency != CreateIdempotency::None
}

fn compares_fields(stage: &dyn Stage) -> bool {
    stage.capabilities().concurrency == ConcurrencyControl::Fields
}

fn removes(stage: &dyn Stage, how: Removal) -> bool {
    stage.capabilities().removals.contains(&how)
}

fn fails(stage: &dyn Stage, fault: Fault) -> bool {
    stage.faults().contains(&fault)
}

cases! {
    reads::lists_the_fields_of_its_items: |_| true;
    reads::what_is_declared_stays: |stage| removes(stage, Removal::Delete);
    reads::fetches_what_exists: |_| true;
    reads::a_removed_item_is_absent_from_a_complete_listing: |_| true;
    reads::an_incremental_read_lists_what_changed: |stage| stage.capabilities().incremental;
    reads::an_empty_place_can_be_read_from_its_cursor: |stage| stage.capabilities().incremental;
    reads::a_read_since_a_cursor_is_refused: |stage| !stage.capabilities().incremental;
    reads::items_tell_when_they_were_modified: |stage| stage.tells_times();
    reads::items_have_no_time_that_nobody_tells: |stage| !stage.tells_times();
    reads::items_are_found_by_a_value: |stage| stage.capabilities().find_batch.is_some();
    reads::a_search_is_not_taken_for_complete_without_a_value: |stage| stage.capabilities().find_batch.is_some();

    pages::lists_every_item_once_over_pages: |_| true;
    pages::lists_ten_thousand_items: |_| true;
    pages::a_listing_that_met_a_limit_goes_on: |stage| fails(stage, Fault::Limit);

    creates::creating_twice_makes_one_item: repeats_safely;
    creates::a_create_without_an_answer_is_made_once: |stage| repeats_safely(stage) && fails(stage, Fault::LostAnswer);
    creates::a_created_item_is_found_by_its_marker: repeats_safely;
    creates::a_created_item_is_found_at_once:
        |stage| repeats_safely(stage) && stage.capabilities().marker_visible_after.is_zero();
    creates::a_create_that_leaves_no_trace_is_not_found: |stage| !repeats_safely(stage);
    creates::a_marker_is_the_id_of_its_item: |stage| {
        stage.capabilities().create_idempotency == CreateIdempotency::Native
            && stage.capabilities().key_field.is_some()
    };
    creates::an_asked_id_is_given: |stage| stage.capabilities().key_field.is_some();
    creates::an_asked_id_that_is_taken_is_refused: |stage| stage.capabilities().key_field.is_some();
    creates::batches_may_be_as_large_as_declared: |_| true;

    writes::an_update_leaves_other_fields_alone: |_| true;
    writes::an_edit_of_another_field_stays: |_| true;
    writes::a_write_that_changes_nothing_is_none: compares_fields;
    writes::writing_the_same_again_changes_nothing: |_| true;
    writes::one_refused_item_leaves_the_others: |_| true;
    writes::nothing_is_written_without_leave: |stage| removes(stage, Removal::Delete);
    writes::a_foreign_edit_is_not_overwritten: compares_fields;
    writes::writes_to_one_item_follow_their_order: compares_fields;
    writes::an_item_is_written_alone: |stage| stage.capabilities().concurrency == ConcurrencyControl::None;
    writes::an_overwritten_edit_is_told: |stage| stage.capabilities().history;
    writes::an_overwritten_edit_is_lost: |stage| {
        stage.capabilities().concurrency == ConcurrencyControl::None && !stage.capabilities().history
    };
    writes::deleting_twice_succeeds: |stage| removes(stage, Removal::Delete);
    writes::an_item_closes_and_opens_again:
        |stage| removes(stage, Removal::Close) && stage.roles().state.is_some();

    values::every_script_survives: |_| true;
    values::long_texts_arrive_whole_or_are_refused_before: |_| true;
    values::null_and_empty_are_blank_and_stay_so: |_| true;
    values::sets_have_no_order: |stage| stage.roles().set.is_some();
    values::days_stay_the_day: |stage| stage.roles().date.is_some();

    failures::a_limit_tells_when_to_go_on: |stage| fails(stage, Fault::Limit);
    failures::case_118_a_limit_amid_a_batch_is_no_success: |stage| fails(stage, Fault::LimitedCreate);
    failures::a_lost_permission_is_no_deletion: |stage| fails(stage, Fault::LostPermission);
    failures::a_dead_token_is_an_error_of_the_account: |stage| fails(stage, Fault::DeadToken);
    failures::an_outage_passes: |stage| fails(stage, Fault::Outage);
}

/// A capability that is no longer declared would take its cases along.
#[tokio::test]
async fn every_place_declares_what_its_cases_rely_on() {
    let mut declared = Vec::new();
    for kind in kinds() {
        let stage = kind.open(None).await;
        let can = stage.capabilities();
        let times = match (can.incremental, stage.tells_times()) {
            (true, true) => "incremental",
            (false, true) => "whole, with times",
            (_, false) => "whole",
        };
        assert!(can.list_page > 0 && can.fetch_batch > 0 && can.create_batch > 0 && can.update_batch > 0);
        // A place of its own keeps nothing from us, and no network is between.
        assert_eq!(can.snapshot, !can.remote);
        assert_eq!(can.marker_visible_after.is_zero(), can.snapshot);
        let key = can.key_field.as_deref().unwrap_or("none");
        let name = kind.name();
        let (creates, compares, removals) = (can.create_idempotency, can.concurrency, can.removals);
        let mut line =
            format!("{name}: {times}, key {key}, creates {creates:?}, compares {compares:?}, {removals:?}");
        if let Some(keys) = can.find_batch {
            line += &format!(", finds {keys}");
        }
        if can.history {
            line += ", a history";
        }
        if !can.stepwise.is_empty() {
            line += &format!(", {} in steps", can.stepwise.join(" "));
        }
        declared.push(line);
    }
    let expected = [
        "csv: whole, with times, key id, creates Native, compares Fields, [Delete]",
        "csv without times: whole, key id, creates Native, compares Fields, [Delete]",
        "sqlite: incremental, key id, creates Native, compares Fields, [Delete]",
        "sqlite without times: whole, key id, creates Native, compares Fields, [Delete]",
        "sqlite, numbered: incremental, key id, creates None, compares Fields, [Delete]",
        "sqlite, numbered and marked: incremental, key id, creates Marker, compares Fields, [Delete]",
        "postgresql: incremental, key id, creates Native, compares Fields, [Delete]",
        "postgresql without times: whole, key id, creates Native, compares Fields, [Delete]",
        "postgresql, numbered: incremental, key id, creates None, compares Fields, [Delete]",
        "postgresql, numbered and marked: incremental, key id, creates Marker, compares Fields, [Delete]",
        "github 2022-11-28: incremental, key none, creates Marker, compares None, [Close, Delete], finds 1, state state_reason status in steps",
        "github 2026-03-10: incremental, key none, creates Marker, compares None, [Close, Delete], finds 1, state state_reason status in steps",
        "jira SYNC: incremental, key none, creates Marker, compares None, [Close, Delete], finds 10, a history, status in steps",
        "jira TEAM: incremental, key none, creates Marker, compares None, [Close, Delete], finds 10, a history, status in steps",
        "linear: incremental, key none, creates Native, compares None, [Close, Archive, Delete], finds 20",
    ];
    assert_eq!(declared, expected);
}

#[tokio::test]
#[should_panic(expected = "a_case runs nowhere: no place has a flag")]
async fn a_case_that_runs_nowhere_fails() {
    let case = Case { name: "a_case", needs: "a flag", applies: |_| false, run: |_| Box::pin(async {}) };
    case.run().await;
}
