//! `/api/v1/people`: who is who on which platform.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use syncline_entity::{project, types::MatchedBy};
use syncline_service::{
    Caller, Error, Unknown, accounts,
    people::{self, Entry, KnownIdentity, KnownPerson},
    syncs::display_name,
};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        Schema,
        schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Type},
    },
};
use uuid::Uuid;

use super::accounts::reach::refused;
use crate::{
    access::By,
    extract::{InPath, JsonBody, StrictQuery, whole},
    json::parse,
    problem::Problem,
    schema::words,
    state::ApiState,
};

/// Of which project. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectQuery {
    /// The project; by default the token's, or `default`.
    #[param(max_length = 255)]
    project: Option<String>,
}

/// Of which project, and in which form. Unknown keys are refused.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    /// The project; by default the token's, or `default`.
    #[param(max_length = 255)]
    project: Option<String>,
    /// `json` if it is left out.
    #[param(schema_with = formats)]
    format: Option<Form>,
}

/// The form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Json,
    Csv,
}

fn formats() -> utoipa::openapi::Schema {
    crate::schema::one_of(["json", "csv"])
}

/// The people of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "project": "default", "people": [{
    "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "name": "Ada Lovelace", "email": "ada@example.com", "identities": [
        { "account": "acme", "id": "583231", "login": "ada", "name": "Ada Lovelace", "email": null, "matched_by": "name" },
    ],
}] })))]
pub struct PersonList {
    pub project: String,
    /// By name.
    pub people: Vec<PersonView>,
}

/// A person and what accounts, files and tables call them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "name": "Ada Lovelace", "email": "ada@example.com", "identities": [],
})))]
pub struct PersonView {
    pub id: Uuid,
    pub name: String,
    pub email: Option<String>,
    pub identities: Vec<IdentityView>,
}

/// What one account, or a text in files and tables, calls a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IdentityView {
    /// None for a text in files and tables.
    pub account: Option<String>,
    /// The platform's id, or the text.
    pub id: String,
    pub login: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    /// How it came to its person.
    #[schema(schema_with = words::<MatchedBy>)]
    pub matched_by: MatchedBy,
}

/// Two identities that are one person.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "person": "acme:ada", "identity": "jira:5b10a2844c20165700ede21g" })))]
pub struct NewMapping {
    /// The project; by default the token's, or `default`.
    pub project: Option<String>,
    /// An identity of the person: `ACCOUNT:LOGIN`, or a text as it stands in files and tables.
    #[schema(min_length = 1, max_length = 1024)]
    pub person: String,
    /// The identity that becomes theirs as well.
    #[schema(min_length = 1, max_length = 1024)]
    pub identity: String,
}

/// An identity that is to be a person of their own.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "identity": "jira:5b10a2844c20165700ede21g" })))]
pub struct Unmapping {
    /// The project; by default the token's, or `default`.
    pub project: Option<String>,
    /// The identity: `ACCOUNT:LOGIN`, or a text as it stands in files and tables.
    #[schema(min_length = 1, max_length = 1024)]
    pub identity: String,
}

/// Whose people to ask for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "account": "acme", "place": "acme/web" })))]
pub struct PeopleOfPlace {
    /// The project; by default the token's, or `default`.
    pub project: Option<String>,
    /// The account, without its project.
    #[schema(min_length = 1, max_length = 100)]
    pub account: String,
    /// A place of the account, as the list of places names it.
    #[schema(min_length = 1, max_length = 1024)]
    pub place: String,
}

/// The people of a place, and what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "found": 3, "new": 1, "changed": 0, "matched_by_email": 1, "matched_by_name": 0 })))]
pub struct SyncedPeople {
    pub found: usize,
    /// Not known before.
    pub new: usize,
    /// With another login, name or e-mail address than before.
    pub changed: usize,
    pub matched_by_email: usize,
    pub matched_by_name: usize,
}

/// The person after a change, and the identities that are people of their own now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({
    "person": { "id": "01a1f933-66bd-7084-846c-c8cc3a4a2c5a", "name": "Ada", "email": null, "identities": [] }, "apart": [],
})))]
pub struct MappedPerson {
    pub person: PersonView,
    pub apart: Vec<IdentityView>,
}

/// People to map, as the export has them.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "people": [{ "name": "Ada Lovelace", "accounts": { "acme": "ada" }, "texts": ["Ada"] }] })))]
pub struct PeopleFile {
    #[schema(value_type = Vec<PersonInFile>)]
    pub people: Vec<Entry>,
}

