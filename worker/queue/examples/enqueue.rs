//! Requests a run of a sync, and pushes a job of the caller's own kind.
//!
//! ```text
//! REDIS_URL=redis://127.0.0.1:6379 cargo run -p syncline-queue --example enqueue -- NAME
//! ```

use std::{env, error::Error, io::Write, time::Duration};

use syncline_queue::{
    NewJob, Priority,
    client::{Client, SyncRequest},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    let sync = env::args().nth(1).ok_or("usage: enqueue NAME, which names a sync")?;
    let client = Client::connect(&url, "syncline").await?;

    // A worker checks the request and writes the run under this id, which can be looked up from then on.
    let mut request = SyncRequest::new(sync);
    request.priority = Some(Priority::High);
    let run = client.enqueue_sync(request).await?;

    // A job for the caller's own workers on that queue; no worker of Syncline runs it.
    let job = NewJob {
        queue: "reports".to_owned(),
        delay: Duration::from_secs(60),
        ..NewJob::new("monthly-report", serde_json::json!({ "month": 11 }))
    };
    client.backend().push(std::slice::from_ref(&job)).await?;

    writeln!(std::io::stdout(), "run {run}\njob {}", job.id)?;
    Ok(())
}
