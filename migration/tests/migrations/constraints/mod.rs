//! Tests of the constraints: a test per constraint, and one that finds constraints without a test.

mod cases;

use sea_orm::{ConnectionTrait, DatabaseTransaction, TransactionTrait};
use syncline_support::postgres;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::rows::{Full, Row, Sparse, fill, insert, row};
use crate::schema::{self, Table, squashed};
use crate::support::{On, TestDatabase, at, migrated, names, sqlite, values};

/// Changes to a row, as SQL literals by column.
type Changes = &'static [(&'static str, &'static str)];

/// A constraint of one table, and how it is tested.
#[derive(Clone, Copy)]
struct Case {
    table: &'static str,
    refuses: Refuses,
}

#[derive(Clone, Copy)]
enum Refuses {
    /// A CHECK of one column: a refused value, and all accepted ones.
    Value { column: &'static str, wrong: &'static str, right: &'static [&'static str] },
    /// A CHECK of several columns: refused changes, and accepted changes.
    Contradiction { columns: &'static [&'static str], wrong: Changes, right: Changes },
    /// A unique key: two rows with equal values. Both get `with`, if a row has a null or is outside the key's
    /// condition; a second row with `room` is accepted.
    Twin { columns: &'static [&'static str], with: Changes, room: Changes },
    /// A foreign key: a value that no row has; and what happens to the row when its parent is deleted.
    Stray { column: &'static str, parent_goes: ParentGoes },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum ParentGoes {
    NotWhileReferred,
    WithIt,
    LeavingNull,
}

/// Generates a test on both databases for each case, and the list of all cases.
macro_rules! constraints {
    ($($name:ident: $table:literal $refuses:expr;)+) => {
        pub(super) const ALL: &[Case] = &[$(Case { table: $table, refuses: $refuses },)+];
        $(
            #[rstest::rstest]
            #[tokio::test]
            async fn $name(#[values(On::Sqlite, On::Postgres)] on: On) {
                check(on, Case { table: $table, refuses: $refuses }).await;
            }
        )+
    };
}
use constraints;

static FILLED_SQLITE: OnceCell<Vec<u8>> = OnceCell::const_new();
static FILLED_POSTGRES: OnceCell<String> = OnceCell::const_new();
static TURN: Mutex<()> = Mutex::const_new(());

/// Returns a database with rows in every table that another refers to. PostgreSQL takes longer to set up, so all cases
/// share one: they take turns, and each reverts its changes.
async fn filled(on: On) -> (TestDatabase, Option<MutexGuard<'static, ()>>) {
    if on == On::Sqlite {
        let prepare = || async {
            let test = migrated(on).await;
            fill_parents(&test).await;
            test.into_bytes().await
        };
        return (sqlite(FILLED_SQLITE.get_or_init(prepare).await).await, None);
    }
    let turn = TURN.lock().await;
    let prepare = || async {
        let url = postgres::Database::create().await.unwrap().url();
        let test = at(url.clone()).await;
        test.steps_up(names().len()).await;
        fill_parents(&test).await;
        url
    };
    (at(FILLED_POSTGRES.get_or_init(prepare).await.clone()).await, Some(turn))
}

/// Rows without references to them would only collide with those that a case inserts.
async fn fill_parents(test: &TestDatabase) {
    fill(test, 1).await;
    let tables = schema::tables(test).await;
    let referred = |name: &str| {
        tables.iter().any(|table| table.references.iter().any(|reference| reference.to_table == name))
    };
    for table in tables.iter().filter(|table| !referred(&table.name)) {
        test.run(&format!("DELETE FROM {}", table.name)).await;
    }
}

