//! `syncline verify`: checks that the audit trail is complete.

use serde_json::json;
use syncline_entity::sync_metadata;
use syncline_service::syncs;
use syncline_worker::store::verify::{BrokenLink, verify_all};

use crate::{
    app,
    cli::VerifyArgs,
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    words,
};

/// Checks the chains of changes and prints the items whose chain is broken.
pub(crate) async fn run(config: &Config, args: &VerifyArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let sync = match &args.sync {
        Some(name) => Some(syncs::find(&db, name).await?.id),
        None => None,
    };
    let verified = verify_all(&db, sync).await?;
    let syncs = syncs::all(&db).await?;
    let sync = |link: &sync_metadata::Model| syncs.get(&link.sync_config_id);
    let as_json = |broken: &BrokenLink| {
        json!({
            "sync": sync(&broken.link).map(|sync| &sync.name),
            "project": sync(&broken.link).map(|sync| &sync.project),
            "item": words::item(&broken.link),
            "entity_id": broken.link.entity_id,
            "external_id": broken.link.external_id,
            "change": broken.seq,
            "reason": broken.reason,
        })
    };
    output.data(&json!({
        "links": verified.links,
        "changes": verified.changes,
        "broken": verified.broken.iter().map(as_json).collect::<Vec<_>>(),
    }));
    for broken in &verified.broken {
        output.line(format!(
            "sync {}, item {}: change {}: {}",
            sync(&broken.link).map(ToString::to_string).unwrap_or_default(),
            words::item(&broken.link),
            broken.seq,
            broken.reason
        ));
    }
    output.line(format!(
        "{} changes of {} items checked, {} broken",
        verified.changes,
        verified.links,
        verified.broken.len()
    ));
    if verified.broken.is_empty() {
        return Ok(Exit::Done);
    }
    output.line(
        "Versions before this one broke a chain when the source refused its half of a merge. Later changes are chained again.",
    );
    Ok(Exit::Failed)
}
