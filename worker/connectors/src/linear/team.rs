//! What the values of a team's issues are called: its states, labels, people, and its scale of estimates. Each part is
//! read only if it is needed, and kept for some minutes.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use syncline_engine::ports::{Call, ConnectorError};

use super::{
    api::{self, Api},
    documents::{self, LABEL_COST, PERSON_COST, STATE_COST},
    issue::{Named, Whole},
    scope::Name,
    status::WorkflowState,
};
use crate::sets;

/// States of a team's workflow, at most.
const MOST_STATES: usize = 100;

/// The settings and the workflow of a team.
#[derive(Debug, Clone)]
pub(super) struct Team {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) estimates: Estimates,
    pub(super) states: Vec<WorkflowState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    id: String,
    name: String,
    issue_estimation_type: String,
    #[serde(default)]
    issue_estimation_allow_zero: bool,
    #[serde(default)]
    issue_estimation_extended: bool,
}

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

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) display_name: String,
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) active: bool,
    /// An application.
    #[serde(default)]
    pub(super) app: bool,
}

/// The estimates that a team uses.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Estimates {
    None,
    /// These numbers of points.
    Scale(Vec<i64>),
    /// A scale that this version does not know.
    Other,
}

impl Estimates {
    /// <https://linear.app/docs/estimates>
    fn read(settings: &Settings) -> Estimates {
        let (scale, extended): (&[i64], &[i64]) = match settings.issue_estimation_type.as_str() {
            "notUsed" => return Estimates::None,
            "exponential" => (&[1, 2, 4, 8, 16], &[32, 64]),
            "fibonacci" => (&[1, 2, 3, 5, 8], &[13, 21]),
            "linear" => (&[1, 2, 3, 4, 5], &[6, 7]),
            // XS, S, M, L, XL, and XXL, XXXL.
            "tShirt" => (&[1, 2, 3, 5, 8], &[13, 21]),
            _ => return Estimates::Other,
        };
        let zero = settings.issue_estimation_allow_zero.then_some(0);
        let more = if settings.issue_estimation_extended { extended } else { &[] };
        Estimates::Scale(zero.into_iter().chain(scale.iter().chain(more).copied()).collect())
    }

    /// Ok if an issue of the team can have this estimate.
    pub(super) fn takes(&self, points: i64) -> Result<(), String> {
        match self {
            Estimates::None => Err("the team uses no estimates; switch them on in its settings".to_owned()),
            Estimates::Scale(scale) if !scale.contains(&points) => {
                let known: Vec<String> = scale.iter().map(i64::to_string).collect();
                Err(format!(
                    "the team's scale of estimates has no {points}; map the value to {} under `values`",
                    known.join(", ")
                ))
            }
            _ => Ok(()),
        }
    }
}

impl Team {
    pub(super) async fn read(api: &Api, call: &Call<'_>) -> Result<Team, ConnectorError> {
        let variables = json!({ "team": api.scope.team_filter(), "first": MOST_STATES });
        let mut reply =
            api::one(&api.client, (documents::TEAM, STATE_COST * MOST_STATES as f64), &variables, call)
                .await?;
        let teams: Whole<Settings> = reply.part("teams")?;
        let states: Whole<WorkflowState> = reply.part("workflowStates")?;
        let settings = teams.nodes.into_iter().next().ok_or_else(|| api.not_shown())?;
        let estimates = Estimates::read(&settings);
        Ok(Team { id: settings.id, name: settings.name, estimates, states: states.nodes })
    }

    /// The state with this name.
    pub(super) fn state(&self, name: &str) -> Option<&WorkflowState> {
        self.states.iter().find(|state| sets::same(&state.name, name.trim()))
    }
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

/// The people of the workspace.
#[derive(Debug, Clone, Default)]
pub(super) struct People(pub(super) Vec<User>);

impl People {
    pub(super) async fn read(api: &Api, call: &Call<'_>) -> Result<People, ConnectorError> {
        let users: Vec<User> =
            api::all(&api.client, (documents::PEOPLE, PERSON_COST), "users", &json!({}), call).await?;
        Ok(People(users.into_iter().filter(|user| user.active).collect()))
    }

    /// The person of this display name, e-mail address or id.
    pub(super) fn find(&self, word: &str) -> Option<&User> {
        let word = word.trim().to_lowercase();
        let is = |text: &str| text.to_lowercase() == word;
        let by = |fits: &dyn Fn(&User) -> bool| self.0.iter().find(|user| fits(user));
        by(&|user| is(&user.display_name))
            .or_else(|| by(&|user| is(&user.id)))
            .or_else(|| by(&|user| user.email.as_deref().is_some_and(is)))
    }
}

/// The id of a scope's project.
pub(super) async fn project(api: &Api, project: &Name, call: &Call<'_>) -> Result<String, ConnectorError> {
    let filter = project.filter("name");
    let mut reply =
        api::one(&api.client, (documents::PROJECTS, 3.0), &json!({ "filter": filter }), call).await?;
    let found: Whole<Named> = reply.part("projects")?;
    match &found.nodes[..] {
        [found] => Ok(found.id.clone()),
        found => {
            let why = if found.is_empty() { "Linear shows no such project" } else { "there are several" };
            Err(ConnectorError::permanent(format!(
                "project {:?}: {why}; name it by its id",
                project.as_str()
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("notUsed", false, false, 1, false)]
    #[case("fibonacci", false, false, 5, true)]
    #[case("fibonacci", false, false, 4, false)]
    #[case("fibonacci", false, false, 13, false)]
    #[case("fibonacci", false, true, 13, true)]
    #[case("linear", true, false, 0, true)]
    #[case("linear", false, false, 0, false)]
    #[case("exponential", false, false, 16, true)]
    #[case("somethingNew", false, false, 99, true)]
    fn a_team_has_a_scale(
        #[case] kind: &str,
        #[case] zero: bool,
        #[case] extended: bool,
        #[case] points: i64,
        #[case] takes: bool,
    ) {
        let settings = Settings {
            id: String::new(),
            name: String::new(),
            issue_estimation_type: kind.to_owned(),
            issue_estimation_allow_zero: zero,
            issue_estimation_extended: extended,
        };
        assert_eq!(Estimates::read(&settings).takes(points).is_ok(), takes);
    }

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

    #[test]
    fn people_are_found_by_display_name_id_and_address() {
        let user = |id: &str, display: &str, email: &str| User {
            id: id.to_owned(),
            name: "A Name".to_owned(),
            display_name: display.to_owned(),
            email: Some(email.to_owned()),
            active: true,
            app: false,
        };
        let people = People(vec![user("1", "ada", "ada@acme.example"), user("2", "bruno", "b@acme.example")]);
        for word in ["Ada", " ada@acme.example ", "1"] {
            assert_eq!(people.find(word).unwrap().id, "1");
        }
        assert!(people.find("A Name").is_none(), "several may have it");
    }
}
