//! The OpenAPI document: what the handlers say of themselves, and what holds for all of them, which stands here once.

mod problems;
mod required;

use serde_json::json;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, Content, Info, License, OpenApi, OpenApiBuilder, Paths, Ref, RefOr, Required, Schema,
        Server,
        extensions::Extensions,
        header::HeaderBuilder,
        path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
        response::Response,
        schema::{AnyOfBuilder, ObjectBuilder, SchemaType, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
        tag::TagBuilder,
    },
};

use crate::{
    access::Need,
    deprecation::Deprecation,
    problem::{FieldError, Problem},
};

/// The name of the only way to say who one is.
const TOKEN: &str = "token";
/// The name of the parameter of requests that may be repeated.
const KEY: &str = "IdempotencyKey";
/// The operation that takes no such key: its answer is shown once.
const NEVER_REPEATED: &str = "create_token";

/// What the tags of operations stand for.
const TAGS: [(&str, &str); 16] = [
    ("jobs", "Runs of syncs: queued, in progress, and over."),
    ("dead letters", "Runs that were given up."),
    ("operations", "Changes of many things in the background."),
    ("queues", "What waits, and what is paused."),
    ("schedules", "When syncs run by themselves."),
    ("syncs", "The documents that say what is kept in step."),
    ("history", "Runs, and what they changed."),
    ("mappings", "Which item of one side is which of the other."),
    ("conflicts", "Where the two sides disagree."),
    ("events", "What happens, as it happens."),
    ("statistics", "Numbers per sync and in total."),
    ("accounts", "What platforms are reached with."),
    ("people", "Who is who on which platform."),
    ("access", "Projects, tokens, and the log of changes."),
    ("installation", "How the processes and stores are."),
    ("document", "This document."),
];

const ABOUT: &str = "\
Every error is a problem document (RFC 9457); `docs` in it leads to a paragraph about its kind. \
`x-scope` of an operation is the scope that a token needs for it. \
A request that changes something may carry an `Idempotency-Key`: repeated with it, it is carried out once. \
Lists have a `limit`, and a `next_cursor` that is the `cursor` of the next page. \
Times are RFC 3339 in UTC. \
A response has all keys of its schema: one without a value is null. Problems may leave keys out. \
Fields and values of enums may be added at any time: ignore those you do not know.";

/// A document without operations.
pub(crate) fn empty() -> OpenApi {
    let mut components = Components::new();
    components.schemas.insert(Problem::name().into(), Problem::schema());
    components.schemas.insert(FieldError::name().into(), FieldError::schema());
    components.responses = problems::all();
    components.parameters.insert(KEY.to_owned(), key().into());
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token of `syncline tokens create NAME`."))
        .build();
    components.security_schemes.insert(TOKEN.to_owned(), SecurityScheme::Http(token).into());
    let tags = TAGS.map(|(name, told)| TagBuilder::new().name(name).description(Some(told)).build());
    let mut info = Info::new("Syncline", "");
    info.description = Some(ABOUT.to_owned());
    info.license = Some(License::new("MIT OR Apache-2.0"));
    let document = OpenApiBuilder::new().info(info).components(Some(components)).tags(Some(tags));
    document.build()
}

/// A document of a server of this version, whose paths have a prefix.
pub(crate) fn of_server(mut document: OpenApi, version: &str, prefix: &str) -> OpenApi {
    version.clone_into(&mut document.info.version);
    required::in_responses(&mut document);
    document.servers = Some(vec![Server::new(if prefix.is_empty() { "/" } else { prefix })]);
    document
}