/// A person in a file. Unknown keys are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "it is the schema of an entry, whose type is the service's")]
struct PersonInFile {
    name: Option<String>,
    email: Option<String>,
    /// Account to login, or to the id where the platform has no logins; several in a list.
    #[schema(schema_with = words_of_accounts)]
    #[serde(default)]
    accounts: BTreeMap<String, Value>,
    /// Texts in files and tables, the one that is written first.
    #[serde(default)]
    texts: Vec<String>,
}

fn words_of_accounts() -> Schema {
    let word = || ObjectBuilder::new().schema_type(Type::String);
    let words = AnyOfBuilder::new().item(word()).item(ArrayBuilder::new().items(word())).build();
    let all = ObjectBuilder::new().schema_type(Type::Object).additional_properties(Some(Schema::from(words)));
    all.build().into()
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(examples(json!({ "people": 1, "identities": 2, "new": 1 })))]
pub struct ImportedPeople {
    pub people: usize,
    pub identities: usize,
    /// Not known before.
    pub new: usize,
}

/// List people
#[utoipa::path(
    get,
    path = "/api/v1/people",
    operation_id = "list_people",
    tag = "people",
    params(ProjectQuery),
    responses((status = 200, description = "The people of the project.", body = PersonList)),
)]
pub(crate) async fn list(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(ProjectQuery { project }): StrictQuery<ProjectQuery>,
) -> Result<Json<PersonList>, Problem> {
    let project = of(&api, &caller, project.as_deref()).await?;
    let people = people::list(&api.db, project.id).await?;
    Ok(Json(PersonList { project: project.key, people: people.iter().map(view).collect() }))
}

/// Show a person
#[utoipa::path(
    get,
    path = "/api/v1/people/{id}",
    operation_id = "show_person",
    tag = "people",
    params(("id" = Uuid, Path, description = "The id of the person."), ProjectQuery),
    responses((status = 200, description = "The person.", body = PersonView)),
)]
pub(crate) async fn show(
    State(api): State<ApiState>,
    By(caller): By,
    InPath(id): InPath<Uuid>,
    StrictQuery(ProjectQuery { project }): StrictQuery<ProjectQuery>,
) -> Result<Json<PersonView>, Problem> {
    let project = of(&api, &caller, project.as_deref()).await?;
    let people = people::list(&api.db, project.id).await?;
    let found = people.iter().map(view).find(|person| person.id == id);
    let unknown = || {
        let message = format!("there is no person {id} in the project {:?}", project.key);
        Error::Unknown { what: Unknown::Person, message }
    };
    Ok(Json(found.ok_or_else(unknown)?))
}

/// Make two identities one person
#[utoipa::path(
    post,
    path = "/api/v1/people/map",
    operation_id = "map_people",
    tag = "people",
    request_body = NewMapping,
    responses((status = 200, description = "The person.", body = MappedPerson)),
)]
pub(crate) async fn map(
    State(api): State<ApiState>,
    By(caller): By,
    JsonBody(asked): JsonBody<NewMapping>,
) -> Result<Json<MappedPerson>, Problem> {
    let project = of(&api, &caller, asked.project.as_deref()).await?;
    let done = people::map(&api.db, &caller, &project.key, &asked.person, &asked.identity).await?;
    Ok(Json(MappedPerson { person: view(&done.person), apart: done.apart.iter().map(identity).collect() }))
}

/// Take an identity out of its person
///
/// It is a person of its own then, and is not matched again by itself.
#[utoipa::path(
    post,
    path = "/api/v1/people/unmap",
    operation_id = "unmap_person",
    tag = "people",
    request_body = Unmapping,
    responses((status = 200, description = "The person that it was taken out of.", body = MappedPerson)),
)]
pub(crate) async fn unmap(
    State(api): State<ApiState>,
    By(caller): By,
    JsonBody(asked): JsonBody<Unmapping>,
) -> Result<Json<MappedPerson>, Problem> {
    let project = of(&api, &caller, asked.project.as_deref()).await?;
    let done = people::unmap(&api.db, &caller, &project.key, &asked.identity).await?;
    Ok(Json(MappedPerson { person: view(&done.person), apart: done.apart.iter().map(identity).collect() }))
}

