//! What goes wrong in each round of the campaign.

use anyhow::Result;
use serde_json::{Value as Json, json};

use super::stage::Github;

/// A round's faults, and at which of its writes workers are killed.
pub(crate) struct Trouble {
    pub(crate) faults: Vec<Json>,
    pub(crate) kills: &'static [usize],
}

fn on(method: &str, nth: u64, mut fault: Json) -> Json {
    fault["method"] = json!(method);
    fault["nth"] = json!(nth);
    fault
}

fn status(status: u16) -> Json {
    json!({ "kind": "status", "status": status })
}

fn limit(status: u16, retry_after: u64) -> Json {
    json!({ "kind": "rate_limit", "status": status, "retry_after": retry_after })
}

/// Ten rounds. After a write without an answer, and after a kill, the next run waits until that write cannot take effect
/// any more, for some twenty seconds, so that not each round has one. The waits that the platform asks for are short.
pub(crate) fn rounds() -> Vec<Trouble> {
    let after = |kind: &str| json!({ "kind": kind, "when": "after" });
    let cut = json!({ "kind": "truncate", "keep": 0.4 });
    // The window of the budget ends soon after it was set.
    let spent = |status: u16| json!({ "kind": "rate_limit", "limit": "primary", "status": status });
    let with = |faults: Vec<Json>, kills: &'static [usize]| Trouble { faults, kills };
    vec![
        with(Vec::new(), &[]),
        with(vec![on("PATCH", 3, limit(429, 1)), on("POST", 2, limit(403, 1))], &[]),
        with(vec![on("GET", 3, status(503)), on("GET", 9, cut.clone())], &[]),
        with(vec![on("PATCH", 5, after("hang")), on("POST", 2, after("hang"))], &[11]),
        with(vec![on("PATCH", 6, spent(403)), on("GET", 5, status(500))], &[]),
        with(vec![on("PATCH", 4, spent(429)), on("GET", 2, limit(403, 1))], &[]),
        with(
            vec![on("PATCH", 4, cut.clone()), on("POST", 1, cut.clone()), on("PATCH", 9, status(500))],
            &[7],
        ),
        with(vec![on("GET", 2, limit(429, 2)), on("PATCH", 9, limit(403, 1))], &[]),
        with(vec![on("GET", 1, cut), on("GET", 4, after("reset"))], &[]),
        with(vec![on("POST", 1, status(502)), on("PATCH", 12, after("reset"))], &[20]),
    ]
}

/// How many of the faults were met; they are gone then.
pub(crate) async fn met(github: &Github) -> Result<usize> {
    let faults = github.get("/faults").await?;
    github.control("DELETE", "/faults", Json::Null).await?;
    Ok(faults.as_array().into_iter().flatten().filter(|fault| fault["hits"] != 0).count())
}

/// Sets the faults of a round.
pub(crate) async fn cause(github: &Github, trouble: &Trouble) -> Result<()> {
    let budget = json!({ "account": "ada", "resource": "core", "remaining": 4000, "reset_in": 3 });
    github.control("PUT", "/github/budget", budget).await?;
    for fault in &trouble.faults {
        github.fault(fault.clone()).await?;
    }
    Ok(())
}
