//! `syncline audit`: who changed what.

use sea_orm::{DatabaseConnection, DbErr};
use serde_json::{Value, json};
use syncline_api::routes::audit::view;
use syncline_migration::check;
use syncline_service::audit::{self, AuditQuery, Entry};

use crate::{
    app,
    cli::AuditArgs,
    config::Config,
    fault::{Exit, Fault},
    output::{Output, list, moment, text},
    words::date,
};

/// Lists rows of the audit log.
pub(crate) async fn run(config: &Config, args: &AuditArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let asked = AuditQuery {
        actor: args.actor.clone(),
        action: args.action.clone(),
        kind: args.kind.clone(),
        id: args.id.clone(),
        before: args.after,
        limit: args.limit,
    };
    let rows = audit::list(&db, &config.caller(), &asked).await?;
    tell(&json!({ "changes": rows.into_iter().map(view).collect::<Vec<_>>() }), args.limit, output);
    Ok(Exit::Done)
}

/// Prints rows of the audit log, of which at most `limit` were asked for.
pub(crate) fn tell(document: &Value, limit: u64, output: &Output) {
    output.data(document);
    let rows = list(document, "changes");
    if rows.is_empty() {
        output.line("no changes");
        return;
    }
    let line = |row: &Value| {
        let subject = row["subject_id"].as_str().map(|id| format!("{} {id}", text(row, "subject_kind")));
        vec![
            row["id"].to_string(),
            moment(row, "at").map(date).unwrap_or_default(),
            text(row, "actor"),
            text(row, "action"),
            subject.unwrap_or_else(|| text(row, "subject_kind")),
        ]
    };
    output.table(&["number", "time (UTC)", "who", "action", "subject"], rows.iter().map(line).collect());
    if let Some(last) = rows.last().filter(|_| rows.len() as u64 == limit) {
        output.line(format!("older ones: syncline audit --after {}", last["id"]));
    }
}

/// Writes that a command has changed the installation as a whole. The change is done by then, so a log that cannot be written
/// is a warning. A schema may be too old to have a log, or be gone.
pub(super) async fn note(
    config: &Config,
    db: &DatabaseConnection,
    (action, kind): (&str, &str),
    after: Value,
    output: &Output,
) {
    let (before, id, project) = (Value::Null, None, None);
    let written = async {
        if check::has_table(db, "audit_log").await? {
            let entry = Entry { action, kind, id, project, before, after };
            audit::record(db, &config.caller(), entry).await?;
        }
        Ok::<_, DbErr>(())
    };
    if let Err(error) = written.await {
        output.note(&format!("warning: it is done, and could not be written to the audit log: {error}"));
    }
}
