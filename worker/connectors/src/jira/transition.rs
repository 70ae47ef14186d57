//! Changes the status of an issue: through one transition, or through up to three, each of which stands by itself. After a
//! crash between two the next attempt goes on from the status that the issue has by then.

use std::collections::HashSet;

use serde_json::{Map, Value as Json, json};
use syncline_engine::ports::{Call, ConnectorError, ErrorKind};

use super::{
    dialect::refused_fields,
    issues::Issues,
    workflow::{MOST_HOPS, Status, Transition},
};
use crate::http::{Failed, Sent};

/// Where an issue is to be.
pub(super) enum Wanted<'w> {
    /// In the status of this name.
    Named(&'w str),
    /// In any that is done.
    Done,
}

/// An issue whose status is to change.
pub(super) struct Moving<'m> {
    pub(super) id: &'m str,
    pub(super) type_id: &'m str,
    /// The id and the name of its status.
    pub(super) status: (String, String),
    /// What the sync says of the resolution.
    pub(super) resolution: Option<&'m Option<String>>,
}

/// How a change of a status ended.
pub(super) struct Moved {
    /// Transitions were made.
    pub(super) hops: usize,
    /// The name of the status to which they led.
    pub(super) status: String,
    /// Why the issue is not where it was to be.
    pub(super) error: Option<Failed>,
    /// The resolution was not taken.
    pub(super) resolution: Option<ConnectorError>,
}

impl Issues {
    /// Leads an issue to a status.
    pub(super) async fn lead(&self, mut issue: Moving<'_>, wanted: &Wanted<'_>, call: &Call<'_>) -> Moved {
        let mut moved = Moved { hops: 0, status: String::new(), error: None, resolution: None };
        if let Err(failed) = self.walk(&mut issue, wanted, &mut moved, call).await {
            moved.error = Some(failed);
        }
        moved.status = issue.status.1;
        moved
    }

    async fn walk(
        &self,
        issue: &mut Moving<'_>,
        wanted: &Wanted<'_>,
        moved: &mut Moved,
        call: &Call<'_>,
    ) -> Result<(), Failed> {
        let target = self.target(wanted, call).await.map_err(|error| Failed { error, sent: Sent::No })?;
        let mut visited = HashSet::from([issue.status.0.clone()]);
        // One more, since a way that was learned from another issue may be closed to this one.
        let mut refusals = 0;
        while moved.hops < MOST_HOPS {
            let is_fresh = self.learn(issue, call).await?;
            let hop = self.memo.graph(issue.type_id, |graph| {
                let near = if target.is_open { "new" } else { "indeterminate" };
                let takes = |status: &Status| target.takes(status);
                graph.next(&issue.status.0, &takes, near, MOST_HOPS - moved.hops, &visited)
            });
            let Some(hop) = hop else {
                if !is_fresh {
                    self.memo.graph(issue.type_id, |graph| graph.forget(&issue.status.0));
                    refusals += 1;
                    if refusals < 3 {
                        continue;
                    }
                }
                return Err(no_way(issue, wanted));
            };
            tracing::debug!(
                issue = issue.id,
                to = hop.transition.to.name,
                known = hop.is_known_way,
                "transition"
            );
            match self.step(issue, &hop.transition, moved, call).await {
                Ok(()) => {}
                Err(failed) if !is_fresh && is_refusal(&failed.error) => {
                    self.memo.graph(issue.type_id, |graph| graph.forget(&issue.status.0));
                    continue;
                }
                Err(failed) if is_refusal(&failed.error) => {
                    return Err(refused(issue, &hop.transition, failed));
                }
                Err(failed) => return Err(failed),
            }
            moved.hops += 1;
            let to = hop.transition.to;
            visited.insert(to.id.clone());
            let is_there = target.takes(&to);
            issue.status = (to.id, to.name);
            if is_there {
                return Ok(());
            }
        }
        Err(no_way(issue, wanted))
    }

    /// Learns the transitions from the status of an issue, if they are not known. Returns true if they were just read.
    async fn learn(&self, issue: &Moving<'_>, call: &Call<'_>) -> Result<bool, Failed> {
        #[derive(serde::Deserialize)]
        struct Transitions {
            #[serde(default)]
            transitions: Vec<Transition>,
        }
        if self.memo.graph(issue.type_id, |graph| graph.knows(&issue.status.0)) {
            return Ok(false);
        }
        let reply = self.api.transitions(issue.id, call).await?;
        let Transitions { transitions } = reply.json()?;
        self.memo.graph(issue.type_id, |graph| graph.learn(&issue.status.0, transitions));
        Ok(true)
    }

