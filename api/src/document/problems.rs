//! The problems that any operation may answer with, by status.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::{
    ToSchema,
    openapi::{
        Content, Ref, RefOr, Response,
        header::HeaderBuilder,
        path::{Operation, Parameter, ParameterIn},
        response::ResponseBuilder,
        schema::{ObjectBuilder, Type},
    },
};

use crate::problem::Problem;

/// The name of a response, its status, what it means, and the kind, title and detail of an example.
type Common = (&'static str, u16, &'static str, [&'static str; 3]);

const COMMON: [Common; 13] = [
    (
        "BadRequest",
        400,
        "The request has the wrong form.",
        ["invalid-query", "Invalid query", "limit: not between 1 and 1000"],
    ),
    (
        "Unauthenticated",
        401,
        "The token is missing, wrong, expired or revoked.",
        ["unauthenticated", "Unauthenticated", "This needs a token that is valid"],
    ),
    (
        "Forbidden",
        403,
        "The token lacks the scope, or is for one project; or another site's page asks.",
        ["missing-scope", "Missing scope", "This needs a token with the scope operate; this one has: read"],
    ),
    (
        "NotFound",
        404,
        "There is no such thing, or the token does not see it.",
        ["unknown-sync", "Unknown sync", "There is no sync \"tasks\" in the project \"default\""],
    ),
    (
        "BodyTimeout",
        408,
        "The body did not arrive in time.",
        ["body-timeout", "Request timeout", "The body did not arrive within 10 seconds"],
    ),
    (
        "Conflict",
        409,
        "It cannot be done as things are now.",
        ["sync-paused", "Sync paused", "The sync \"tasks\" is paused since 12:00 by mia: moving"],
    ),
    (
        "ChangedSince",
        412,
        "It was changed since it was read.",
        ["changed-since", "Changed since", "It was changed since you read it: read it again"],
    ),
    (
        "BodyTooLarge",
        413,
        "The body is too large.",
        ["body-too-large", "Body too large", "The body must not exceed 1048576 bytes"],
    ),
    (
        "UnsupportedMediaType",
        415,
        "The body has a media type that the route does not take.",
        ["unsupported-media-type", "Unsupported media type", "The body must be JSON"],
    ),
    (
        "ForeignHost",
        421,
        "The request is addressed to another host.",
        ["foreign-host", "Foreign host", "This server does not answer for \"example.com\""],
    ),
    (
        "Invalid",
        422,
        "The request can be read, and is not what the route takes.",
        ["invalid-body", "Invalid body", "ful: unknown key (did you mean \"full\"?)"],
    ),
    (
        "TooMany",
        429,
        "Too many requests, or a queue that is full.",
        ["rate-limited", "Rate limited", "The token has made too many requests; try again in 1 s"],
    ),
    (
        "Unavailable",
        503,
        "A store does not answer, or the server is busy.",
        ["database-unavailable", "Database unavailable", "The database could not be asked; try again later"],
    ),
];

/// The only one whose cause is on the side of the server.
const INTERNAL: Common = (
    "Internal",
    500,
    "Something went wrong on this side.",
    ["internal", "Internal error", "Something went wrong on this side. The log says more under an id"],
);

/// The statuses that an operation may have beside its own.
pub(super) fn of(operation: &Operation, changes: bool) -> Vec<u16> {
    let has = |place: ParameterIn, name: Option<&str>| {
        operation.parameters.iter().flatten().any(|parameter| {
            matches!(parameter, RefOr::T(Parameter { name: own, parameter_in, .. })
                if *parameter_in == place && name.is_none_or(|name| name == own))
        })
    };
    let (body, query) = (operation.request_body.is_some(), has(ParameterIn::Query, None));
    let mut statuses = vec![400, 401, 403, 421, 429, 500, 503];
    if has(ParameterIn::Path, None) || body || query {
        statuses.push(404);
    }
    if changes {
        // Any of them may have a body, which is read for the key of a repeated request.
        statuses.extend([408, 409, 413, 422]);
    } else if query {
        statuses.push(422);
    }
    if body {
        statuses.push(415);
    }
    if has(ParameterIn::Header, Some("If-Match")) {
        statuses.push(412);
    }
    statuses
}

/// The name of the response of a status that [`of`] returns.
pub(super) fn name(status: u16) -> &'static str {
    COMMON.iter().find(|common| common.1 == status).unwrap_or(&INTERNAL).0
}

/// All of them, by name.
pub(super) fn all() -> BTreeMap<String, RefOr<Response>> {
    COMMON.iter().chain([&INTERNAL]).map(|common| (common.0.to_owned(), response(common).into())).collect()
}

fn response((_, status, told, [kind, title, detail]): &Common) -> Response {
    let mut example = json!({
        "type": format!("urn:syncline:problem:{kind}"),
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a",
        "docs": format!("/docs/problems#{kind}"),
    });
    let mut response = ResponseBuilder::new().description(*told);
    let header = |kind, told: &'static str| {
        let schema = RefOr::T(ObjectBuilder::new().schema_type(kind).build().into());
        HeaderBuilder::new().schema(Some(schema)).description(Some(told)).build()
    };
    match status {
        401 => response = response.header("WWW-Authenticate", header(Type::String, "`Bearer`.")),
        429 | 503 => {
            example["retry_after"] = json!(1);
            let told = "Seconds until it is worthwhile to try again.";
            response = response.header("Retry-After", header(Type::Integer, told));
        }
        _ => {}
    }
    let mut content = Content::new(Some(Ref::from_schema_name(Problem::name())));
    content.example = Some(example);
    response.content("application/problem+json", content).build()
}
