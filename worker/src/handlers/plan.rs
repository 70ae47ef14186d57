//! A plan: the changes that a sync would make, computed without making them.

use std::sync::Arc;

use serde_json::{Value, json};
use syncline_engine::{
    Side,
    plan::{Action, ItemPlan},
    spec::{DeletePolicy, SyncSpec},
};
use syncline_entity::{sync_config, types::RunStatus};
use syncline_queue::LeasedJob;
use syncline_runs::{Begun, Ending};
use syncline_upkeep::restore;

use super::{failure::Failure, run::LeaseLeave, sync};
use crate::{environment::Environment, gate::Calls, steps::RunObserver};

/// The most items stored with a plan's run; the counts cover all items.
pub const ITEMS_KEPT: usize = 10_000;
/// The most stored bytes of JSON. In memory they take many times as much.
const BYTES_KEPT: usize = 2 << 20;

pub(super) async fn execute(
    environment: &Environment,
    begun: &Begun,
    leased: &LeasedJob,
    config: &sync_config::Model,
    spec: SyncSpec,
    calls: &Calls,
) -> Result<(), Failure> {
    let leave = LeaseLeave(leased.lease.clone());
    let context = calls.context(&leave, environment.clock.now());
    let open = environment.opener().open(spec, config.revision, &context).await?;
    let observer = Arc::new(RunObserver::default());
    let store = sync::store(environment, begun, config, &open, observer.clone());
    let restored = restore::restored_since(&environment.db, config, environment.clock.now()).await?;
    let parts = sync::Parts { open: &open, calls, store: &store, leave: &leave, observer: &observer };
    let run = sync::run(environment, begun, parts, restored)?;
    let (mut items, mut bytes) = (Vec::new(), 0);
    let report = run
        .preview(&mut |plan| {
            if items.len() < ITEMS_KEPT
                && bytes < BYTES_KEPT
                && let Some(item) = show(plan, &open.spec)
            {
                bytes += item.to_string().len();
                items.push(item);
            }
        })
        .await?;
    let plan = json!({ "counts": report.counts, "items": items });
    let ending = Ending {
        status: RunStatus::Completed,
        outcome: "done",
        error: None,
        dead: None,
        report: Some(&report),
        calls: calls.meter.requests(),
        plan: Some(plan),
        restore_over: None,
    };
    if environment.run_book().end(begun, ending).await? { Ok(()) } else { Err(Failure::LeaseLost) }
}

/// Returns a plan as JSON; `None` for an item that does not change.
pub fn show(plan: &ItemPlan, spec: &SyncSpec) -> Option<Value> {
    let action = match plan.action {
        Action::MarkMissing(side) => missing(side, spec),
        Action::LeaveScope(side) => format!("outside what the {side} lists; left alone until it is back"),
        Action::End(side) => format!("gone from {side}, link ends"),
        Action::AskDeleted(side) => format!("deleted on {side}, edited since: a person decides"),
        _ if plan.ops.is_empty()
            && plan.conflicts.is_empty()
            && plan.problems.is_empty()
            && plan.notes.is_empty() =>
        {
            return None;
        }
        Action::Create(side) if plan.ops.is_empty() && plan.problems.is_empty() => {
            format!("may be on {side} already: a person decides")
        }
        Action::Create(side) => format!("create on {side}"),
        Action::Delete(side) => format!("delete on {side}"),
        Action::Merge | Action::Leave => "update".to_owned(),
    };
    let writes: Vec<Value> = plan
        .ops
        .iter()
        .map(|op| {
            let fields: Vec<Value> = op
                .fields
                .iter()
                .map(|field| {
                    json!({
                        "field": field.field,
                        "before": field.before.to_json(),
                        "after": field.after.to_json(),
                        "rule": field.rule,
                    })
                })
                .collect();
            json!({ "side": op.side, "kind": op.kind, "id": op.id, "fields": fields })
        })
        .collect();
    let conflicts: Vec<Value> = plan
        .conflicts
        .iter()
        .map(|conflict| {
            json!({
                "field": conflict.field,
                "kind": conflict.kind,
                "base": conflict.base.to_json(),
                "source": conflict.values.source.to_json(),
                "target": conflict.values.target.to_json(),
                "winner": conflict.resolution.as_ref().map(|resolution| resolution.winner.as_str()),
                "reason": conflict.resolution.as_ref().map(|resolution| resolution.reason.clone()),
            })
        })
        .collect();
    Some(json!({
        "item": plan.label(),
        "action": action,
        "writes": writes,
        "conflicts": conflicts,
        "problems": plan.problems,
        "notes": plan.notes,
    }))
}

/// Describes the engine's decision if the item is still missing in the next run.
fn missing(side: Side, spec: &SyncSpec) -> String {
    let other = side.other();
    if spec.delete_policy == DeletePolicy::Ignore || !spec.writes(other) {
        format!("missing on {side}; if missing again, the link ends and the item on {other} stays")
    } else {
        format!("missing on {side}; if missing again, deleted on {other}")
    }
}
