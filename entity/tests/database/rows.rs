//! Complete rows are inserted into every table and read back unchanged.

mod configuration;
mod links;
mod requests;
mod runs;
mod work;

use std::fmt::Debug;

use rstest::rstest;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, EntityName, EntityTrait, IntoActiveModel,
    Iterable, ModelTrait, Statement, TryIntoModel, Value,
    prelude::{Json, Uuid},
};
use serde_json::json;

use crate::stage::{On, Stage};

/// How many of a row's columns are set.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// A value in every column.
    Full,
    /// Null wherever the entity allows it.
    Bare,
}

/// Inserts a row and reads it back unchanged. `otherwise` are columns that a constraint ties to others: they stay as
/// given.
async fn comes_back<M, A>(
    stage: &Stage,
    kind: Kind,
    model: M,
    otherwise: &[<M::Entity as EntityTrait>::Column],
) where
    M: ModelTrait + IntoActiveModel<A> + PartialEq + Debug,
    M::Entity: EntityTrait<Model = M, ActiveModel = A>,
    A: ActiveModelTrait<Entity = M::Entity> + TryIntoModel<M> + Clone + Send,
{
    let table = M::Entity::default().table_name().to_owned();
    let mut row = model.into_active_model().reset_all();
    for column in <M::Entity as EntityTrait>::Column::iter() {
        if otherwise.iter().any(|other| format!("{other:?}") == format!("{column:?}")) {
            continue;
        }
        let value: Value = row.get(column).into_value().expect("a value");
        assert_ne!(value, value.as_null(), "{table}.{column:?} has no value in the full row");
        if kind == Kind::Bare && column.def().is_null() {
            row.set(column, value.as_null());
        }
    }
    let sent = row.clone().try_into_model().unwrap();
    M::Entity::insert(row)
        .exec_without_returning(&stage.db)
        .await
        .unwrap_or_else(|error| panic!("{table}: {error}"));
    let found = stage.all::<M::Entity>().await;
    assert!(found.contains(&sent), "{table}: {sent:#?} came back as {found:#?}");
}

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_a1b2_c3d4_7e5f_8a9b_0c1d_2e3f_0000 + number)
}

fn text(words: &str) -> Option<String> {
    Some(words.to_owned())
}

/// JSON that a wrong column type would change.
fn odd() -> Json {
    json!({ "text": "Größe \"M\" \u{1F600}\n", "exact": 9_007_199_254_740_993_i64, "half": -0.5, "none": null, "list": [[], {}] })
}

#[rstest]
#[tokio::test]
async fn every_row_comes_back(
    #[values(On::Sqlite, On::Postgres)] on: On,
    #[values(Kind::Full, Kind::Bare)] kind: Kind,
) {
    let stage = on.stage().await;
    configuration::configuration(&stage, kind).await;
    links::links(&stage, kind).await;
    runs::runs(&stage, kind).await;
    work::work(&stage, kind).await;
    requests::requests(&stage, kind).await;
    no_table_was_forgotten(&stage).await;
}

async fn no_table_was_forgotten(stage: &Stage) {
    let tables = match stage.db.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        }
        _ => "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema()",
    };
    let ask = async |sql: String| {
        stage.db.query_all_raw(Statement::from_string(stage.db.get_database_backend(), sql)).await.unwrap()
    };
    let tables = ask(tables.to_owned()).await;
    assert!(tables.len() > 20, "only {} tables were found", tables.len());
    for table in tables {
        let table: String = table.try_get("", "name").unwrap();
        let rows = ask(format!("SELECT 1 FROM {table} LIMIT 1")).await;
        assert!(!rows.is_empty(), "{table} has no row: add its entity to this test");
    }
}