async fn check(on: On, case: Case) {
    let (test, _turn) = filled(on).await;
    let tables = schema::tables(&test).await;
    let table = tables.iter().find(|table| table.name == case.table).expect(case.table);
    let db = test.db.begin().await.unwrap();
    let [first, second] = [row(&test, table, Sparse, 500).await, row(&test, table, Sparse, 501).await];
    match case.refuses {
        Refuses::Value { column, wrong, right } => {
            let why = told(table, &[column]);
            refused(&db, table, changed(&first, &[(column, wrong)]), &why).await;
            for value in right {
                let savepoint = db.begin().await.unwrap();
                accepted(&savepoint, table, changed(&first, &[(column, value)])).await;
                savepoint.rollback().await.unwrap();
            }
        }
        Refuses::Contradiction { columns, wrong, right } => {
            refused(&db, table, changed(&first, wrong), &told(table, columns)).await;
            accepted(&db, table, changed(&first, right)).await;
        }
        Refuses::Twin { columns, with, room } => {
            let first = changed(&first, with);
            let mut second = changed(&second, with);
            // An expression like `coalesce(field, '')` counts as the column inside it.
            for (column, value) in &first {
                if columns.iter().any(|part| squashed(part).contains(&squashed(column))) {
                    second.insert(column.clone(), value.clone());
                }
            }
            accepted(&db, table, first).await;
            refused(&db, table, second.clone(), &twin(&test, table, columns)).await;
            accepted(&db, table, changed(&second, room)).await;
        }
        Refuses::Stray { column, parent_goes } => stray(&test, &db, table, column, parent_goes).await,
    }
    db.rollback().await.unwrap();
}

async fn stray(
    test: &TestDatabase,
    db: &DatabaseTransaction,
    table: &Table,
    column: &str,
    parent_goes: ParentGoes,
) {
    let reference = table.references.iter().find(|reference| reference.column == column).expect(column);
    let missing = match table.column(column).kind {
        schema::Kind::Uuid => {
            test.pick("X'00000000000000000000000000000000'", "'00000000000000000000000000000000'")
        }
        schema::Kind::Text => "'nobody'",
        _ => "-1",
    };
    let full = row(test, table, Full, 500).await;
    let why = test.pick("FOREIGN KEY constraint failed".to_owned(), format!("fk_{}_{column}", table.name));
    refused(db, table, changed(&full, &[(column, missing)]), &why).await;

    // A parent to which only this row refers.
    let tables = schema::tables(test).await;
    let parents = tables.iter().find(|parent| parent.name == reference.to_table).unwrap();
    let parent = row(test, parents, Sparse, 502).await;
    accepted(db, parents, parent.clone()).await;
    let key = &reference.to_column;
    let value = match parent.get(key) {
        Some(value) => value.clone(),
        None => {
            let newest = values(db, &format!("SELECT CAST(max({key}) AS text) FROM {}", parents.name)).await;
            newest.concat().into_iter().flatten().collect()
        }
    };
    accepted(db, table, changed(&full, &[(column, &value)])).await;
    let delete = format!("DELETE FROM {} WHERE {key} = {value}", parents.name);
    let left = format!("SELECT 'there' FROM {} WHERE {column} = {value}", table.name);
    let count = format!("SELECT CAST(count(*) AS text) FROM {}", table.name);
    let before = values(db, &count).await;
    match parent_goes {
        ParentGoes::NotWhileReferred => fails(db, &delete, &why).await,
        _ => {
            db.execute_unprepared(&delete).await.unwrap_or_else(|error| panic!("{error}\n{delete}"));
            assert!(values(db, &left).await.is_empty(), "{left}");
            assert_eq!(values(db, &count).await == before, parent_goes == ParentGoes::LeavingNull);
        }
    }
}

fn changed(row: &Row, changes: &[(&str, &str)]) -> Row {
    let mut row = row.clone();
    for (column, value) in changes {
        row.insert((*column).to_owned(), (*value).to_owned());
    }
    row
}

async fn accepted(db: &DatabaseTransaction, table: &Table, row: Row) {
    let statement = insert(&table.name, &row);
    db.execute_unprepared(&statement).await.unwrap_or_else(|error| panic!("{error}\n{statement}"));
}

async fn refused(db: &DatabaseTransaction, table: &Table, row: Row, why: &str) {
    fails(db, &insert(&table.name, &row), why).await;
}

async fn fails(db: &DatabaseTransaction, statement: &str, why: &str) {
    let savepoint = db.begin().await.unwrap();
    let error = savepoint.execute_unprepared(statement).await.expect_err(statement).to_string();
    savepoint.rollback().await.unwrap();
    assert!(error.contains(why), "refused for another reason than {why:?}: {error}\n{statement}");
}

/// Returns a part of the error of the CHECK on those columns.
fn told(table: &Table, columns: &[&str]) -> String {
    let check = table.checks.iter().find(|check| check.columns == columns);
    check.unwrap_or_else(|| panic!("{} has no CHECK of {columns:?}", table.name)).told_as.clone()
}

