//! `syncline projects`: lists and creates projects.

use serde_json::{Value, json};
use syncline_service::projects::{self, KnownProject};

use crate::{
    app,
    cli::{ProjectsAction, ProjectsArgs},
    config::Config,
    fault::{Exit, Fault},
    output::Output,
};

/// Carries out what is asked of projects.
pub(crate) async fn run(config: &Config, args: &ProjectsArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    if let Some(ProjectsAction::Create(args)) = &args.action {
        let project = projects::create(&db, &config.caller(), &args.key, args.name.as_deref()).await?;
        output.data(&as_json(&project));
        output.line(format!("created the project {}", project.row.key));
        return Ok(Exit::Done);
    }
    let all = projects::list(&db, &config.caller()).await?;
    output.data(&json!({ "projects": all.iter().map(as_json).collect::<Vec<_>>() }));
    let line = |project: &KnownProject| {
        let numbers = [project.syncs, project.accounts].map(|number| number.to_string());
        [vec![project.row.key.clone(), project.row.name.clone()], numbers.to_vec()].concat()
    };
    output.table(&["project", "name", "syncs", "accounts"], all.iter().map(line).collect());
    Ok(Exit::Done)
}

fn as_json(project: &KnownProject) -> Value {
    json!({
        "id": project.row.id, "key": project.row.key, "name": project.row.name, "syncs": project.syncs,
        "accounts": project.accounts,
    })
}
