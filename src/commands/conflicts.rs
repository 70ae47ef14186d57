//! `syncline conflicts`: lists, shows and resolves conflicts.

mod resolve;

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use syncline_engine::conflict::Choice;
use syncline_entity::sync_conflict;
use syncline_service::{
    Caller,
    choice::chosen,
    conflicts::{self, ConflictsQuery, FoundConflict},
    scan::Start,
    syncs,
};

use crate::{
    app,
    cli::{ConflictsAction, ConflictsArgs, ConflictsListArgs},
    config::Config,
    fault::{Exit, Fault},
    output::{Output, conflict_kind, shown},
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
    let found = find(db, args).await?;
    output.data(&json!({ "conflicts": found.iter().map(as_json).collect::<Vec<_>>() }));
    tell(&found, output);
    Ok(Exit::Done)
}

/// Prints conflicts as a table.
pub(crate) fn tell(found: &[FoundConflict], output: &Output) {
    if found.is_empty() {
        output.line("no conflicts");
        return;
    }
    let line = |found: &FoundConflict| {
        let conflict = &found.conflict;
        let value = |json: &Option<Value>| shown(&json.clone().unwrap_or_default());
        vec![
            conflict.id.to_string(),
            found.sync.to_string(),
            words::item(&found.link),
            conflict.field.clone().unwrap_or_else(|| "(whole item)".to_owned()),
            conflict_kind(&conflict.conflict_type).to_owned(),
            value(&conflict.base_data),
            value(&conflict.source_data),
            value(&conflict.target_data),
            state(conflict),
        ]
    };
    let head = ["id", "sync", "item", "field", "kind", "base", "source", "target", "state"];
    output.table(&head, found.iter().map(line).collect());
    if let Some(open) = found.iter().find(|found| !found.conflict.resolved) {
        output.line(format!(
            "resolve one: syncline conflicts resolve {} --source (or --target, --base, --value VALUE)",
            open.conflict.id
        ));
    }
}

fn state(conflict: &sync_conflict::Model) -> String {
    match (conflict.resolved, chosen(conflict)) {
        (true, Some(choice)) => format!("resolved: {choice}"),
        (true, None) => "resolved".to_owned(),
        (false, Some(choice)) => format!("{choice} chosen, job waits"),
        (false, None) => "open".to_owned(),
    }
}

/// A conflict as JSON.
pub(crate) fn as_json(found: &FoundConflict) -> Value {
    let conflict = &found.conflict;
    let choice = chosen(conflict);
    let value = match &choice {
        Some(Choice::Value(value)) => value.to_json(),
        _ => Value::Null,
    };
    json!({
        "id": conflict.id,
        "sync": found.sync.name,
        "project": found.sync.project,
        "link": found.link.id,
        "item": words::item(&found.link),
        "entity_id": found.link.entity_id,
        "external_id": found.link.external_id,
        "field": conflict.field,
        "kind": conflict.conflict_type,
        "base": conflict.base_data,
        "source": conflict.source_data,
        "target": conflict.target_data,
        "resolved": conflict.resolved,
        "resolution": choice.as_ref().map(Choice::as_str),
        "value": value,
        "resolved_by": conflict.resolved_by,
        "resolution_strategy": conflict.resolution_strategy,
        "occurrences": conflict.occurrences,
        "created_at": conflict.created_at,
        "resolved_at": conflict.resolved_at,
    })
}

/// Prints one conflict with its complete values.
async fn show(db: &DatabaseConnection, id: i64, output: &Output) -> Result<Exit, Fault> {
    let found = conflicts::get(db, &Caller::person("command line"), id).await?;
    output.data(&as_json(&found));
    let conflict = &found.conflict;
    let field = conflict.field.as_deref().unwrap_or("(whole item)");
    output.line(format!("conflict {id}: sync {}, item {}, {field}", found.sync, words::item(&found.link)));
    output.line(format!(
        "{}, since {} UTC; {}; last looked at by run {}",
        conflict_kind(&conflict.conflict_type),
        words::date(conflict.created_at),
        state(conflict),
        conflict.run_id
    ));
    let values =
        [("base", &conflict.base_data), ("source", &conflict.source_data), ("target", &conflict.target_data)];
    for (name, value) in values {
        let whole = match value {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => "(empty)".to_owned(),
        };
        output.line(format!("{name}: {whole}"));
    }
    Ok(Exit::Done)
}
