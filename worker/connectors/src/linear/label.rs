//! The labels that a team's issues may have: its own, and those of the workspace.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use syncline_engine::ports::{Call, ConnectorError};

use super::{
    api::{self, Api},
    documents::{self, LABEL_COST},
};
use crate::sets;

/// A label of a team, or of the whole workspace.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Label {
    pub(super) id: String,
    pub(super) name: String,
    /// It holds other labels, and is on no issue itself.
    #[serde(default)]
    pub(super) is_group: bool,
    /// Its group, of which an issue has one label.
    pub(super) parent: Option<Group>,
    /// None if it is one of the workspace.
    #[serde(default)]
    pub(super) team: Option<OfTeam>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) name: String,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct OfTeam {
    pub(super) id: String,
}

/// The labels that a team's issues may have.
#[derive(Debug, Clone, Default)]
pub(super) struct Labels {
    by_id: HashMap<String, Label>,
}

impl Labels {
    pub(super) async fn read(api: &Api, call: &Call<'_>) -> Result<Labels, ConnectorError> {
        let of_team = api.scope.team_filter();
        let filter = json!({ "or": [{ "team": of_team }, { "team": { "null": true } }] });
        let mut labels = Labels::default();
        labels.add(of_filter(api, &filter, call).await?);
        Ok(labels)
    }

    /// Reads labels that issues have and the team does not, such as those of a team above it.
    pub(super) async fn read_ids(
        &mut self,
        api: &Api,
        ids: &[&str],
        call: &Call<'_>,
    ) -> Result<(), ConnectorError> {
        self.add(of_filter(api, &json!({ "id": { "in": ids } }), call).await?);
        Ok(())
    }

    pub(super) fn add(&mut self, labels: Vec<Label>) {
        self.by_id.extend(labels.into_iter().map(|label| (label.id.clone(), label)));
    }

    pub(super) fn name(&self, id: &str) -> Option<&str> {
        self.by_id.get(id).map(|label| label.name.as_str())
    }

    /// The label with this name; one of the team before one of the workspace.
    pub(super) fn by_name(&self, name: &str) -> Option<&Label> {
        let fits = self.by_id.values().filter(|label| !label.is_group && sets::same(&label.name, name));
        fits.min_by_key(|label| (label.team.is_none(), label.id.clone()))
    }

    pub(super) fn names(&self) -> Vec<String> {
        let labels = self.by_id.values().filter(|label| !label.is_group);
        sets::canonical(labels.map(|label| label.name.clone()).collect())
    }

    /// Ok if an issue can have all of these at once.
    pub(super) fn fit_together(&self, labels: &[&Label]) -> Result<(), String> {
        let mut groups: HashMap<&str, &Label> = HashMap::new();
        for label in labels {
            let Some(group) = &label.parent else { continue };
            if let Some(other) = groups.insert(&group.id, label) {
                return Err(format!(
                    "{:?} and {:?} are both of the group {:?}, of which an issue has one label; remove one of them",
                    other.name, label.name, group.name
                ));
            }
        }
        Ok(())
    }
}

async fn of_filter(api: &Api, filter: &Json, call: &Call<'_>) -> Result<Vec<Label>, ConnectorError> {
    api::all(&api.client, (documents::LABELS, LABEL_COST), "issueLabels", &json!({ "filter": filter }), call)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(id: &str, name: &str, group: Option<&str>, team: Option<&str>) -> Label {
        let named = |id: &str| Group { id: id.to_owned(), name: id.to_uppercase() };
        Label {
            id: id.to_owned(),
            name: name.to_owned(),
            is_group: false,
            parent: group.map(named),
            team: team.map(|id| OfTeam { id: id.to_owned() }),
        }
    }

    #[test]
    fn labels_of_one_group_exclude_each_other() {
        let mut labels = Labels::default();
        labels.add(vec![
            label("1", "Bug", Some("kind"), None),
            label("2", "Feature", Some("kind"), None),
            label("3", "bug", None, Some("t")),
            label("4", "ui", None, None),
        ]);
        assert_eq!(labels.by_name("BUG").unwrap().id, "3", "the team's own comes first");
        assert_eq!(labels.name("1"), Some("Bug"));
        let of = |ids: &[&str]| -> Vec<&Label> { ids.iter().map(|id| &labels.by_id[*id]).collect() };
        assert_eq!(labels.fit_together(&of(&["1", "3", "4"])), Ok(()));
        let refused = labels.fit_together(&of(&["1", "2"])).unwrap_err();
        assert!(refused.starts_with("\"Bug\" and \"Feature\" are both of the group \"KIND\""), "{refused}");
    }
}
