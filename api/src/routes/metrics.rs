//! `GET /metrics`: what the process has counted, and how long the line is right now.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use axum::{
    extract::State,
    http::{HeaderValue, header::CONTENT_TYPE},
    response::IntoResponse,
};
use syncline_queue::{Count, Priority, State as JobState, outbox::RUN_QUEUE};
use tokio::time::timeout;

use crate::state::ApiState;

/// How long the queue may take to be counted; a scrape without it beats no scrape.
const PATIENCE: Duration = Duration::from_secs(2);

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

pub(crate) async fn metrics(State(api): State<ApiState>) -> impl IntoResponse {
    let mut text = api.metrics.as_ref().map(|metrics| metrics.render()).unwrap_or_default();
    match timeout(PATIENCE, api.queue.counts(RUN_QUEUE)).await {
        Ok(Ok(counts)) => text.push_str(&gauges(&counts)),
        Ok(Err(error)) => tracing::warn!(%error, "the queue could not be counted for a scrape"),
        Err(_) => tracing::warn!("the queue was not counted in time for a scrape"),
    }
    ([(CONTENT_TYPE, TEXT)], text)
}

/// Every state and priority, also those without jobs: a gauge that vanishes cannot be told from one that was not read.
fn gauges(counts: &[Count]) -> String {
    let by_class: BTreeMap<_, _> =
        counts.iter().map(|count| ((count.state, count.priority), count)).collect();
    let mut jobs = String::from("# HELP syncline_queue_jobs Jobs by state and priority.\n");
    jobs.push_str("# TYPE syncline_queue_jobs gauge\n");
    let mut oldest = String::from(
        "# HELP syncline_queue_oldest_seconds For waiting jobs the longest time any has been due, for others the \
         longest time since any was pushed.\n",
    );
    oldest.push_str("# TYPE syncline_queue_oldest_seconds gauge\n");
    for state in [JobState::Waiting, JobState::Running, JobState::Dead] {
        for priority in Priority::ALL {
            let count = by_class.get(&(state, priority));
            let labels = format!("{{state=\"{state}\",priority=\"{priority}\"}}");
            let number = count.map_or(0, |count| count.jobs);
            let age = count.map_or(0.0, |count| count.oldest.as_secs_f64());
            // Writing to a string cannot fail.
            let _ = writeln!(jobs, "syncline_queue_jobs{labels} {number}");
            let _ = writeln!(oldest, "syncline_queue_oldest_seconds{labels} {age}");
        }
    }
    jobs + &oldest
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
        let text = gauges(&[count]);
        assert!(text.contains("syncline_queue_jobs{state=\"waiting\",priority=\"high\"} 3\n"), "{text}");
        assert!(text.contains("syncline_queue_oldest_seconds{state=\"waiting\",priority=\"high\"} 1.5\n"));
        assert!(text.contains("syncline_queue_jobs{state=\"dead\",priority=\"low\"} 0\n"));
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 24);
    }
}
