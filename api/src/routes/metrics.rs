//! `GET /metrics`: the counters of the process, and the current length of the queue.

mod process;

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use axum::{
    extract::State,
    http::{HeaderValue, header::CONTENT_TYPE},
    response::IntoResponse,
};
use syncline_queue::{Count, Error, Priority, State as JobState};
use syncline_runs::{
    RUN_QUEUE,
    dead::{self, DeadQuery},
};
use tokio::time::timeout;

use crate::state::ApiState;

/// Timeout of counting the queue; a scrape without the queue is better than none.
const PATIENCE: Duration = Duration::from_secs(2);

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Show the metrics of the process and the length of the queue
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "installation",
    responses((status = 200, description = "Prometheus' text format.", body = String, content_type = "text/plain")),
)]
pub(crate) async fn metrics(State(api): State<ApiState>) -> impl IntoResponse {
    let mut text = api.metrics.as_ref().map(|metrics| metrics.render()).unwrap_or_default();
    text.push_str(&process::gauges());
    let counted = async {
        let counts = api.queue.counts_lately(RUN_QUEUE).await?;
        let paused = api.queue.is_paused(RUN_QUEUE).await?;
        Ok::<_, Error>(gauges(RUN_QUEUE, &counts, paused))
    };
    // Dead runs are rows, which can be counted even if the queue's store is unreachable.
    let buried = async { Ok::<_, Error>(dead_gauge(dead::count(&api.db, &DeadQuery::default()).await?)) };
    let (counted, buried) = tokio::join!(timeout(PATIENCE, counted), timeout(PATIENCE, buried));
    for looked in [counted, buried] {
        // At level debug: the worker or the dispatcher of this process logs an outage once.
        match looked {
            Ok(Ok(gauges)) => text.push_str(&gauges),
            Ok(Err(error)) => {
                tracing::debug!(error = error.told(), "the queue could not be counted for a scrape")
            }
            Err(_) => tracing::debug!("the queue was not counted in time for a scrape"),
        }
    }
    ([(CONTENT_TYPE, TEXT)], text)
}

/// Gauges of every state and priority, also those without jobs: a gauge that vanishes looks like one that was not read.
fn gauges(queue: &str, counts: &[Count], paused: bool) -> String {
    let by_class: BTreeMap<_, _> =
        counts.iter().map(|count| ((count.state, count.priority), count)).collect();
    let mut jobs = String::from(
        "# HELP syncline_queue_jobs Jobs by state and priority; delayed ones wait, too.\n\
         # TYPE syncline_queue_jobs gauge\n",
    );
    let mut oldest = String::from(
        "# HELP syncline_queue_oldest_seconds For waiting jobs the longest time any has been due, for others the \
         longest time since any was pushed.\n# TYPE syncline_queue_oldest_seconds gauge\n",
    );
    // Writing to a string cannot fail.
    for state in [JobState::Waiting, JobState::Running, JobState::Dead] {
        for priority in Priority::ALL {
            let count = by_class.get(&(state, priority));
            let labels = format!("{{queue=\"{queue}\",state=\"{state}\",priority=\"{priority}\"}}");
            let number = count.map_or(0, |count| count.jobs);
            let age = count.map_or(0.0, |count| count.oldest.as_secs_f64());
            let _ = writeln!(jobs, "syncline_queue_jobs{labels} {number}");
            let _ = writeln!(oldest, "syncline_queue_oldest_seconds{labels} {age}");
        }
    }
    for priority in Priority::ALL {
        let delayed = by_class.get(&(JobState::Waiting, priority)).map_or(0, |count| count.delayed);
        let labels = format!("{{queue=\"{queue}\",state=\"delayed\",priority=\"{priority}\"}}");
        let _ = writeln!(jobs, "syncline_queue_jobs{labels} {delayed}");
    }
    let paused = u8::from(paused);
    let _ = write!(
        oldest,
        "# HELP syncline_queue_paused Whether nothing of the queue begins.\n\
         # TYPE syncline_queue_paused gauge\nsyncline_queue_paused{{queue=\"{queue}\"}} {paused}\n"
    );
    jobs + &oldest
}

fn dead_gauge(dead_runs: u64) -> String {
    format!(
        "# HELP syncline_dead_runs Runs that were given up and neither replayed nor discarded.\n\
         # TYPE syncline_dead_runs gauge\nsyncline_dead_runs {dead_runs}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_gauges() {
        let count = Count {
            state: JobState::Waiting,
            priority: Priority::High,
            jobs: 3,
            delayed: 1,
            oldest: Duration::from_millis(1500),
        };
        let text = gauges("default", &[count], true) + &dead_gauge(7);
        assert!(
            text.contains("syncline_queue_jobs{queue=\"default\",state=\"waiting\",priority=\"high\"} 3\n"),
            "{text}"
        );
        assert!(text.contains(
            "syncline_queue_oldest_seconds{queue=\"default\",state=\"waiting\",priority=\"high\"} 1.5\n"
        ));
        assert!(text.contains("syncline_queue_jobs{queue=\"default\",state=\"dead\",priority=\"low\"} 0\n"));
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 30);
        assert!(text.contains("state=\"delayed\",priority=\"high\"} 1\n"), "{text}");
        assert!(text.contains("syncline_queue_paused{queue=\"default\"} 1\n"));
        assert!(text.contains("syncline_dead_runs 7\n"));
    }
}
