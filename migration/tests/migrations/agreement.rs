//! Compares the entities with the real schema, as read from the database.

use rstest::rstest;
use sea_orm::sea_query::DynIden;
use sea_orm::{
    ActiveEnum, ColumnTrait, ColumnType, EntityTrait, IdenStatic, Identity, Iterable, PrimaryKeyToColumn,
    RelationTrait,
};
use syncline_entity::*;

use crate::schema::{self, Column, Kind, Table};
use crate::support::{On, Postgres, Sqlite, migrated};

/// An entity's description of its table.
struct Said {
    table: String,
    columns: Vec<(Column, bool)>,
    key: Vec<String>,
    /// Column, table, column of the table, and true if there is no foreign key.
    references: Vec<(String, String, String, bool)>,
}

macro_rules! entities {
    ($($module:ident),+ $(,)?) => {
        fn entities() -> Vec<Said> {
            vec![$(said::<$module::Entity>()),+]
        }
    };
}

entities!(
    account,
    alert,
    api_token,
    approval,
    audit_log,
    circuit_breaker,
    dead_letter_count,
    event,
    idempotency_key,
    installation,
    job,
    job_result,
    job_unique_window,
    maintenance_task,
    operation,
    pause,
    person_identity,
    project,
    rate_bucket,
    schedule,
    status_history,
    sync_attempt,
    sync_change,
    sync_change_checkpoint,
    sync_config,
    sync_config_revision,
    sync_conflict,
    sync_conflict_count,
    sync_cursor,
    sync_history,
    sync_link_count,
    sync_metadata,
    sync_stats,
    sync_text,
    webhook_delivery,
    worker,
);

/// The values of columns with a closed set. The type of the model's field decides, so that no set is confused with
/// another.
macro_rules! closed_sets {
    ($($module:ident . $column:ident $(? $nullable:tt)?),+ $(,)?) => {
        fn closed_sets() -> Vec<(String, &'static str, Vec<String>)> {
            vec![$(closed_sets!(@one $module $column $($nullable)?)),+]
        }
    };
    (@one $module:ident $column:ident) => {
        (table::<$module::Entity>(), stringify!($column), values(|model: &$module::Model| Some(model.$column)))
    };
    (@one $module:ident $column:ident null) => {
        (table::<$module::Entity>(), stringify!($column), values(|model: &$module::Model| model.$column))
    };
}

closed_sets!(
    alert.level,
    job.state,
    job.unique_rule,
    pause.scope,
    operation.action,
    operation.state,
    person_identity.matched_by,
    schedule.kind,
    status_history.side,
    sync_change.side,
    sync_change.state,
    sync_config.direction,
    sync_config.managed_by,
    sync_conflict.resolution ?null,
    sync_cursor.side,
    sync_history.kind,
    sync_history.status,
    sync_history.sync_type,
    sync_metadata.deleted_side ?null,
    sync_metadata.intent_kind ?null,
    sync_metadata.intent_side ?null,
    sync_metadata.link_state,
    sync_metadata.missing_side ?null,
    sync_metadata.sync_direction,
    sync_metadata.sync_method ?null,
    sync_metadata.sync_status,
    sync_stats.span,
    webhook_delivery.status,
);

fn table<E: EntityTrait>() -> String {
    E::default().table_name().to_owned()
}

fn values<M, T>(_: impl Fn(&M) -> Option<T>) -> Vec<String>
where
    T: ActiveEnum<Value = String> + Iterable,
{
    let mut values: Vec<String> = T::iter().map(|value| value.to_value()).collect();
    values.sort();
    values
}

fn said<E: EntityTrait>() -> Said {
    let key: Vec<String> =
        E::PrimaryKey::iter().map(|column| column.into_column().as_str().to_owned()).collect();
    let columns = E::Column::iter().map(|column| {
        let definition = column.def();
        let column = Column {
            name: column.as_str().to_owned(),
            kind: kind(definition.get_column_type()),
            nullable: definition.is_null(),
            filled: false,
            counted: false,
        };
        (column, definition.is_unique())
    });
    let relations = E::Relation::iter().map(|relation| relation.def()).filter(|relation| !relation.is_owner);
    let references = relations.map(|relation| {
        (
            one(&relation.from_col),
            relation.to_tbl.sea_orm_table().to_string(),
            one(&relation.to_col),
            relation.skip_fk,
        )
    });
    Said { table: table::<E>(), columns: columns.collect(), key, references: references.collect() }
}

fn one(identity: &Identity) -> String {
    identity.iter().map(DynIden::to_string).collect::<Vec<_>>().join(",")
}

fn kind(declared: &ColumnType) -> Kind {
    match declared {
        ColumnType::Boolean => Kind::Bool,
        ColumnType::SmallInteger => Kind::Small,
        ColumnType::Integer => Kind::Int,
        ColumnType::BigInteger => Kind::Big,
        ColumnType::Double => Kind::Float,
        ColumnType::String(_) | ColumnType::Text => Kind::Text,
        ColumnType::Binary(_) | ColumnType::VarBinary(_) | ColumnType::Blob => Kind::Bytes,
        ColumnType::TimestampWithTimeZone => Kind::Time,
        ColumnType::Json | ColumnType::JsonBinary => Kind::Json,
        ColumnType::Uuid => Kind::Uuid,
        other => Kind::Other(format!("{other:?}")),
    }
}

