//! Odd rows that some installations have.

use rstest::rstest;

use super::{COLUMNS, Loose, Older, Texts, Typed, all, links, older};
use crate::support::TestDatabase;

/// Rows that every kind of table accepts.
const ODD: &[&str] = &[
    // Two entities claim one target, one of them without its own name: the newer gets it.
    "'issue','O-1','X-1','synced','2024-02-01 10:00:00',NULL,'a',NULL,NULL,NULL,NULL,NULL,NULL",
    "'issue',NULL,'X-1','synced','2024-01-01 10:00:00',NULL,'b',NULL,NULL,NULL,NULL,NULL,NULL",
    // No values at all, twice.
    "NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL",
    "NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL",
    "'','','','','2024-01-01 10:00:00','2024-01-02 10:00:00','',NULL,'',NULL,0,NULL,NULL",
    "'issue','O''Brien \"quoted\" \\ 😀𝄞','x''1','SYNCED','2024-01-01 10:00:00',NULL,'é',\
     '{\"q\":\"O''Brien 😀\",\"deep\":[{\"a\":[null,1.5,1e3]}]}','s''t',-1,2147483647,NULL,NULL",
    "'issue','line\nand\ttab','x-2','in_progress',NULL,'2024-01-01 10:00:00','d','\"a text\"',NULL,0,-5,NULL,\
     '2024-01-01 10:00:00.123456'",
    // An id like those that the fold itself generates.
    "'issue','unnamed:1','x-3','skipped',NULL,NULL,'e','null',NULL,NULL,NULL,NULL,NULL",
    "'issue','unnamed:2',NULL,'conflict',NULL,NULL,'f','[]',NULL,NULL,NULL,NULL,NULL",
    // It has a link, and its success has more digits than a link stores.
    "'issue','E-1','PROJ-1','synced','2025-06-01 10:00:00.123456','2025-06-01 09:00:00','g',NULL,NULL,1,1,NULL,NULL",
];

/// Rows that only text columns accept.
const TEXTS: &[&str] = &[
    "'issue','O-2','y-1','synced','yesterday','2024-13-45','h','{broken',NULL,'a lot','many','never','0'",
    "'issue','O-3','y-2','synced','1741064767','1741064767000','i','[1e999]',NULL,'99999999999999999999','3.5',\
     '2024-01-01T10:00:00.123456789Z','2024-01-01 10:00:00+05:30'",
    "'issue','O-4','y-3','synced','2024-01-01','2024-01-01 10:00','j','{\"null\":\"\\u0000\"}',NULL,NULL,NULL,NULL,\
     NULL",
    "'issue','O-5','y-4','synced','2024-01-01 10:00:00 UTC',NULL,'k','{\"half\":\"\\ud800\"}',NULL,NULL,NULL,NULL,NULL",
    "'card','E-1',NULL,'synced','2025-07-01 10:00:00.123456789',NULL,'l','',NULL,NULL,NULL,NULL,NULL",
    "'issue','E-1','PROJ-1','synced','2025-07-01 10:00:00.123456789',NULL,'m',NULL,NULL,NULL,NULL,NULL,NULL",
];

/// Rows that only SQLite accepts: bytes, numbers and nulls within texts.
const LOOSE: &[&str] = &[
    "X'FF00','bytes','z-1',X'00',X'01',1741064767,X'C328',X'7B7D',NULL,1.5,X'31','1','2'",
    "'issue',X'C3A9',X'FFFE',1,1.5,NULL,CAST(X'C328' AS TEXT),CAST(X'22C32822' AS TEXT),NULL,NULL,NULL,NULL,NULL",
    "'issue',CAST(X'610062' AS TEXT),7,'synced',NULL,NULL,'n',CAST(X'22610022' AS TEXT),NULL,NULL,NULL,NULL,NULL",
    "9,12345678901234567890,12,'synced',9e999,-9e999,NULL,42,NULL,NULL,NULL,NULL,NULL",
];

async fn odd(kind: Older) -> TestDatabase {
    let rows = [ODD, if kind == Typed { &[] } else { TEXTS }, if kind == Loose { LOOSE } else { &[] }];
    let test = older(kind, &rows.concat()).await;
    // Ids and types too long for an index, and too random to be compressed.
    let random = test.pick(
        "hex(randomblob(2000))",
        "(SELECT string_agg(md5(CAST(random() AS text)), '') FROM generate_series(1, 125))",
    );
    let kind_of = if kind == Typed { "'issue'" } else { random };
    for values in [
        format!("'issue', {random}, 'w-1', 'synced'"),
        format!("'issue', 'O-6', {random}, 'synced'"),
        format!("'issue', NULL, {random}, 'synced'"),
        format!("{kind_of}, {random}, {random}, 'synced'"),
        format!("{kind_of}, 'O-7', 'w-2', 'synced'"),
    ] {
        test.run(&format!(
            "INSERT INTO sync_states (entity_type, entity_id, jira_id, sync_status, content_hash) \
             VALUES ({values}, {random})"
        ))
        .await;
    }
    // Duplicates in every column.
    test.run(&format!("INSERT INTO sync_states ({COLUMNS}) SELECT {COLUMNS} FROM sync_states")).await;
    test
}

#[rstest]
#[tokio::test]
async fn odd_rows_survive_up_and_down(#[values(Loose, Texts, Typed)] kind: Older) {
    let test = odd(kind).await;
    let before = all(&test).await;
    let count = test.rows("SELECT 1 FROM sync_states").await.len();
    test.up().await;
    let length = test.pick("json_array_length", "jsonb_array_length");
    let kept = format!(
        "SELECT CAST(sum({length}(legacy -> 'sync_states')) AS text) FROM sync_metadata WHERE legacy IS NOT NULL"
    );
    assert_eq!(test.texts(&kept).await, [[count.to_string()]]);
    let first = links(&test).await;
    test.down().await;
    assert_eq!(all(&test).await, before);
    test.up().await;
    assert_eq!(links(&test).await, first);
}

#[rstest]
#[tokio::test]
async fn the_newer_of_two_claims_gets_the_target(#[values(Loose, Texts, Typed)] kind: Older) {
    let test = older(kind, &ODD[..2]).await;
    test.up().await;
    let links = "SELECT CASE WHEN entity_id LIKE 'unnamed:%' THEN 'unnamed' ELSE entity_id END, external_id, \
         content_hash FROM sync_metadata WHERE id <> 1 ORDER BY id";
    assert_eq!(test.texts(links).await, [["O-1", "X-1", "a"], ["unnamed", "-", "b"]]);
}

#[rstest]
#[tokio::test]
async fn a_link_gets_its_times_back_unchanged(#[values(Loose, Texts, Typed)] kind: Older) {
    let test = older(kind, &[ODD[9]]).await;
    test.run(
        "UPDATE sync_metadata SET last_sync_attempt = '2025-01-02 03:04:05.120+00:00', \
         last_successful_sync = '2025-01-02 03:04:05+00:00'",
    )
    .await;
    let before = all(&test).await;
    test.up().await;
    let met = "SELECT legacy ->> 'fold' FROM sync_metadata";
    assert_eq!(test.texts(met).await, [["replaced"]]);
    test.down().await;
    assert_eq!(all(&test).await, before);
}
