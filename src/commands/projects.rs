//! `syncline projects`: lists and creates projects.

use serde_json::{Value, json};
use syncline_api::routes::projects::view;
use syncline_service::projects;

use crate::{
    app,
    cli::{ProjectsAction, ProjectsArgs},
    config::Config,
    fault::{Exit, Fault},
    output::{Output, list, text},
};

/// Carries out what is asked of projects.
pub(crate) async fn run(config: &Config, args: &ProjectsArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    if let Some(ProjectsAction::Create(args)) = &args.action {
        let project = projects::create(&db, &config.caller(), &args.key, args.name.as_deref()).await?;
        tell_created(&json!(view(project)), output);
        return Ok(Exit::Done);
    }
    let all = projects::list(&db, &config.caller()).await?;
    tell(&json!({ "projects": all.into_iter().map(view).collect::<Vec<_>>() }), output);
    Ok(Exit::Done)
}

/// Prints projects.
pub(crate) fn tell(document: &Value, output: &Output) {
    output.data(document);
    let line = |project: &Value| {
        vec![
            text(project, "key"),
            text(project, "name"),
            project["syncs"].to_string(),
            project["accounts"].to_string(),
        ]
    };
    let rows = list(document, "projects").iter().map(line).collect();
    output.table(&["project", "name", "syncs", "accounts"], rows);
}

/// Prints that a project was created.
pub(crate) fn tell_created(project: &Value, output: &Output) {
    output.data(project);
    output.line(format!("created the project {}", text(project, "key")));
}
