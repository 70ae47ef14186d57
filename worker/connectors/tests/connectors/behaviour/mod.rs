//! What every connector promises, whatever it speaks. Each case names what it needs of a place's declaration, runs on every
//! place that declares it, and passes the others by. The tests fail if a case runs nowhere, and if a place no longer
//! declares what it did.

mod creates;
mod places;
mod reads;
mod writes;

use std::{future::Future, pin::Pin};

use syncline_engine::capability::{Capabilities, ConcurrencyControl, CreateIdempotency, Removal};

use self::places::{Opened, PLACES};

/// A case, to be run on a place of its own.
type Case = for<'a> fn(&'a Opened) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Runs a case on every place that declares what it needs.
#[allow(clippy::print_stdout, reason = "cargo shows it with --nocapture, and where a case fails")]
async fn run(name: &str, needs: &str, applies: fn(&Capabilities) -> bool, case: Case) {
    let (mut ran, mut passed_by) = (Vec::new(), Vec::new());
    for place in PLACES {
        let opened = place.open().await;
        if applies(opened.connector.capabilities()) {
            println!("{name}: on {}", place.name);
            case(&opened).await;
            ran.push(place.name);
        } else {
            passed_by.push(place.name);
        }
    }
    let list = |names: &[&str]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    println!("{name}: needs {needs}; ran on {}; does not apply to {}", list(&ran), list(&passed_by));
    assert!(!ran.is_empty(), "{name} runs nowhere: no place declares {needs}");
}

/// Makes a test of each case. What it needs is a question about the declaration.
macro_rules! cases {
    ($($file:ident::$name:ident: $needs:expr;)+) => {$(
        #[tokio::test]
        async fn $name() {
            run(stringify!($name), stringify!($needs), $needs, |place| Box::pin($file::$name(place))).await;
        }
    )+};
}

cases! {
    reads::lists_the_fields_of_its_items: |_| true;
    reads::what_is_declared_stays: |_| true;
    reads::lists_every_item_once_over_pages: |_| true;
    reads::fetches_what_exists: |_| true;
    reads::an_empty_place_is_complete: |can| can.snapshot;
    reads::a_deleted_item_is_absent_from_a_complete_listing: |can| can.snapshot;
    reads::an_incremental_read_lists_what_changed: |can| can.incremental;
    reads::a_read_since_a_cursor_is_refused: |can| !can.incremental;
    reads::items_tell_when_they_were_modified: |can| can.modified_times;
    reads::items_have_no_time_that_nobody_tells: |can| !can.modified_times;

    creates::creating_twice_makes_one_item: |can| can.create_idempotency != CreateIdempotency::None;
    creates::a_created_item_is_found_at_once:
        |can| can.create_idempotency != CreateIdempotency::None && can.marker_visible_after.is_zero();
    creates::a_create_that_leaves_no_trace_is_not_found: |can| can.create_idempotency == CreateIdempotency::None;
    creates::a_marker_is_the_id_of_its_item: |can| can.create_idempotency == CreateIdempotency::Native;
    creates::an_asked_id_is_given: |can| can.key_field.is_some();
    creates::an_asked_id_that_is_taken_is_refused: |can| can.key_field.is_some();

    writes::an_update_leaves_other_fields_alone: |_| true;
    writes::a_write_that_changes_nothing_is_none: |_| true;
    writes::one_refused_item_leaves_the_others: |_| true;
    writes::nothing_is_written_without_leave: |_| true;
    writes::a_foreign_edit_is_not_overwritten: |can| can.concurrency == ConcurrencyControl::Fields;
    writes::writes_to_one_item_follow_their_order: |can| can.concurrency == ConcurrencyControl::Fields;
    writes::deleting_twice_succeeds: |can| can.removals.contains(&Removal::Delete);
}

/// A capability that is no longer declared would take its cases along.
#[tokio::test]
async fn every_place_declares_what_its_cases_rely_on() {
    let sure = "listings that are one reading, fields compared, removals [Delete]";
    let mut declared = Vec::new();
    for place in PLACES {
        let opened = place.open().await;
        let can = opened.connector.capabilities();
        let times = match (can.incremental, can.modified_times) {
            (true, true) => "incremental",
            (false, true) => "whole, with times",
            (_, false) => "whole",
        };
        assert!(can.snapshot, "{}: {sure}", place.name);
        assert_eq!(can.concurrency, ConcurrencyControl::Fields, "{}: {sure}", place.name);
        assert_eq!(can.removals, [Removal::Delete], "{}: {sure}", place.name);
        assert!(
            can.list_page > 0
                && can.fetch_batch > 0
                && can.create_batch > 0
                && can.update_batch > 0
                && can.marker_visible_after.is_zero()
        );
        let key = can.key_field.as_deref().unwrap_or("none");
        declared.push(format!("{}: {times}, key {key}, creates {:?}", place.name, can.create_idempotency));
    }
    let expected = [
        "csv: whole, with times, key id, creates Native",
        "csv without times: whole, key id, creates Native",
        "sqlite: incremental, key id, creates Native",
        "sqlite without times: whole, key id, creates Native",
        "sqlite, numbered: incremental, key id, creates None",
        "sqlite, numbered and marked: incremental, key id, creates Marker",
        "postgresql: incremental, key id, creates Native",
        "postgresql without times: whole, key id, creates Native",
        "postgresql, numbered: incremental, key id, creates None",
        "postgresql, numbered and marked: incremental, key id, creates Marker",
    ];
    assert_eq!(declared, expected);
}

#[tokio::test]
#[should_panic(expected = "a_case runs nowhere: no place declares |can| can.remote")]
async fn a_case_that_runs_nowhere_fails() {
    run("a_case", "|can| can.remote", |can| can.remote, |_| Box::pin(async {})).await;
}
