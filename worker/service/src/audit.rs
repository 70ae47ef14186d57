//! The audit log: one row for each change that a person or a program asked for.
//!
//! A call that changes several subjects writes a row for each; they share the request id. Where the change is a
//! transaction, its rows are part of it. Values of fields and secrets are never written here: the former are in
//! `sync_changes`.

use chrono::{SubsecRound, Utc};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::{Map, Value};
use syncline_entity::audit_log;

use crate::{
    Caller,
    filter::rows::Condition,
    history::Page,
    scan::{Ids, Scan, Start},
};

/// A change.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// For example `account.rotate`.
    pub action: &'a str,
    /// For example `account`.
    pub kind: &'a str,
    /// The id or name of the subject, if there are several of the kind.
    pub id: Option<String>,
    pub project: Option<i64>,
    /// Null if there was nothing before.
    pub before: Value,
    /// Null if there is nothing any more.
    pub after: Value,
}

/// Writes a row.
pub async fn record(db: &impl ConnectionTrait, caller: &Caller, entry: Entry<'_>) -> Result<(), DbErr> {
    row(caller, entry).insert(db).await.map(|_| ())
}

/// A row for a function that writes it in the transaction of the change.
pub fn row(caller: &Caller, entry: Entry<'_>) -> audit_log::ActiveModel {
    let mut details = Map::from_iter([("from".to_owned(), Value::from(caller.from.as_str()))]);
    for (name, value) in [("before", entry.before), ("after", entry.after)] {
        if !value.is_null() {
            details.insert(name.to_owned(), value);
        }
    }
    audit_log::ActiveModel {
        project_id: Set(entry.project),
        at: Set(Utc::now().trunc_subsecs(6)),
        actor: Set(caller.actor.clone()),
        action: Set(entry.action.to_owned()),
        subject_kind: Set(entry.kind.to_owned()),
        subject_id: Set(entry.id),
        details: Set(Some(Value::Object(details))),
        request_id: Set(Some(caller.request_id.clone())),
        ..Default::default()
    }
}

/// Selects rows of the log.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    pub actor: Option<String>,
    pub action: Option<String>,
    pub kind: Option<String>,
    pub id: Option<String>,
    /// Only rows with smaller ids: the last one of the page before.
    pub before: Option<i64>,
    pub limit: u64,
}

/// The rows that a caller may see, the latest first.
pub async fn list(
    db: &impl ConnectionTrait,
    caller: &Caller,
    asked: &AuditQuery,
) -> Result<Vec<audit_log::Model>, DbErr> {
    use audit_log::Column;
    let mut query = audit_log::Entity::find().order_by_desc(Column::Id).limit(asked.limit);
    if let Some(project) = caller.project {
        query = query.filter(Column::ProjectId.eq(project));
    }
    let texts = [
        (Column::Actor, &asked.actor),
        (Column::Action, &asked.action),
        (Column::SubjectKind, &asked.kind),
        (Column::SubjectId, &asked.id),
    ];
    for (column, text) in texts {
        if let Some(text) = text {
            query = query.filter(column.eq(text));
        }
    }
    if let Some(before) = asked.before {
        query = query.filter(Column::Id.lt(before));
    }
    query.all(db).await
}

/// The same for callers who wait: an actor or an action that no index selects is looked for in a window of rows, so a page
/// may have fewer rows than its limit, and still a next one.
pub async fn page(
    db: &DatabaseConnection,
    caller: &Caller,
    asked: &AuditQuery,
) -> Result<Page<audit_log::Model>, DbErr> {
    let (mut narrow, mut also) = (Condition::default(), Condition::default());
    if let Some(project) = caller.project {
        narrow.and(Condition::of("project_id = ?", [project.into()]));
    }
    if let Some(kind) = &asked.kind {
        narrow.and(Condition::of("subject_kind = ?", [kind.as_str().into()]));
    }
    if let Some(id) = &asked.id {
        // The index has the kind before the id.
        let place = if asked.kind.is_some() { &mut narrow } else { &mut also };
        place.and(Condition::of("subject_id = ?", [id.as_str().into()]));
    }
    for (column, text) in [("actor", &asked.actor), ("action", &asked.action)] {
        if let Some(text) = text {
            also.and(Condition::of(format!("{column} = ?"), [text.as_str().into()]));
        }
    }
    let scan = Scan {
        from: "audit_log",
        columns: &["actor", "action", "subject_id"],
        join: None,
        falling: true,
        narrow,
        branches: &[],
        also,
        start: asked.before.map_or(Start::First, Start::After),
        limit: asked.limit,
    };
    let Ids { ids, next } = scan.ids(db).await?;
    let rows = audit_log::Entity::find()
        .filter(audit_log::Column::Id.is_in(ids))
        .order_by_desc(audit_log::Column::Id)
        .all(db)
        .await?;
    Ok(Page { rows, next })
}
