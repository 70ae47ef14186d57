//! What the demo shows, step by step.

use std::time::Duration;

use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use syncline_entity::{sync_attempt, sync_history, types::RunKind};
use syncline_runs::{NewRun, details};
use syncline_service::syncs::StoredSync;
use uuid::Uuid;

use super::{
    super::super::{conflicts, plan, sync},
    content::{self, EACH, FIRST, LAST, PROJECT, REPOSITORY, SHARED},
    stage::Stage,
};
use crate::{
    cli::{ConflictsListArgs, RunOptions},
    config::{Config, LeaseConfig},
    fault::Fault,
    output::Output,
    wait,
    words::count,
};

/// How often to look whether the outage was noticed.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What people make of the first and the last paragraph of the same text.
const FIRST_EDITED: &str = "It happens with old browsers only.";
const LAST_EDITED: &str = "A fix is planned for **Friday**.";

pub(super) struct Story<'a> {
    pub(super) config: &'a Config,
    pub(super) db: &'a DatabaseConnection,
    pub(super) sync: &'a StoredSync,
    pub(super) stage: &'a Stage,
    pub(super) output: &'a Output,
}

impl Story<'_> {
    /// Tells it, and returns what happened.
    pub(super) async fn tell(&self) -> Result<Value, Fault> {
        let output = self.output;
        output.headline("A project in Jira, a repository on GitHub, and one document that ties them");
        output.line(format!(
            "{PROJECT} and {REPOSITORY} have {EACH} issues each, and {SHARED} of them are in both. Both platforms are \
             simulated."
        ));
        output.line("Nothing leaves this machine.");
        let mut steps = vec![self.plan().await?];
        steps.push(self.step("first_sync", "First sync: pairs by title, and copies the rest").await?);
        self.stage.later(10)?;
        let edits = self.edit_both_sides()?;
        steps.push(self.step("edits", "Second sync").await?);
        self.merged()?;
        let found = self.conflict().await?;
        steps.push(self.outage().await?);
        steps.push(self.lost_access().await?);
        steps.push(self.access_again().await?);
        steps.push(self.step("no_change", "Nothing is new, so nothing is written").await?);
        let requests = steps.last().map_or(0, |step| step["api_calls"].as_u64().unwrap_or(0));
        output.line(format!("It took {} to find that out.", count(requests, "request", "requests")));
        Ok(json!({
            "places": { PROJECT: self.stage.count_jira()?, REPOSITORY: self.stage.count_github()? },
            "edits": edits,
            "steps": steps,
            "conflicts": found,
        }))
    }

    async fn plan(&self) -> Result<Value, Fault> {
        let title = "What a first sync would do";
        self.output.headline(title);
        let run = wait::manual_run(self.sync, RunKind::Plan, &RunOptions::default())?;
        let row = self.to_end(&run).await?;
        let details = details(&row).unwrap_or_default();
        let shown = json!({ "sync": self.sync.name, "plan": details["plan"], "held": details["held"] });
        plan::tell(&shown, 2, self.output);
        Ok(json!({ "name": "plan", "title": title, "counts": details["plan"]["counts"] }))
    }

    /// A sync without incident.
    async fn step(&self, name: &str, title: &str) -> Result<Value, Fault> {
        self.output.headline(title);
        let row = self.to_end(&self.manual_run()?).await?;
        self.told(name, title, &row).await
    }

    fn manual_run(&self) -> Result<NewRun, Fault> {
        wait::manual_run(self.sync, RunKind::Sync, &RunOptions::default())
    }

    async fn to_end(&self, run: &NewRun) -> Result<sync_history::Model, Fault> {
        wait::run_to_end(self.config, self.db, run, LeaseConfig::USUAL, self.output).await
    }

    /// Prints the result of a run and returns it.
    async fn told(&self, name: &str, title: &str, row: &sync_history::Model) -> Result<Value, Fault> {
        let open = sync::open_conflicts(self.db, self.sync.id).await?;
        let mut step = sync::document(self.db, None, row.clone(), open).await?;
        sync::results(&step, self.output);
        step["name"] = json!(name);
        step["title"] = json!(title);
        Ok(step)
    }

    /// People edit issues on both sides. Returns the edits in words.
    fn edit_both_sides(&self) -> Result<Vec<String>, Fault> {
        let stage = self.stage;
        let text = content::issue(16, 0).text;
        let edited = text.replace(FIRST, FIRST_EDITED);
        stage.edit_in_jira(17, &json!({ "labels": ["urgent"], "description": edited }))?;
        stage.edit_in_github(17, &json!({ "body": text.replace(LAST, LAST_EDITED) }))?;
        stage.edit_in_jira(31, &json!({ "status": "In Progress" }))?;
        stage.edit_in_jira(33, &json!({ "status": "Done" }))?;
        stage.edit_in_github(42, &json!({ "state": "closed", "state_reason": "completed" }))?;
        let new = json!({ "summary": "Write the post-mortem of the outage", "description": "By Friday." });
        let new = stage.create_in_jira(&new)?;
        stage.edit_in_jira(7, &json!({ "summary": "Simplify the login form, and test it" }))?;
        stage.edit_in_github(7, &json!({ "title": "Simplify the login page" }))?;
        let edits = vec![
            format!("Jira:   {PROJECT}-17 is labelled urgent, and its text begins otherwise"),
            format!("        {PROJECT}-31 is In Progress, {PROJECT}-33 is Done, {new} is new"),
            "GitHub: the text of #17 ends otherwise, #42 is closed as completed".to_owned(),
            "both:   number 7 gets another title, and not the same".to_owned(),
        ];
        self.output.headline("Ten minutes later people have worked on both sides");
        for edit in &edits {
            self.output.verbatim(format!("  {edit}"));
        }
        Ok(edits)
    }

    /// Shows what became of the edits.
    fn merged(&self) -> Result<(), Fault> {
        let (there, here) = (self.stage.in_github(17)?, self.stage.in_jira(17)?);
        let body = there["body"].as_str().unwrap_or_default();
        let description = here["description"].to_string();
        let texts = body.contains(FIRST_EDITED)
            && body.contains(LAST_EDITED)
            && description.contains(FIRST_EDITED)
            && description.contains("Friday");
        let labelled =
            there["labels"].as_array().is_some_and(|all| all.iter().any(|l| l["name"] == "urgent"));
        if texts && labelled {
            self.output.line(
                "#17 has the new label, and its text begins and ends as edited on both sides: fields are merged, and texts by \
                 paragraph.",
            );
        }
        self.output.line(format!(
            "{PROJECT}-31 is {}, and #31 is {}; #33 is {}; {PROJECT}-42 is {}: statuses go by their category.",
            self.stage.status_in_jira(31)?,
            self.stage.state_in_github(31)?,
            self.stage.state_in_github(33)?,
            self.stage.status_in_jira(42)?,
        ));
        Ok(())
    }

    /// Shows what is left for a person.
    async fn conflict(&self) -> Result<Value, Fault> {
        self.output.headline("The conflict: one field, two values, and titles are for a person to decide");
        let wanted = ConflictsListArgs { limit: 10, ..ConflictsListArgs::default() };
        let found = conflicts::find(self.db, &wanted).await?;
        let found: Vec<Value> = found.iter().map(conflicts::as_json).collect();
        conflicts::tell(&found, self.output);
        Ok(json!(found))
    }

    /// GitHub fails while a sync runs, and comes back.
    async fn outage(&self) -> Result<Value, Fault> {
        let title = "An outage: GitHub answers 503 to everything, then comes back";
        self.output.headline(title);
        self.stage.edit_in_github(60, &json!({ "state": "closed", "state_reason": "completed" }))?;
        self.stage.begin_outage()?;
        let id = Uuid::now_v7();
        let run = NewRun { id: Some(id), ..self.manual_run()? };
        let noticed = async {
            let error = self.first_failure(id).await?;
            self.output.line(format!("  first try: {error}"));
            self.stage.end_outage()?;
            Ok(error)
        };
        let (row, error) = tokio::try_join!(self.to_end(&run), noticed)?;
        let attempts = sync_attempt::Entity::find().filter(sync_attempt::Column::RunId.eq(id));
        let attempts = attempts.all(self.db).await?.len();
        let mut step = self.told("outage", title, &row).await?;
        self.output.line(format!(
            "The same run went on by itself, with try {attempts}; {PROJECT}-60, closed on GitHub during the outage, is {}.",
            self.stage.status_in_jira(60)?
        ));
        step["attempts"] = json!(attempts);
        step["first_error"] = json!(error);
        Ok(step)
    }

    /// Waits for the first attempt that failed, and returns its error.
    async fn first_failure(&self, run: Uuid) -> Result<String, Fault> {
        loop {
            let attempts = sync_attempt::Entity::find().filter(sync_attempt::Column::RunId.eq(run));
            let failed = attempts.filter(sync_attempt::Column::Error.is_not_null()).one(self.db).await?;
            if let Some(error) = failed.and_then(|attempt| attempt.error) {
                return Ok(error);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The account may not see the project any more.
    async fn lost_access(&self) -> Result<Value, Fault> {
        let title = "A loss of access: the account may not see the Jira project any more";
        self.output.headline(title);
        let before = [self.stage.count_jira()?, self.stage.count_github()?];
        self.stage.let_in(false)?;
        let row = self.to_end(&self.manual_run()?).await?;
        let mut step = self.told("lost_access", title, &row).await?;
        for error in sync::errors(&step) {
            self.output.line(format!("  {error}"));
        }
        let after = [self.stage.count_jira()?, self.stage.count_github()?];
        if before == after {
            self.output.line(format!(
                "Every issue of {PROJECT} is out of sight, the document says delete_policy: delete, and nothing was deleted: \
                 {REPOSITORY} has its {} issues.",
                after[1]["issues"]
            ));
        }
        step["before"] = json!(before);
        step["after"] = json!(after);
        Ok(step)
    }

    async fn access_again(&self) -> Result<Value, Fault> {
        let title = "The account gets its access back";
        self.output.headline(title);
        self.stage.edit_in_jira(80, &json!({ "status": "Done" }))?;
        self.stage.let_in(true)?;
        let row = self.to_end(&self.manual_run()?).await?;
        let step = self.told("access_again", title, &row).await?;
        self.output
            .line(format!("{PROJECT}-80, Done meanwhile, is {} on GitHub.", self.stage.state_in_github(80)?));
        Ok(step)
    }
}
