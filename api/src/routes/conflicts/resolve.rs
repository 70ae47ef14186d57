//! `POST /api/v1/sync/conflicts/{id}/resolve`.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline_engine::{Side, Value as FieldValue, conflict::Choice, spec::Strategy};
use syncline_service::conflicts::{self, Asked, FieldChoice, choose, decide};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ConflictView, view};
use crate::{
    access::By,
    extract::{InPath, JsonBody},
    prefer::Wait,
    problem::Problem,
    state::ApiState,
};

/// How to decide a conflict: by a strategy, by one choice, or by a choice for each field of its item. Unknown keys are
/// refused.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(
    json!({ "resolution_strategy": "elder_wins" }),
    json!({ "take": "value", "value": "Both", "seen": "9f2c" }),
    json!({ "fields": { "title": { "take": "source" }, "state": { "take": "base" } } }),
))]
pub struct ResolveRequest {
    /// `source_wins`, `target_wins` or `last_write_wins`, or another name of them.
    pub resolution_strategy: Option<String>,
    /// `source`, `target`, `base` or `value`.
    pub take: Option<String>,
    /// With `take` `value`: the value for both sides, in the source's terms; null clears the field.
    pub value: Option<Value>,
    /// A choice for each field of the conflict's item. All of them have open conflicts.
    pub fields: Option<BTreeMap<String, FieldRequest>>,
    /// The `seen` of the conflict. If its values have changed since, the request is refused.
    pub seen: Option<String>,
}

/// How to decide a field. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldRequest {
    /// `source`, `target`, `base` or `value`.
    pub take: String,
    /// With `take` `value`: the value for both sides, in the source's terms; null clears the field.
    pub value: Option<Value>,
    /// The `seen` of the field's conflict.
    pub seen: Option<String>,
}

/// A choice that was stored.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(examples(json!({ "conflicts": [], "runs": ["01a1f933-66bd-7084-846c-c8cc3a4a2c5a"], "links": ["/api/v1/jobs/01a1f933-66bd-7084-846c-c8cc3a4a2c5a"] })))]
pub struct Resolved {
    /// The conflicts that were decided, as they are now.
    pub conflicts: Vec<ConflictView>,
    /// The runs that carry it out.
    pub runs: Vec<Uuid>,
    /// The paths of these runs.
    pub links: Vec<String>,
}

/// Decide a conflict
///
/// The choice is stored, and a run carries it out. It counts for the values that the conflict has now: if a side is edited
/// before the run, the conflict stays open with the new values.
#[utoipa::path(
    post,
    path = "/api/v1/sync/conflicts/{id}/resolve",
    operation_id = "resolve_conflict",
    tag = "conflicts",
    params(("id" = i64, Path, minimum = 1, description = "The id of the conflict."), Wait),
    request_body = ResolveRequest,
    responses(
        (status = 200, description = "The runs are over.", body = Resolved),
        (status = 202, description = "The choice is stored, and a run carries it out.", body = Resolved,
            headers(("Location" = String, description = "The path of the run."))),
    ),
)]
pub(crate) async fn resolve(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<i64>,
    wait: Wait,
    JsonBody(request): JsonBody<ResolveRequest>,
) -> Result<Response, Problem> {
    let decisions = decide(&api.db, &caller, id, &asked(request)?).await?;
    let chosen = choose(&api.db, &api.queue, &decisions, &caller).await?;
    let runs: Vec<Uuid> = chosen.iter().map(|one| one.run).collect();
    let mut over = !runs.is_empty();
    for run in &runs {
        over &= wait.for_end(&api.db, *run).await?;
    }
    let mut conflicts = Vec::new();
    for decision in &decisions {
        conflicts.push(view(&caller, conflicts::get(&api.db, &caller, decision.conflict).await?));
    }
    let links: Vec<String> =
        runs.iter().map(|run| format!("{}/api/v1/jobs/{run}", api.hosts.prefix())).collect();
    let location = links.first().cloned().unwrap_or_default();
    let body = Json(Resolved { conflicts, runs, links });
    Ok(match over {
        true => (wait.applied(), body).into_response(),
        false => (StatusCode::ACCEPTED, [(LOCATION, location)], body).into_response(),
    })
}

