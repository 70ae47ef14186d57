//! `syncline demo files`: a file and a table kept in step in a temporary folder, by the same code as in production.

mod backlog;

use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection};
use serde_json::{Value, json};
use syncline_entity::types::RunKind;
use syncline_runs::details;
use syncline_service::{
    Origin,
    store::store,
    syncs::{self, StoredSync},
};

use super::{
    super::{conflicts, plan, stats, sync},
    program,
};
use crate::{
    app::{self, Make},
    cli::{ConflictsListArgs, DemoFilesArgs, RunOptions, StatsArgs, StatsBy},
    config::{Config, DatabaseUrl, LeaseConfig},
    document,
    fault::{Exit, Fault},
    output::Output,
    wait,
};

const NAME: &str = "backlog";

/// Runs a first sync, a second one with edits on both sides, and one without changes.
pub(crate) async fn run(config: Config, args: &DemoFilesArgs, output: &Output) -> Result<Exit, Fault> {
    let folder = folder(args)?;
    let demo = Demo::set_up(config, folder).await?;
    output.headline("A backlog in a CSV file, a table in SQLite, and one document that ties them");
    output.line(format!("  {}", demo.folder.join("backlog.csv").display()));
    output.line(format!("  {}", demo.folder.join("tasks.db").display()));
    output.line(format!("  {}", demo.folder.join("sync.yaml").display()));

    let mut steps = vec![demo.plan("What a first sync would do", false, 2, output).await?];
    steps.push(demo.sync("First sync", false, output).await?);

    let edits = demo.edit_both_sides().await?;
    output.headline("Meanwhile people work on both sides");
    for edit in &edits {
        output.line(format!("  {edit}"));
    }
    output.line("A row that is gone counts as deleted when it is missing twice; --confirm-deletes takes our word for it now.");
    steps.push(demo.plan("What the second sync would do", true, 10, output).await?);
    steps.push(demo.sync("Second sync", true, output).await?);
    steps.push(demo.sync("Third sync: nothing has changed, so nothing is written", false, output).await?);

    output.headline(
        "The conflict: both sides gave one task another title, and titles are for a person to decide",
    );
    let found =
        conflicts::find(&demo.db, &ConflictsListArgs { limit: 10, ..ConflictsListArgs::default() }).await?;
    let shown: Vec<Value> = found.iter().map(conflicts::as_json).collect();
    conflicts::tell(&shown, output);
    output.headline("Statistics");
    let window = StatsArgs { window: "all".to_owned(), ..StatsArgs::default() };
    let stats = stats::collect(&demo.db, &window).await?;
    stats::tell(&stats, StatsBy::Sync, output);
    let next = demo.next(found.first().map(|found| found.conflict.id));
    output.headline("Try next");
    for line in &next {
        output.verbatim(format!("  {line}"));
    }
    output.data(&json!({
        "folder": demo.folder,
        "database_url": demo.url,
        "edits": edits,
        "steps": steps,
        "conflicts": shown,
        "stats": stats,
        "next": next,
    }));
    Ok(Exit::Done)
}

fn folder(args: &DemoFilesArgs) -> Result<PathBuf, Fault> {
    let Some(folder) = &args.keep else {
        // The folder is kept, so that the commands shown at the end can be tried.
        return Ok(tempfile::Builder::new().prefix("syncline-demo-").tempdir()?.keep());
    };
    std::fs::create_dir_all(folder)?;
    if std::fs::read_dir(folder)?.next().is_some() {
        return Err(Fault::usage(format!("--keep {}: the folder is not empty", folder.display())));
    }
    Ok(std::path::absolute(folder)?)
}

struct Demo {
    config: Config,
    folder: PathBuf,
    url: String,
    db: DatabaseConnection,
    tasks: DatabaseConnection,
    stored: StoredSync,
}

