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
    content::{EACH, HERE, SHARED, THERE},
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

/// The text that a person gives issue 17 in the second repository.
const TEXT: &str = "It happens with old browsers only.";

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
        output.headline("Two repositories of a simulated GitHub, and one document that ties them");
        output.line(format!("{HERE} and {THERE} have {EACH} issues each, and {SHARED} of them are in both."));
        output.line("Nothing leaves this machine.");
        let mut steps = vec![self.plan().await?];
        steps.push(self.step("first_sync", "First sync: pairs by title, and copies the rest").await?);
        self.stage.later(10)?;
        let edits = self.edit_both_sides()?;
        steps.push(self.step("edits", "Second sync").await?);
        let found = self.conflict().await?;
        steps.push(self.outage().await?);
        steps.push(self.lost_access().await?);
        steps.push(self.access_again().await?);
        steps.push(self.step("no_change", "Nothing is new, so nothing is written").await?);
        let requests = steps.last().map_or(0, |step| step["api_calls"].as_u64().unwrap_or(0));
        output.line(format!("It took {} to find that out.", count(requests, "request", "requests")));
        Ok(json!({
            "repositories": { HERE: self.stage.count(HERE)?, THERE: self.stage.count(THERE)? },
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
        sync::results(self.sync, row, self.output);
        let open = sync::open_conflicts(self.db, self.sync.id).await?;
        let mut step = sync::as_json(self.sync, row, open);
        step["name"] = json!(name);
        step["title"] = json!(title);
        Ok(step)
    }

    /// People edit issues of both repositories. Returns the edits in words.
    fn edit_both_sides(&self) -> Result<Vec<String>, Fault> {
        let here = |number, change: Value| self.stage.person_edits(HERE, number, &change);
        let there = |number, change: Value| self.stage.person_edits(THERE, number, &change);
        here(17, json!({ "labels": ["urgent"] }))?;
        there(17, json!({ "body": TEXT }))?;
        there(42, json!({ "state": "closed", "state_reason": "not_planned" }))?;
        let new = json!({ "title": "Write the post-mortem of the outage", "body": "By Friday." });
        let new = self.stage.person_creates(HERE, &new)?["number"].as_u64().unwrap_or_default();
        here(7, json!({ "title": "Simplify the login form, and test it" }))?;
        there(7, json!({ "title": "Simplify the login page" }))?;
        let edits = vec![
            format!("{HERE}: #17 is labelled urgent, #{new} is new"),
            format!("{THERE}: #17 gets another text, #42 is closed as not planned"),
            "both: #7 gets another title, and not the same".to_owned(),
        ];
        self.output.headline("Ten minutes later people have worked on both sides");
        for edit in &edits {
            self.output.line(format!("  {edit}"));
        }
        Ok(edits)
    }

    /// Shows what became of the edits.
    async fn conflict(&self) -> Result<Value, Fault> {
        let seen = |repository: &str| {
            let issue = self.stage.issue(repository, 17)?;
            let body = issue["body"].as_str().unwrap_or_default();
            let labelled =
                issue["labels"].as_array().is_some_and(|all| all.iter().any(|l| l["name"] == "urgent"));
            Ok::<_, Fault>(labelled && body.starts_with(TEXT))
        };
        if seen(HERE)? && seen(THERE)? {
            self.output.line("#17 has the new label and the new text on both sides: fields are merged.");
        }
        self.output.headline("The conflict: one field, two values, and titles are for a person to decide");
        let wanted = ConflictsListArgs { limit: 10, ..ConflictsListArgs::default() };
        let found = conflicts::find(self.db, &wanted).await?;
        conflicts::tell(&found, self.output);
        Ok(json!(found.iter().map(conflicts::as_json).collect::<Vec<_>>()))
    }

    /// GitHub fails while a sync runs, and comes back.
    async fn outage(&self) -> Result<Value, Fault> {
        let title = "An outage: GitHub answers 503 to everything, then comes back";
        self.output.headline(title);
        self.stage.person_edits(THERE, 60, &json!({ "state": "closed", "state_reason": "completed" }))?;
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
            "The same run went on by itself, with try {attempts}; #60, closed during the outage in {THERE}, is {} in \
             {HERE}.",
            self.stage.issue(HERE, 60)?["state"].as_str().unwrap_or_default()
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

    /// The account may not see the second repository any more.
    async fn lost_access(&self) -> Result<Value, Fault> {
        let title = "A loss of access: the account may not see the second repository any more";
        self.output.headline(title);
        let before = [self.stage.count(HERE)?, self.stage.count(THERE)?];
        self.stage.let_in(false)?;
        let row = self.to_end(&self.manual_run()?).await?;
        let mut step = self.told("lost_access", title, &row).await?;
        for error in sync::errors(&row) {
            self.output.line(format!("  {error}"));
        }
        let after = [self.stage.count(HERE)?, self.stage.count(THERE)?];
        if before == after {
            self.output.line(format!(
                "Every issue of {THERE} is out of sight, the document says delete_policy: delete, and nothing was deleted: \
                 {HERE} has its {} issues.",
                after[0]["issues"]
            ));
        }
        step["before"] = json!(before);
        step["after"] = json!(after);
        Ok(step)
    }

    async fn access_again(&self) -> Result<Value, Fault> {
        let title = "The account gets its access back";
        self.output.headline(title);
        self.stage.person_edits(HERE, 80, &json!({ "state": "closed", "state_reason": "completed" }))?;
        self.stage.let_in(true)?;
        let row = self.to_end(&self.manual_run()?).await?;
        let step = self.told("access_again", title, &row).await?;
        self.output.line(format!(
            "#80, closed meanwhile in {HERE}, is {} in {THERE}.",
            self.stage.issue(THERE, 80)?["state"].as_str().unwrap_or_default()
        ));
        Ok(step)
    }
}