fn asked(request: ResolveRequest) -> Result<Asked, Problem> {
    let ResolveRequest { resolution_strategy, take, value, fields, seen } = request;
    match (resolution_strategy, take, fields) {
        (Some(name), None, None) => {
            let strategy: Strategy =
                name.parse().map_err(|error: String| wrong("resolution_strategy", &error))?;
            if value.is_some() {
                return Err(wrong("value", "stands beside resolution_strategy, which takes none"));
            }
            Ok(Asked::Strategy { strategy, seen })
        }
        (None, Some(take), None) => {
            Ok(Asked::Choice(FieldChoice { choice: choice("", &take, value)?, seen }))
        }
        (None, None, Some(fields)) if !fields.is_empty() => {
            if seen.is_some() || value.is_some() {
                let key = if seen.is_some() { "seen" } else { "value" };
                return Err(wrong(key, "stands beside fields; give it for each field"));
            }
            let of = |(field, FieldRequest { take, value, seen }): (String, FieldRequest)| {
                let choice = choice(&format!("fields/{field}/"), &take, value)?;
                Ok((field, FieldChoice { choice, seen }))
            };
            Ok(Asked::Fields(fields.into_iter().map(of).collect::<Result<_, Problem>>()?))
        }
        (None, None, Some(_)) => Err(wrong("fields", "names no field")),
        (None, None, None) => Err(wrong("resolution_strategy", "is missing; give it, or take, or fields")),
        _ => Err(wrong("resolution_strategy", "give one of resolution_strategy, take and fields")),
    }
}

/// A choice; `place` stands before the keys.
fn choice(place: &str, take: &str, value: Option<Value>) -> Result<Choice, Problem> {
    let choice = match (take, Side::parse(take), value) {
        ("value", _, Some(value)) => return Ok(Choice::Value(FieldValue::from_json(&value))),
        // Null is a value: it clears the field.
        ("value", _, None) => return Ok(Choice::Value(FieldValue::Null)),
        (_, _, Some(_)) => {
            return Err(wrong(
                &format!("{place}value"),
                &format!("stands beside take {take:?}, which needs none"),
            ));
        }
        ("base", _, None) => Choice::Base,
        (_, Some(side), None) => Choice::from(side),
        _ => {
            let text = format!("must be one of source, target, base, value, and is {take:?}");
            return Err(wrong(&format!("{place}take"), &text));
        }
    };
    Ok(choice)
}

fn wrong(pointer: &str, detail: &str) -> Problem {
    let told = format!("{}: {detail}", pointer.replace('/', "."));
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body", told)
        .with_pointer(&format!("/{pointer}"), detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Result<Asked, String> {
        asked(serde_json::from_value(body).unwrap()).map_err(|problem| problem.errors[0].field.clone())
    }

    #[test]
    fn one_way_of_deciding_is_asked_for() {
        let strategy = Asked::Strategy { strategy: Strategy::SourceWins, seen: None };
        assert_eq!(read(json!({ "resolution_strategy": "elder_wins" })), Ok(strategy));
        let value = Asked::Choice(FieldChoice {
            choice: Choice::Value(FieldValue::text("x")),
            seen: Some("a".to_owned()),
        });
        assert_eq!(read(json!({ "take": "value", "value": "x", "seen": "a" })), Ok(value));
        assert!(matches!(read(json!({ "fields": { "a": { "take": "remote" } } })), Ok(Asked::Fields(_))));
        for (body, field) in [
            (json!({}), "resolution_strategy"),
            (json!({ "resolution_strategy": "custom" }), "resolution_strategy"),
            (json!({ "resolution_strategy": "elder_wins", "take": "source" }), "resolution_strategy"),
            (json!({ "resolution_strategy": "elder_wins", "value": 1 }), "value"),
            (json!({ "take": "both" }), "take"),
            (json!({ "take": "source", "value": 1 }), "value"),
            (json!({ "fields": {} }), "fields"),
            (json!({ "fields": { "a": { "take": "source" } }, "seen": "x" }), "seen"),
            (json!({ "fields": { "a": { "take": "x" } } }), "fields.a.take"),
        ] {
            assert_eq!(read(body.clone()), Err(field.to_owned()), "{body}");
        }
    }
}
