//! What the values of a team's issues are called: its states, people, and its scale of estimates. Each part is
//! read only if it is needed, and kept for some minutes.

use serde::Deserialize;
use serde_json::json;
use syncline_engine::ports::{Call, ConnectorError};

use super::{
    api::{self, Api},
    documents::{self, PERSON_COST, STATE_COST},
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
