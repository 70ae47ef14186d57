//! The contract of every backend: one function per promise, each with its own queue.

pub(crate) mod attempts;
pub(crate) mod control;
pub(crate) mod dead;
pub(crate) mod history;
pub(crate) mod keys;
pub(crate) mod leases;
pub(crate) mod line;
pub(crate) mod outages;
pub(crate) mod room;
pub(crate) mod workers;

use std::{future::Future, time::Duration};

use serde_json::json;
use syncline_queue::{Backend, ClaimRequest, ClaimedJob, NewJob, Outcome, RetryPolicy, Settled, Settlement};

/// Generates a test of every promise against queues made by a function.
macro_rules! promises {
    ($make:path) => {
        $crate::conformance::promises! { $make;
            line: urgent_jobs_go_first, equal_jobs_go_by_due_time_then_id, delayed_jobs_are_not_early,
                  the_same_id_is_pushed_once, concurrent_pushes_are_each_answered,
                  overdue_jobs_can_be_asked_for,
                  counts_match_the_jobs, a_wait_for_work_ends_in_its_claim, a_wait_for_work_can_be_ended,
                  a_wait_for_work_ends_by_itself;
            keys: a_unique_key_joins_the_waiting_job, a_running_job_gets_one_follow_up,
                  a_retry_makes_way_for_its_follow_up, a_key_within_one_push_changes_no_order, one_of_many_pushes_wins_a_key, a_concurrency_key_runs_one_at_a_time,
                  a_busy_key_does_not_block_the_line, a_key_runs_once_among_many_claimers,
                  an_order_key_keeps_order, an_order_key_keeps_its_order_among_many_claimers,
                  an_older_job_pushed_late_waits_for_the_running_one, a_key_runs_up_to_its_limit,
                  each_job_keeps_its_own_limit, a_limit_of_a_key_holds_among_many_claimers,
                  a_cancelled_job_makes_way_for_the_next_of_its_key, a_claim_can_ask_for_one_key;
            room: a_full_queue_takes_no_more, a_limit_holds_for_many_pushers,
                  accepted_jobs_are_put_back_past_the_limit, attempts_used_before_count,
                  known_returns_which_jobs_exist;
            control: a_paused_queue_gives_no_jobs, a_resumed_queue_wakes_its_workers,
                  a_waiting_job_gets_another_priority, jobs_are_listed_by_state,
                  a_list_continues_after_its_page, an_invalid_cursor_is_refused, jobs_are_found,
                  old_jobs_are_found, an_unreadable_job_blocks_no_others;
            history: dead_jobs_keep_their_history, a_history_is_bounded;
            attempts: a_stale_token_changes_nothing, retries_wait_within_their_bounds,
                  a_platforms_delay_is_the_minimum,
                  jobs_that_wait_again_together_keep_the_order_of_their_ids, a_snooze_uses_no_attempt,
                  giving_back_uses_no_attempt, progress_is_kept;
            dead: a_job_is_dead_after_its_last_attempt, a_permanent_error_makes_a_job_dead_at_once, dead_jobs_can_be_replayed,
                  dead_jobs_can_be_discarded;
            leases: a_lease_that_ran_out_is_rescued, a_crash_loop_makes_a_job_dead, renewal_keeps_a_job,
                  a_waiting_job_is_cancelled_at_once, a_running_job_is_asked_to_stop,
                  a_cancelled_job_is_not_tried_again;
            workers: four_workers_run_each_job_once, a_job_may_outlive_many_leases,
                  a_blocked_thread_keeps_its_lease, a_panic_is_a_failed_attempt, unstarted_jobs_are_given_back,
                  a_draining_worker_claims_nothing, a_cancelled_job_is_notified, a_lost_lease_stops_its_job,
                  a_push_wakes_an_idle_worker, low_priority_starts_within_its_bound, errors_map_to_outcomes, a_dropped_worker_releases_its_jobs,
                  a_settlement_can_be_held_up;
            outages: a_worker_waits_for_a_failed_store, a_refused_settlement_blocks_no_others,
                     an_idle_worker_polls_rarely;
        }
    };
    ($make:path; $($file:ident: $($name:ident),+;)+) => {
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let stage = $make().await;
                $crate::conformance::$file::$name(&stage).await;
            }
        )+)+
    };
}
pub(crate) use promises;

pub(crate) use crate::support::QUEUE;
pub(crate) const LEASE: Duration = Duration::from_secs(30);
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// Returns a job that is due at once and retries without a wait.
pub(crate) fn job(kind: &str) -> NewJob {
    NewJob {
        queue: QUEUE.to_owned(),
        retry: RetryPolicy { base: Duration::ZERO, cap: Duration::ZERO },
        ..NewJob::new(kind, json!({ "for": kind }))
    }
}

/// Returns a unique key.
pub(crate) fn waiting(key: &str) -> Option<String> {
    Some(key.to_owned())
}

pub(crate) fn request(limit: usize, lease: Duration) -> ClaimRequest {
    ClaimRequest {
        queue: QUEUE.to_owned(),
        worker_id: "tester".to_owned(),
        limit,
        lease,
        concurrency_key: None,
        overdue_by: None,
    }
}

pub(crate) async fn claim(backend: &dyn Backend, limit: usize) -> Vec<ClaimedJob> {
    backend.claim(&request(limit, LEASE)).await.expect("a claim").jobs
}

/// Claims the only job that can be claimed.
pub(crate) async fn claim_one(backend: &dyn Backend) -> ClaimedJob {
    let mut jobs = claim(backend, 10).await;
    assert_eq!(jobs.len(), 1, "{jobs:?}");
    jobs.remove(0)
}

pub(crate) async fn settle(backend: &dyn Backend, job: &ClaimedJob, outcome: Outcome) -> Settled {
    let settlement = Settlement { lease: job.lease_ref(), outcome };
    backend.settle(&[settlement]).await.expect("a settlement").remove(0)
}

pub(crate) fn kinds(jobs: &[ClaimedJob]) -> Vec<&str> {
    jobs.iter().map(|job| job.kind.as_str()).collect()
}

pub(crate) fn failed(error: &str) -> Outcome {
    Outcome::Retry { error: error.to_owned(), at_least: None }
}

/// Polls until there is an answer; for changes that only time causes.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking)
        .await
        .unwrap_or_else(|_| panic!("never came: {what}"))
}
