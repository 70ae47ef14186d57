//! Pushes due runs into the queue and moves the dead letters of runs out of the queue.
//!
//! Every process that accepts or executes runs has one dispatcher, without a leader; [`syncline_runs::Dispatcher`]
//! describes one pass.

use std::time::Duration;

use syncline_queue::{Error, JobQuery, State, chain};
use syncline_runs::{Dispatcher, RUN_QUEUE};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::environment::Environment;

/// Time between two passes when the last one found nothing to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The queue's dead letters are checked in one of this many passes.
const LETTERS_EACH: u32 = 5;
/// Timeout of one call to the queue's store.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs passes until shutdown.
pub async fn run(environment: Environment, shutdown: CancellationToken) {
    let mut dispatcher = Dispatcher::new(environment.db.clone(), environment.queue.clone());
    let mut letters = Letters::default();
    let mut away = false;
    let mut looks = 0_u32;
    let forever = async {
        loop {
            let looked = async {
                let looked = dispatcher.look().await?;
                if looks.is_multiple_of(LETTERS_EACH) {
                    letters.look(&environment).await?;
                }
                anyhow::Ok(looked)
            };
            let more = match looked.await {
                Ok(looked) => {
                    if away {
                        tracing::info!("accepted runs are handed to the queue again");
                    }
                    away = false;
                    if looked.dispatched + looked.put_back + looked.ended > 0 {
                        tracing::info!(
                            dispatched = looked.dispatched,
                            put_back = looked.put_back,
                            ended = looked.ended,
                            "handed runs over to the queue"
                        );
                        metrics::counter!("sync_runs_dispatched_total", "why" => "due")
                            .increment(looked.dispatched as u64);
                        metrics::counter!("sync_runs_dispatched_total", "why" => "lost")
                            .increment(looked.put_back as u64);
                    }
                    looked.more
                }
                Err(error) => {
                    // Logged once per outage, not with each pass.
                    if !away {
                        tracing::warn!(
                            queue = environment.queue.place(),
                            error = chain(error.as_ref()),
                            "accepted runs wait in the database: they cannot be handed to the queue now"
                        );
                    }
                    away = true;
                    false
                }
            };
            looks = looks.wrapping_add(1);
            if !more {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    };
    shutdown.run_until_cancelled(forever).await;
}

/// Pages through the queue's dead letters, one page per pass, and moves those of runs to their rows. Usually that
/// happens when the job dies; this handles the dead letters of processes that ended before they could do it.
#[derive(Debug, Default)]
struct Letters {
    after: Option<String>,
}

impl Letters {
    async fn look(&mut self, environment: &Environment) -> anyhow::Result<()> {
        let query = JobQuery { after: self.after.take(), ..JobQuery::new(RUN_QUEUE, State::Dead) };
        let page = timeout(PATIENCE, environment.queue.list(&query)).await;
        let page = page.map_err(|_| Error::late())??;
        for job in page.jobs {
            let reason = job.dead_reason.unwrap_or_else(|| "given up".to_owned());
            let error = job.last_error.unwrap_or_else(|| reason.clone());
            environment.run_book().move_letter(job.id, &reason, &error).await?;
        }
        self.after = page.next;
        Ok(())
    }
}
