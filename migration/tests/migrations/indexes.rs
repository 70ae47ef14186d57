//! Compares every index with a text file for people. `UPDATE_DOCS=1` regenerates it from SQLite's schema.

use rstest::rstest;

use crate::schema::{self, Index, squashed};
use crate::support::{On, Postgres, Sqlite, migrated};

const EXPECTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/migrations/indexes.txt");

#[rstest]
#[tokio::test]
async fn indexes_are_those_that_are_listed(#[values(Sqlite, Postgres)] on: On) {
    let test = migrated(on).await;
    let mut lines = Vec::new();
    for table in schema::tables(&test).await {
        lines.push(format!("{} key ({})", table.name, table.key.join(", ")));
        let mut indexes: Vec<String> = table.indexes.iter().map(Index::told).collect();
        indexes.sort_by_key(|line| squashed(line));
        lines.extend(indexes.iter().map(|index| format!("    {index}")));
    }
    if on == Sqlite && std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(EXPECTED, lines.join("\n") + "\n").unwrap();
    }
    let expected = std::fs::read_to_string(EXPECTED).unwrap();
    let expected: Vec<String> = expected.lines().map(squashed).collect();
    let real: Vec<String> = lines.iter().map(|line| squashed(line)).collect();
    let missing: Vec<&String> = expected.iter().filter(|line| !real.contains(line)).collect();
    let unlisted: Vec<&String> =
        lines.iter().zip(&real).filter(|(_, line)| !expected.contains(line)).map(|(line, _)| line).collect();
    assert!(
        real == expected,
        "Indexes and migration/tests/migrations/indexes.txt differ. Only listed: {missing:#?} Only there: \
         {unlisted:#?} If that is meant, run the test again with UPDATE_DOCS=1."
    );
}