/// Returns a part of the error of the unique key of those columns.
fn twin(test: &TestDatabase, table: &Table, columns: &[&str]) -> String {
    let keys = unique_keys(table);
    let (_, name) = keys
        .iter()
        .find(|(key, _)| *key == squashed(&columns.join(",")))
        .unwrap_or_else(|| panic!("{} has no unique key of {columns:?}", table.name));
    let expression = columns.iter().any(|column| column.contains('('));
    match (test.on, name) {
        (On::Sqlite, Some(name)) if expression => format!("UNIQUE constraint failed: index '{name}'"),
        (On::Sqlite, _) => {
            let named = columns.iter().map(|column| format!("{}.{column}", table.name));
            format!("UNIQUE constraint failed: {}", named.collect::<Vec<_>>().join(", "))
        }
        (On::Postgres, Some(name)) => format!("violates unique constraint \"{name}\""),
        (On::Postgres, None) => "violates unique constraint".to_owned(),
    }
}

/// Returns the primary key, unless the database generates it, and all other unique keys: their columns as [`squashed`]
/// text, and their names.
fn unique_keys(table: &Table) -> Vec<(String, Option<String>)> {
    let counted = table.key.iter().any(|name| table.column(name).counted);
    let key = (!counted).then(|| (squashed(&table.key.join(",")), None));
    let others = table.indexes.iter().filter(|index| index.unique);
    key.into_iter()
        .chain(others.map(|index| (squashed(&index.columns.join(",")), index.name.clone())))
        .collect()
}

/// Returns every constraint of a table under the name that cases use.
fn real(table: &Table) -> Vec<String> {
    let checks = table.checks.iter().map(|check| format!("check of {}", check.columns.join(",")));
    let keys = unique_keys(table).into_iter().map(|(columns, _)| format!("unique key {columns}"));
    let references = table.references.iter().map(|to| format!("foreign key of {}", to.column));
    checks.chain(keys).chain(references).map(|one| format!("{}: {one}", table.name)).collect()
}

impl Case {
    fn constraint(&self) -> String {
        let constraint = match self.refuses {
            Refuses::Value { column, .. } => format!("check of {column}"),
            Refuses::Contradiction { columns, .. } => format!("check of {}", columns.join(",")),
            Refuses::Twin { columns, .. } => format!("unique key {}", squashed(&columns.join(","))),
            Refuses::Stray { column, .. } => format!("foreign key of {column}"),
        };
        format!("{}: {constraint}", self.table)
    }
}

#[rstest::rstest]
#[tokio::test]
async fn every_constraint_has_a_case(#[values(On::Sqlite, On::Postgres)] on: On) {
    let test = migrated(on).await;
    let mut real: Vec<String> = schema::tables(&test).await.iter().flat_map(real).collect();
    let mut cases: Vec<String> = cases::ALL.iter().map(Case::constraint).collect();
    real.sort();
    cases.sort();
    let missing: Vec<_> = real.iter().filter(|one| !cases.contains(one)).collect();
    let gone: Vec<_> = cases.iter().filter(|one| !real.contains(one)).collect();
    assert!(
        missing.is_empty() && gone.is_empty() && real.len() == cases.len(),
        "Constraints and the cases in migration/tests/migrations/constraints/cases.rs differ. Without a case: \
         {missing:#?} Without a constraint: {gone:#?}"
    );
}

/// A NOT NULL column refuses null, and each nullable one accepts it, as its entity declares.
#[rstest::rstest]
#[tokio::test]
async fn nulls_are_refused_where_a_value_is_promised(#[values(On::Sqlite, On::Postgres)] on: On) {
    let (test, _turn) = filled(on).await;
    for table in schema::tables(&test).await {
        let sparse = row(&test, &table, Sparse, 500).await;
        let db = test.db.begin().await.unwrap();
        // SQLite gives a row without its integer key the next number.
        let numbered = |column: &schema::Column| {
            on == On::Sqlite && table.key == [column.name.as_str()] && column.kind == schema::Kind::Big
        };
        let promised = |column: &&schema::Column| !column.nullable && !column.counted && !numbered(column);
        for column in table.columns.iter().filter(promised) {
            let why = test.pick(
                format!("NOT NULL constraint failed: {}.{}", table.name, column.name),
                format!("null value in column \"{}\" of relation \"{}\"", column.name, table.name),
            );
            refused(&db, &table, changed(&sparse, &[(&column.name, "NULL")]), &why).await;
        }
        accepted(&db, &table, sparse).await;
        db.rollback().await.unwrap();
    }
}