/// Adds the operations of a handler.
pub(crate) fn add(
    document: &mut OpenApi,
    schemas: Vec<(String, RefOr<Schema>)>,
    paths: Paths,
    need: Need,
    deprecation: Option<&Deprecation>,
) {
    for (path, mut item) in paths.paths {
        for (method, operation) in operations(&mut item) {
            complete(operation, &method, need);
            if let Some(deprecation) = deprecation {
                deprecate(operation, deprecation);
            }
        }
        match document.paths.paths.get_mut(&path) {
            Some(there) => there.merge_operations(item),
            None => {
                document.paths.paths.insert(path, item);
            }
        }
    }
    let schemas = schemas.into_iter().map(|(name, schema)| (name, any_of(schema)));
    document.components.get_or_insert_default().schemas.extend(schemas);
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (HttpMethod, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [
        (HttpMethod::Get, get),
        (HttpMethod::Put, put),
        (HttpMethod::Post, post),
        (HttpMethod::Delete, delete),
        (HttpMethod::Patch, patch),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Adds what the table knows of an operation: the scope, the key of requests that may be repeated, and the problems
/// that any such operation may answer with.
fn complete(operation: &mut Operation, method: &HttpMethod, need: Need) {
    let scope = need.scope.as_str();
    let mut extensions = Extensions::from_iter([("x-scope", json!(scope))]);
    if need.all_projects {
        extensions.insert("x-all-projects".to_owned(), json!(true));
    }
    operation.extensions.get_or_insert_default().merge(extensions);
    let mut security = vec![SecurityRequirement::new(TOKEN, [scope])];
    if need.open_here {
        security.insert(0, SecurityRequirement::default());
    }
    operation.security = Some(security);
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(Parameter { schema: Some(schema), .. }) = parameter {
            never_null(schema);
        }
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        for content in body.content.values_mut() {
            if let RefOr::T(Content { schema: Some(schema), .. }) = content {
                never_null(schema);
            }
        }
    }
    let changes = *method != HttpMethod::Get;
    if changes && operation.operation_id.as_deref() != Some(NEVER_REPEATED) {
        let key = Ref::new(format!("#/components/parameters/{KEY}"));
        operation.parameters.get_or_insert_default().push(RefOr::Ref(key));
    }
    for status in problems::of(operation, changes) {
        let response = Ref::from_response_name(problems::name(status));
        operation.responses.responses.entry(status.to_string()).or_insert_with(|| response.into());
    }
}

/// A parameter or a body is left out, or has a value.
fn never_null(schema: &mut RefOr<Schema>) {
    let null = SchemaType::Type(Type::Null);
    match schema {
        RefOr::T(Schema::Object(object)) => {
            let SchemaType::Array(types) = &mut object.schema_type else { return };
            types.retain(|kind| *kind != Type::Null);
            if let [only] = types.as_slice() {
                object.schema_type = SchemaType::Type(only.clone());
            }
        }
        RefOr::T(Schema::OneOf(one_of)) => {
            one_of.items.retain(
                |item| !matches!(item, RefOr::T(Schema::Object(object)) if object.schema_type == null),
            );
            if let [only] = one_of.items.as_slice() {
                *schema = only.clone();
            }
        }
        _ => {}
    }
}

/// A value of one of several forms may look like another one of them, too.
fn any_of(schema: RefOr<Schema>) -> RefOr<Schema> {
    let RefOr::T(Schema::OneOf(one_of)) = schema else { return schema };
    let any_of = AnyOfBuilder::new().description(one_of.description).examples(one_of.examples);
    RefOr::T(one_of.items.into_iter().fold(any_of, AnyOfBuilder::item).build().into())
}

fn deprecate(operation: &mut Operation, deprecation: &Deprecation) {
    operation.deprecated = Some(utoipa::openapi::Deprecated::True);
    let told = operation.description.take().map(|told| format!("{told}\n\n")).unwrap_or_default();
    operation.description = Some(told + &deprecation.told());
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(Response { headers, .. }) = response {
            for (name, told) in [
                ("Deprecation", "When it was deprecated, as `@` and seconds since 1970."),
                ("Sunset", "When it may be gone, as a date of HTTP."),
            ] {
                let text = RefOr::T(ObjectBuilder::new().schema_type(Type::String).build().into());
                let header = HeaderBuilder::new().schema(Some(text)).description(Some(told)).build();
                headers.insert(name.to_owned(), header.into());
            }
        }
    }
}

/// A text of this form.
pub(crate) fn text(pattern: &str) -> Schema {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build().into()
}

fn key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "A request that is sent again with its key is carried out once: the answer is the first one's. \
             1 to 255 printable characters, new for each request; a UUID will do.",
        ))
        .schema(Some(text("^[!-~]([ -~]{0,253}[!-~])?$")))
        .build()
}
