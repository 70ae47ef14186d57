//! The requests of a run, sent once more without Syncline.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value as Json, json};
use syncline_support::http::client;

use crate::stage::Stage;

/// As many as a run has under way at once on a server without limits.
const AT_ONCE: usize = 10;

/// Sends the requests of the log in their order, and returns how long they took. Titles are new ones, so that the writes
/// write. `jira` is the secret of the account on Jira; that on GitHub is known to the program.
pub(crate) async fn send(stage: &Stage, calls: &[Json], jira: &str) -> Result<Duration> {
    let token = stage.program.variable("acme_secret").context("the token on GitHub")?;
    let http = client();
    let mut requests = Vec::with_capacity(calls.len());
    for call in calls {
        let platform = call["platform"].as_str().context("a platform")?;
        let address =
            format!("{}{}", stage.simulator.api(platform)?, call["url"].as_str().context("an address")?);
        let mut request = http.request(call["method"].as_str().context("a method")?.parse()?, address);
        for (name, value) in call["headers"].as_object().into_iter().flatten() {
            if !["authorization", "content-length", "host"].contains(&name.as_str()) {
                request = request.header(name, value.as_str().unwrap_or_default());
            }
        }
        request = match jira.split_once(':') {
            Some((user, password)) if platform == "jira" => request.basic_auth(user, Some(password)),
            _ => request.bearer_auth(&token),
        };
        let mut body = call["body"].clone();
        if let Some(title) = body["title"].as_str() {
            body["title"] = json!(format!("{title}."));
        }
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        requests.push(request.build()?);
    }
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (requests, next, http) = (Arc::clone(&requests), Arc::clone(&next), http.clone());
        senders.spawn(async move {
            while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                let request = request.try_clone().context("a request without a stream")?;
                let answer = http.execute(request).await?;
                let status = answer.status();
                let text = answer.text().await?;
                ensure!(status.is_success() || status == 304, "{status} {text}");
            }
            anyhow::Ok(())
        });
    }
    for sent in senders.join_all().await {
        sent?;
    }
    Ok(began.elapsed())
}