#[rstest]
#[tokio::test]
async fn each_table_has_an_entity_and_each_entity_a_table(#[values(Sqlite, Postgres)] on: On) {
    let test = migrated(on).await;
    let tables: Vec<String> = schema::tables(&test).await.into_iter().map(|table| table.name).collect();
    let mut entities: Vec<String> = entities().into_iter().map(|said| said.table).collect();
    entities.sort();
    assert_eq!(entities, tables, "on the left the list in migration/tests/migrations/agreement.rs");
}

#[rstest]
#[tokio::test]
async fn entities_match_the_schema(#[values(Sqlite, Postgres)] on: On) {
    let test = migrated(on).await;
    let tables = schema::tables(&test).await;
    let mut differences = Vec::new();
    for said in entities() {
        let Some(table) = tables.iter().find(|table| table.name == said.table) else {
            continue;
        };
        let mut compare = |what: &str, entity: Vec<String>, schema: Vec<String>| {
            let (mut entity, mut schema) = (entity, schema);
            entity.sort();
            schema.sort();
            if entity != schema {
                differences.push(format!(
                    "{}, {what}: the entity says {entity:#?}, the schema {schema:#?}",
                    said.table
                ));
            }
        };
        let column = |column: &Column| {
            let kind = if on == Sqlite && column.kind == Kind::Int { &Kind::Big } else { &column.kind };
            format!("{} {kind:?} null: {}", column.name, column.nullable)
        };
        compare(
            "columns",
            said.columns.iter().map(|(said, _)| column(said)).collect(),
            table.columns.iter().map(column).collect(),
        );
        compare("primary key", said.key.clone(), table.key.clone());
        compare("columns that are unique alone", unique_said(&said), unique_alone(table));
        compare(
            "foreign keys",
            said.references
                .iter()
                .filter(|reference| !reference.3)
                .map(|(column, table, key, _)| format!("{column} to {table}.{key}"))
                .collect(),
            table
                .references
                .iter()
                .map(|to| format!("{} to {}.{}", to.column, to.to_table, to.to_column))
                .collect(),
        );
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn unique_said(said: &Said) -> Vec<String> {
    let unique = said.columns.iter().filter(|(_, unique)| *unique);
    unique.map(|(column, _)| column.name.clone()).collect()
}

fn unique_alone(table: &Table) -> Vec<String> {
    let alone = table.indexes.iter().filter(|index| index.unique && index.condition.is_none());
    alone.filter(|index| index.columns.len() == 1).map(|index| index.columns.concat()).collect()
}

/// Both ways: each set in a CHECK is that of the entity's type, and each such type has a CHECK.
#[rstest]
#[tokio::test]
async fn closed_sets_are_those_of_the_entities(#[values(Sqlite, Postgres)] on: On) {
    let test = migrated(on).await;
    let mut real = Vec::new();
    for table in schema::tables(&test).await {
        for check in table.checks.into_iter().filter(|check| !check.values.is_empty()) {
            let mut values = check.values;
            values.sort();
            real.push((table.name.clone(), check.columns.join(","), values));
        }
    }
    let mut said: Vec<(String, String, Vec<String>)> =
        closed_sets().into_iter().map(|(table, column, values)| (table, column.to_owned(), values)).collect();
    said.sort();
    real.sort();
    assert_eq!(said, real, "on the left the list in migration/tests/migrations/agreement.rs");
}

/// PostgreSQL reports the name of a foreign key; SQLite does not.
#[tokio::test]
async fn foreign_keys_are_named_after_table_and_column() {
    let test = migrated(Postgres).await;
    for table in schema::tables(&test).await {
        for reference in table.references {
            let name = format!("fk_{}_{}", table.name, reference.column);
            assert_eq!(reference.name, Some(name), "{}.{}", table.name, reference.column);
        }
    }
}

#[tokio::test]
async fn both_databases_have_the_same_schema() {
    let [mut sqlite, mut postgres] =
        [schema::tables(&migrated(Sqlite).await).await, schema::tables(&migrated(Postgres).await).await];
    for table in sqlite.iter_mut().chain(&mut postgres) {
        for column in table.columns.iter_mut().filter(|column| column.kind == Kind::Int) {
            column.kind = Kind::Big;
        }
        for reference in &mut table.references {
            reference.name = None;
        }
        for check in &mut table.checks {
            check.told_as = String::new();
        }
        for index in &mut table.indexes {
            index.columns.iter_mut().for_each(|column| *column = schema::squashed(column));
            index.condition = index.condition.as_deref().map(schema::squashed);
        }
        table.indexes.sort_by_key(schema::Index::told);
    }
    for (sqlite, postgres) in sqlite.iter().zip(&postgres) {
        assert_eq!(sqlite, postgres);
    }
    assert_eq!(sqlite.len(), postgres.len());
}