impl Demo {
    /// Creates the two places, the document, and Syncline's own database.
    async fn set_up(mut config: Config, folder: PathBuf) -> Result<Demo, Fault> {
        std::fs::write(folder.join("backlog.csv"), backlog::csv())?;
        std::fs::write(folder.join("sync.yaml"), backlog::DOCUMENT)?;
        let tasks = open_tasks(&folder).await?;
        tasks.execute_unprepared(backlog::TABLE).await?;
        let url = format!("sqlite://{}", folder.join("syncline.db").display());
        config.database.url = DatabaseUrl::parse(&url)?;
        let (db, _) = app::connect_or_make(&config, Make::default()).await?;
        let file = folder.join("sync.yaml");
        let document = document::read(&file)?;
        document.refuse_errors()?;
        let specs: Vec<_> = document.syncs.iter().map(|sync| &sync.spec).collect();
        store(&db, &config.caller(), &specs, Origin::CommandLine).await?;
        let stored = syncs::find(&db, NAME).await?;
        Ok(Demo { config, folder, url, db, tasks, stored })
    }

    async fn plan(
        &self,
        title: &str,
        confirm_deletes: bool,
        shown: usize,
        output: &Output,
    ) -> Result<Value, Fault> {
        output.headline(title);
        let options = RunOptions { confirm_deletes, ..RunOptions::default() };
        let run = wait::manual_run(&self.stored, RunKind::Plan, &options)?;
        let row = wait::run_to_end(&self.config, &self.db, &run, LeaseConfig::USUAL, output).await?;
        let details = details(&row).unwrap_or_default();
        let plan = json!({ "step": title, "sync": NAME, "plan": details["plan"], "held": details["held"] });
        plan::tell(&plan, shown, output);
        Ok(plan)
    }

    async fn sync(&self, title: &str, confirm_deletes: bool, output: &Output) -> Result<Value, Fault> {
        output.headline(title);
        let options = RunOptions { confirm_deletes, ..RunOptions::default() };
        let run = wait::manual_run(&self.stored, RunKind::Sync, &options)?;
        let row = wait::run_to_end(&self.config, &self.db, &run, LeaseConfig::USUAL, output).await?;
        let open = sync::open_conflicts(&self.db, self.stored.id).await?;
        let mut step = sync::document(&self.db, None, row, open).await?;
        // With `--json` there is one document at the end.
        if !output.is_json() {
            sync::tell(&step, output);
        }
        step["step"] = json!(title);
        Ok(step)
    }

    /// Edits, adds and deletes items on both sides, one of them in conflict. Returns the edits in words.
    async fn edit_both_sides(&self) -> Result<Vec<String>, Fault> {
        let file = self.folder.join("backlog.csv");
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(&file, backlog::edited_csv(&text))?;
        self.tasks.execute_unprepared(backlog::EDITS).await?;
        Ok(backlog::EDITS_TOLD.iter().map(|line| (*line).to_owned()).collect())
    }

    /// The commands to try next.
    fn next(&self, conflict: Option<i64>) -> Vec<String> {
        let program = program();
        let mut next = vec![format!("export DATABASE_URL={}", self.url)];
        if let Some(id) = conflict {
            next.push(format!("{program} conflicts resolve {id} --side source  # resolve the conflict"));
        }
        next.push(format!("{program} runs  # what ran"));
        next.push(format!("{program} history T-101  # what was changed in one item"));
        next.push(format!("{program} stats --json  # the numbers, for programs"));
        next.push(format!("$EDITOR {}/backlog.csv && {program} sync {NAME}", self.folder.display()));
        next.push(format!("{program} up  # API, worker and schedules on 127.0.0.1:8080"));
        next.push(format!("rm -r {}  # when you are done", self.folder.display()));
        next
    }
}

async fn open_tasks(folder: &Path) -> Result<DatabaseConnection, Fault> {
    let url = format!("sqlite://{}?mode=rwc", folder.join("tasks.db").display());
    Ok(Database::connect(sea_orm::ConnectOptions::new(url).sqlx_logging(false).to_owned()).await?)
}
