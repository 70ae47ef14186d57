//! `syncline conflicts`: lists, shows and resolves conflicts.

pub(crate) mod resolve;

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_api::routes::conflicts::view;
use syncline_service::{
    Caller,
    conflicts::{self, ConflictsQuery, FoundConflict},
    scan::Start,
    syncs,
};

use crate::{
    app,
    cli::{ConflictsAction, ConflictsArgs, ConflictsListArgs},
    config::Config,
    fault::{Exit, Fault},
    output::{Output, conflict_kind, moment, shown, sync_name, text},
    words,
};

/// Lists, shows or resolves conflicts.
pub(crate) async fn run(config: &Config, args: &ConflictsArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    match &args.action {
        Some(ConflictsAction::Resolve(args)) => resolve::run(config, &db, args, output).await,
        Some(ConflictsAction::Show(args)) => show(&db, args.id, output).await,
        Some(ConflictsAction::List(args)) => list(&db, args, output).await,
        None => list(&db, &args.list, output).await,
    }
}

/// Conflicts, the latest first.
pub(crate) async fn find(
    db: &DatabaseConnection,
    args: &ConflictsListArgs,
) -> Result<Vec<FoundConflict>, Fault> {
    let sync = match &args.sync {
        Some(name) => Some(syncs::find(db, name).await?.id),
        None => None,
    };
    let resolved = (!args.all).then_some(false);
    let mut asked = ConflictsQuery {
        sync,
        resolved,
        filter: args.filter.clone(),
        start: Start::First,
        limit: args.limit,
    };
    let mut found = Vec::new();
    loop {
        asked.limit = args.limit - found.len() as u64;
        // A person at this command sees all projects.
        let page = conflicts::list(db, &Caller::person("command line"), &asked).await?;
        found.extend(page.rows);
        match page.next {
            Some(next) if (found.len() as u64) < args.limit => asked.start = Start::After(next),
            _ => return Ok(found),
        }
    }
}

async fn list(db: &DatabaseConnection, args: &ConflictsListArgs, output: &Output) -> Result<Exit, Fault> {
    let found: Vec<Value> = find(db, args).await?.iter().map(as_json).collect();
    output.data(&json!({ "conflicts": found }));
    tell(&found, output);
    Ok(Exit::Done)
}

/// Prints conflicts as a table.
pub(crate) fn tell(found: &[Value], output: &Output) {
    if found.is_empty() {
        output.line("no conflicts");
        return;
    }
    let line = |conflict: &Value| {
        vec![
            conflict["id"].to_string(),
            sync_name(conflict),
            words::item_of(conflict),
            conflict["field"].as_str().unwrap_or("(whole item)").to_owned(),
            conflict_kind(&text(conflict, "kind")).to_owned(),
            shown(&conflict["base"]),
            shown(&conflict["source"]),
            shown(&conflict["target"]),
            state(conflict),
        ]
    };
    let head = ["id", "sync", "item", "field", "kind", "base", "source", "target", "state"];
    output.table(&head, found.iter().map(line).collect());
    if let Some(open) = found.iter().find(|conflict| conflict["resolved"] == false) {
        output.line(format!(
            "resolve one: syncline conflicts resolve {} --source (or --target, --base, --value VALUE)",
            open["id"]
        ));
    }
}

fn state(conflict: &Value) -> String {
    let choice = conflict["resolution"].as_str();
    match (conflict["resolved"] == true, choice) {
        (true, Some(choice)) => format!("resolved: {choice}"),
        (true, None) => "resolved".to_owned(),
        (false, Some(choice)) => format!("{choice} chosen, job waits"),
        (false, None) => "open".to_owned(),
    }
}

/// A conflict as JSON.
pub(crate) fn as_json(found: &FoundConflict) -> Value {
    json!(view(&Caller::person("command line"), found.clone()))
}

/// Prints one conflict with its complete values.
async fn show(db: &DatabaseConnection, id: i64, output: &Output) -> Result<Exit, Fault> {
    let found = conflicts::get(db, &Caller::person("command line"), id).await?;
    tell_one(&as_json(&found), output);
    Ok(Exit::Done)
}

/// Prints one conflict.
pub(crate) fn tell_one(conflict: &Value, output: &Output) {
    output.data(conflict);
    let field = conflict["field"].as_str().unwrap_or("(whole item)");
    output.line(format!(
        "conflict {}: sync {}, item {}, {field}",
        conflict["id"],
        sync_name(conflict),
        words::item_of(conflict)
    ));
    output.line(format!(
        "{}, since {} UTC; {}; last looked at by run {}",
        conflict_kind(&text(conflict, "kind")),
        moment(conflict, "created_at").map(words::date).unwrap_or_default(),
        state(conflict),
        text(conflict, "run"),
    ));
    for name in ["base", "source", "target"] {
        let whole = match &conflict[name] {
            Value::String(text) => text.clone(),
            Value::Null => "(empty)".to_owned(),
            value => value.to_string(),
        };
        output.line(format!("{name}: {whole}"));
    }
}
