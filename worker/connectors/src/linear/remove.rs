//! Closes, archives and deletes issues.

use std::collections::BTreeMap;

use serde_json::json;
use syncline_engine::{
    Item,
    capability::Removal,
    ports::{Call, ConnectorError, Written},
    spec::Category,
    value::Fields,
};

use super::{
    documents::Step,
    ids,
    issue::Issue,
    issues::Issues,
    job::{Job, Outcomes, gone, nothing},
    status::categories,
};

impl Issues {
    /// The mutations of removals. What was removed in the way asked for, or deleted, has its outcome at once.
    pub(super) async fn removals(
        &self,
        removals: Vec<(usize, String, Removal)>,
        outcomes: &mut Outcomes,
        call: &Call<'_>,
    ) -> Result<Vec<Job>, ConnectorError> {
        if removals.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<String> = removals.iter().map(|(_, id, _)| id.clone()).collect();
        let mut there: BTreeMap<String, Issue> = self.by_ids(&ids, call).await?;
        let mut jobs = Vec::new();
        for (at, id, how) in removals {
            let issue = ids::canonical(&id).and_then(|id| there.get_mut(&id));
            let Some(issue) = issue else {
                let why = "Linear does not show it to this account";
                outcomes.put(at, Written::Refused(gone(&id, why)));
                continue;
            };
            match self.removal(issue, how, call).await? {
                Ok((step, input)) => jobs.push(Job { at, id: issue.id.clone(), step, input, is_new: false }),
                Err(outcome) => outcomes.put(at, outcome),
            }
        }
        Ok(jobs)
    }

    /// The mutation of one removal, or its outcome.
    async fn removal(
        &self,
        issue: &Issue,
        how: Removal,
        call: &Call<'_>,
    ) -> Result<Result<(Step, super::draft::Input), Written>, ConnectorError> {
        if issue.is_trashed() {
            let item = Item { deleted: true, ..Item::new(issue.id.clone(), Fields::new()) };
            return Ok(Err(Written::item(item)));
        }
        let is_done = match how {
            Removal::Close => issue.is_closed(),
            Removal::Archive => issue.archived_at.is_some(),
            Removal::Delete => false,
        };
        if is_done {
            return Ok(Err(Written::item(self.item(issue.clone(), call).await?)));
        }
        let mut input = nothing();
        Ok(match how {
            Removal::Archive => Ok((Step::Archive, input)),
            Removal::Delete => Ok((Step::Trash, input)),
            Removal::Close => {
                let team = self.team(call).await?;
                let closed = categories(&team.states)
                    .into_iter()
                    .find(|(_, category)| *category == Category::Cancelled);
                match closed {
                    Some((state, _)) => {
                        input.keys.insert("stateId".to_owned(), json!(state.id));
                        Ok((Step::Update, input))
                    }
                    None => {
                        let text = format!("team {}: it has no status for cancelled issues", team.name);
                        Err(Written::Refused(ConnectorError::permanent(text)))
                    }
                }
            }
        })
    }
}
