//! Up, down and up again with rows in every table: no version loses or alters any.
//!
//! A step down necessarily removes the rows of tables and the values of columns that the version below lacks. All data
//! that both versions have stays unchanged, byte for byte.

use std::collections::BTreeSet;

use rstest::rstest;

use crate::rows::{Dump, dump, dump_columns, fill};
use crate::schema;
use crate::support::{On, Postgres, Sqlite, TestDatabase, empty, names};

#[rstest]
#[tokio::test]
async fn each_step_down_undoes_exactly_its_step_up(#[values(Sqlite, Postgres)] on: On) {
    let test = empty(on).await;
    let mut before = Vec::new();
    for _ in names() {
        before.push(schema::printed(&test).await);
        test.up().await;
    }
    let whole = schema::printed(&test).await;
    fill(&test, 1).await;
    for (name, before) in names().iter().zip(&before).rev() {
        test.down().await;
        assert_eq!(&schema::printed(&test).await, before, "after {name} was reverted");
    }
    for (name, before) in names().iter().zip(&before) {
        assert_eq!(&schema::printed(&test).await, before, "before {name} was applied again");
        test.up().await;
    }
    assert_eq!(schema::printed(&test).await, whole);
}

#[rstest]
#[tokio::test]
async fn rows_of_every_version_outlive_every_step(#[values(Sqlite, Postgres)] on: On) {
    let test = empty(on).await;
    let mut versions: Vec<Vec<Dump>> = Vec::new();
    for (name, time) in names().iter().zip(1..) {
        let below = dump(&test).await;
        test.up().await;
        same_where_there(&test, &below, &format!("after {name} was applied")).await;
        test.down().await;
        assert_eq!(dump(&test).await, below, "after {name} was reverted");
        test.up().await;
        same_where_there(&test, &below, &format!("after {name} was reverted and applied again")).await;
        fill(&test, time).await;
        versions.push(dump(&test).await);
    }
    // From the newest version down: each version finds its own rows, whatever later ones did.
    for (name, left) in names().iter().zip(&versions).rev() {
        let rows = dump(&test).await;
        for (rows, left) in rows.iter().zip(left) {
            assert_eq!((&rows.table, &rows.columns), (&left.table, &left.columns));
            let there: BTreeSet<_> = rows.rows.iter().collect();
            for row in &left.rows {
                assert!(there.contains(row), "{name} left {row:?} in {}; there is {rows:#?}", left.table);
            }
        }
        assert_eq!(rows.len(), left.len());
        test.down().await;
        same_where_there(&test, &rows, &format!("after {name} was reverted, later ones before it")).await;
    }
}

/// Compares the rows with the dump, as far as the database still has the tables and columns.
async fn same_where_there(test: &TestDatabase, dumps: &[Dump], when: &str) {
    for table in schema::tables(test).await {
        let Some(before) = dumps.iter().find(|dump| dump.table == table.name) else {
            continue;
        };
        let (places, columns): (Vec<usize>, Vec<String>) = before
            .columns
            .iter()
            .enumerate()
            .filter(|(_, name)| table.columns.iter().any(|column| column.name == **name))
            .map(|(place, name)| (place, name.clone()))
            .unzip();
        let mut rows: Vec<Vec<Option<String>>> =
            before.rows.iter().map(|row| places.iter().map(|&place| row[place].clone()).collect()).collect();
        rows.sort();
        let after = dump_columns(test, table.name, columns).await;
        assert_eq!(after.rows, rows, "{}, {when}", after.table);
    }
}