    /// Makes one transition, with what its screen asks for.
    async fn step(
        &self,
        issue: &Moving<'_>,
        transition: &Transition,
        moved: &mut Moved,
        call: &Call<'_>,
    ) -> Result<(), Failed> {
        let resolution = self.resolution(issue, transition);
        let missing: Vec<&str> =
            transition.required().filter(|id| *id != "resolution" || resolution.is_none()).collect();
        if !missing.is_empty() {
            let names: Vec<String> = missing.iter().map(|id| field_name(transition, id)).collect();
            let text = format!(
                "issue {}: the transition {:?} to {:?} asks for {}, which the sync does not give{}",
                issue.id,
                transition.name,
                transition.to.name,
                names.join(", "),
                if missing.contains(&"resolution") {
                    "; name one under `resolution` in the scope"
                } else {
                    ""
                }
            );
            return Err(Failed { error: ConnectorError::new(ErrorKind::NoTransition, text), sent: Sent::No });
        }
        let mut body = json!({ "transition": { "id": transition.id } });
        if let Some(name) = &resolution {
            body["fields"] = json!({ "resolution": { "name": name } });
        }
        let failed = match self.api.transition(issue.id, &body, call).await {
            Ok(_) => return Ok(()),
            Err(failed) => failed,
        };
        if resolution.is_none() || !refused_fields(&failed.error).contains(&"resolution") {
            return Err(failed);
        }
        // The screen of the transition has none.
        body["fields"] = Json::Object(Map::new());
        self.api.transition(issue.id, &body, call).await?;
        if issue.resolution.is_some() {
            moved.resolution = Some(failed.error);
        }
        Ok(())
    }

    /// The resolution that goes with a transition: that of the sync, else that of the scope, else one that the screen
    /// insists on and that means what every site has.
    fn resolution(&self, issue: &Moving<'_>, transition: &Transition) -> Option<String> {
        let field = transition.fields.get("resolution");
        let closes = transition.to.category() == "done";
        if field.is_none() && !(self.scope.resolution_always && closes) {
            return None;
        }
        let own = issue.resolution.cloned().flatten();
        let is_required = transition.required().any(|id| id == "resolution");
        let usual = || {
            let allowed = field?["allowedValues"].as_array()?;
            let names: Vec<&str> = allowed.iter().filter_map(|value| value["name"].as_str()).collect();
            match names[..] {
                [only] => Some(only.to_owned()),
                _ => names.into_iter().find(|name| *name == "Done").map(str::to_owned),
            }
        };
        own.or_else(|| self.scope.resolution.clone().filter(|_| closes || is_required))
            .or_else(|| usual().filter(|_| is_required))
    }

    /// Which statuses are meant. Names are looked up, since the transitions name their statuses in the language of the
    /// account.
    async fn target(&self, wanted: &Wanted<'_>, call: &Call<'_>) -> Result<Target, ConnectorError> {
        let Wanted::Named(name) = wanted else { return Ok(Target { ids: None, is_open: false }) };
        let statuses = self.api.known_statuses(call).await?;
        let found = |same: &dyn Fn(&str) -> bool| -> Vec<_> {
            statuses.iter().filter(|status| same(&status.name)).cloned().collect()
        };
        let mut named = found(&|known| known == *name);
        if named.is_empty() {
            named = found(&|known| known.to_lowercase() == name.to_lowercase());
        }
        if named.is_empty() {
            let known: Vec<&str> = statuses.iter().map(|status| status.name.as_str()).collect();
            let text = format!(
                "the project {} has no status {name:?}; it has {}",
                self.scope.project,
                known.join(", ")
            );
            return Err(ConnectorError::new(ErrorKind::NoTransition, text));
        }
        let is_open = named.iter().all(|status| status.category == syncline_engine::spec::Category::Todo);
        Ok(Target { ids: Some(named.into_iter().map(|status| status.id).collect()), is_open })
    }
}

struct Target {
    /// None: any that is done.
    ids: Option<Vec<String>>,
    /// Issues in it are to be worked on.
    is_open: bool,
}

impl Target {
    fn takes(&self, status: &Status) -> bool {
        match &self.ids {
            Some(ids) => ids.contains(&status.id),
            None => status.category() == "done",
        }
    }
}

fn field_name(transition: &Transition, id: &str) -> String {
    match transition.fields.get(id).and_then(|field| field["name"].as_str()) {
        Some(name) => format!("{name} ({id})"),
        None => id.to_owned(),
    }
}

/// True if Jira does not let the transition be made; it may be another one by now, or need something more.
fn is_refusal(error: &ConnectorError) -> bool {
    matches!(
        error.kind,
        ErrorKind::Permanent | ErrorKind::NoTransition | ErrorKind::NotFound | ErrorKind::Conflict
    )
}

fn refused(issue: &Moving<'_>, transition: &Transition, failed: Failed) -> Failed {
    let message = match failed.error.kind {
        ErrorKind::NoTransition => failed.error.message.clone(),
        _ => format!(
            "issue {}: Jira refuses the transition {:?} from {:?} to {:?}: {}",
            issue.id, transition.name, issue.status.1, transition.to.name, failed.error.message
        ),
    };
    let error = ConnectorError { message, kind: ErrorKind::NoTransition, ..failed.error };
    Failed { error, ..failed }
}

fn no_way(issue: &Moving<'_>, wanted: &Wanted<'_>) -> Failed {
    let to = match wanted {
        Wanted::Named(name) => format!("{name:?}"),
        Wanted::Done => "a status that is done".to_owned(),
    };
    let text = format!(
        "issue {}: the workflow leads from {:?} to {to} in no {MOST_HOPS} transitions that this account may make; add a \
         transition, or the account's permission to make transitions",
        issue.id, issue.status.1
    );
    Failed { error: ConnectorError::new(ErrorKind::NoTransition, text), sent: Sent::No }
}
