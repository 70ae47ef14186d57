//! What goes wrong in each round of the campaign.

use anyhow::Result;
use serde_json::{Value as Json, json};
use syncline_support::simulator::SimulatorProcess;

use crate::place::Place;

/// A kind of request on a side.
#[derive(Debug, Clone, Copy)]
enum On {
    Read(usize),
    Update(usize),
    Create(usize),
}

/// A round's faults, and at which of its writes workers are killed.
pub(crate) struct Trouble {
    faults: Vec<(On, u64, Json)>,
    pub(crate) kills: &'static [usize],
}

impl Trouble {
    pub(crate) fn kills(kills: &'static [usize]) -> Trouble {
        Trouble { faults: Vec::new(), kills }
    }

    pub(crate) fn count(&self) -> usize {
        self.faults.len()
    }
}

/// Ten rounds. After a write without an answer, and after a kill, the next run waits for some seconds until that write
/// cannot take effect any more, so not each round has one. The waits that the platform asks for are short.
pub(crate) fn rounds() -> Vec<Trouble> {
    let after = |kind: &str| json!({ "kind": kind, "when": "after" });
    let cut = || json!({ "kind": "truncate", "keep": 0.4 });
    let limit = |retry_after: u64| json!({ "kind": "rate_limit", "retry_after": retry_after });
    let status = |status: u16| json!({ "kind": "status", "status": status });
    let with = |faults: Vec<(On, u64, Json)>, kills: &'static [usize]| Trouble { faults, kills };
    vec![
        with(Vec::new(), &[]),
        with(vec![(On::Update(0), 2, limit(1)), (On::Create(1), 1, limit(1))], &[]),
        with(vec![(On::Read(0), 1, status(503)), (On::Read(1), 1, cut())], &[]),
        with(vec![(On::Update(1), 2, after("hang")), (On::Create(0), 1, after("hang"))], &[5]),
        with(vec![(On::Update(1), 3, limit(1)), (On::Read(0), 1, status(500))], &[]),
        with(vec![(On::Update(0), 3, limit(1)), (On::Read(1), 1, limit(1))], &[]),
        with(vec![(On::Update(0), 3, cut()), (On::Create(1), 1, cut())], &[4]),
        with(vec![(On::Read(1), 1, limit(2)), (On::Update(1), 2, limit(1))], &[]),
        with(vec![(On::Read(0), 1, cut()), (On::Read(1), 1, after("reset"))], &[]),
        with(vec![(On::Create(0), 1, status(502)), (On::Update(1), 3, after("reset"))], &[8]),
    ]
}

/// Sets the faults of a round.
pub(crate) async fn cause(simulator: &SimulatorProcess, trouble: &Trouble, sides: [Place; 2]) -> Result<()> {
    for (on, nth, fault) in &trouble.faults {
        let (On::Read(side) | On::Update(side) | On::Create(side)) = on;
        let place = sides[*side];
        let wanted = match (place, on) {
            (Place::Repository, On::Read(_)) => json!({ "method": "GET" }),
            (Place::Repository, On::Update(_)) => json!({ "method": "PATCH" }),
            (Place::Repository, On::Create(_)) => json!({ "method": "POST" }),
            (Place::Project, On::Read(_)) => json!({ "path": "/rest/api/3/search/jql" }),
            (Place::Project, On::Update(_)) => json!({ "method": "PUT" }),
            (Place::Project, On::Create(_)) => json!({ "method": "POST", "path": "/rest/api/3/issue/bulk" }),
            (Place::Team, On::Read(_)) => json!({ "body_contains": "query" }),
            (Place::Team, On::Update(_)) => json!({ "body_contains": "issueUpdate" }),
            (Place::Team, On::Create(_)) => json!({ "body_contains": "Create" }),
        };
        // Linear's updates go many in a request.
        let nth = if place == Place::Team { 1 } else { *nth };
        let mut fault = fault.clone();
        if let (Json::Object(fault), Json::Object(wanted)) = (&mut fault, wanted) {
            fault.extend(wanted);
            fault.insert("platform".to_owned(), json!(place.platform()));
            fault.insert("nth".to_owned(), json!(nth));
        }
        simulator.fault(fault).await?;
    }
    Ok(())
}

/// How many of the faults were met; they are gone then.
pub(crate) async fn met(simulator: &SimulatorProcess) -> Result<usize> {
    let faults = simulator.get("/faults").await?;
    simulator.control("DELETE", "/faults", Json::Null).await?;
    Ok(faults.as_array().into_iter().flatten().filter(|fault| fault["hits"] != 0).count())
}