/// Ask an account for the people of a place, and match them
///
/// They are matched with those who are known by e-mail address, then by a name that only one person has.
#[utoipa::path(
    post,
    path = "/api/v1/people/sync",
    operation_id = "sync_people",
    tag = "people",
    request_body = PeopleOfPlace,
    responses((status = 200, description = "The people of the place are known.", body = SyncedPeople)),
)]
pub(crate) async fn sync(
    State(api): State<ApiState>,
    By(caller): By,
    JsonBody(asked): JsonBody<PeopleOfPlace>,
) -> Result<Json<SyncedPeople>, Problem> {
    let project = of(&api, &caller, asked.project.as_deref()).await?;
    let name = display_name(&project.key, &asked.account);
    let account = accounts::find_seen(&api.db, &caller, &name).await?;
    let account = accounts::saved(&api.db, account).await?;
    let found = (api.platforms.discover)(account.clone(), Some(asked.place)).await.map_err(refused)?;
    let done = people::discovered(&api.db, &caller, &account, &found.people).await?;
    Ok(Json(SyncedPeople {
        found: done.found,
        new: done.new,
        changed: done.changed,
        matched_by_email: done.matched_by_email,
        matched_by_name: done.matched_by_name,
    }))
}

/// Map the people of a file: all of them, or none
#[utoipa::path(
    post,
    path = "/api/v1/people/import",
    operation_id = "import_people",
    tag = "people",
    params(ProjectQuery),
    request_body(content(
        (PeopleFile = "application/json"),
        (String = "text/csv"),
    )),
    responses((status = 200, description = "All are mapped.", body = ImportedPeople)),
)]
pub(crate) async fn import(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(ProjectQuery { project }): StrictQuery<ProjectQuery>,
    request: Request,
) -> Result<Json<ImportedPeople>, Problem> {
    let project = of(&api, &caller, project.as_deref()).await?;
    let (parts, body) = request.into_parts();
    let given = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let entries = match essence.as_str() {
        "application/json" => parse::<PeopleFile>(&whole(&parts.headers, body).await?)?.people,
        "text/csv" => {
            let bytes = whole(&parts.headers, body).await?;
            let text = String::from_utf8(bytes).map_err(|_| {
                let detail = "The body is not text in UTF-8";
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-body", "Invalid body", detail)
            })?;
            people::from_csv(&text)?
        }
        _ => {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
                "The body must be JSON or CSV: send it with content-type: application/json or text/csv",
            ));
        }
    };
    let done = people::import(&api.db, &caller, &project.key, &entries).await?;
    Ok(Json(ImportedPeople { people: done.people, identities: done.identities, new: done.new }))
}

/// Write the people of a project, as `import` reads them
#[utoipa::path(
    get,
    path = "/api/v1/people/export",
    operation_id = "export_people",
    tag = "people",
    params(ExportQuery),
    responses((status = 200, description = "The people.", content(
        (Value = "application/json", example = json!({ "people": [{ "name": "Ada", "accounts": { "acme": "ada" } }] })),
        (String = "text/csv"),
    ))),
)]
pub(crate) async fn export(
    State(api): State<ApiState>,
    By(caller): By,
    StrictQuery(ExportQuery { project, format }): StrictQuery<ExportQuery>,
) -> Result<Response, Problem> {
    let project = of(&api, &caller, project.as_deref()).await?;
    let entries = people::export(&people::list(&api.db, project.id).await?);
    match format {
        None | Some(Form::Json) => Ok(Json(serde_json::json!({ "people": entries })).into_response()),
        Some(Form::Csv) => {
            Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], people::to_csv(&entries)?).into_response())
        }
    }
}

/// The project that is meant, if the caller sees it.
async fn of(api: &ApiState, caller: &Caller, key: Option<&str>) -> Result<project::Model, Problem> {
    let found = match (key, caller.project) {
        (None, Some(own)) => project::Entity::find_by_id(own).one(&api.db).await?,
        (key, _) => project::by_key(&api.db, key.unwrap_or("default")).await?,
    };
    found.filter(|project| caller.sees(project.id)).ok_or_else(|| {
        let message = format!("there is no project {:?}", key.unwrap_or("default"));
        Error::Unknown { what: Unknown::Project, message }.into()
    })
}

/// The view of a person.
pub fn view(person: &KnownPerson) -> PersonView {
    PersonView {
        id: person.identities.first().map(|identity| identity.row.person).unwrap_or_default(),
        name: person.name().to_owned(),
        email: person.email().map(str::to_owned),
        identities: person.identities.iter().map(identity).collect(),
    }
}

fn identity(known: &KnownIdentity) -> IdentityView {
    IdentityView {
        account: known.account.clone(),
        id: known.row.remote_id.clone(),
        login: known.row.login.clone(),
        name: known.row.name.clone(),
        email: known.row.email.clone(),
        matched_by: known.row.matched_by,
    }
}
