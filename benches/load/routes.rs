//! The routes to measure: each list, group and statistics route, with each of its filters.

use anyhow::Result;
use sqlx::{Connection, PgConnection};

use crate::fill::{RARE_GROUP, SYNCS};

/// Paths under `/api/v1`, with their filters. The first line of a block is the route.
const LISTS: &str = "
sync/mappings
config_id=1
config_id={small}
config_id=1&sync_status=completed
config_id=1&sync_status=failed
config_id=1&sync_status=pending
config_id=1&sync_status=conflict
config_id=1&sync_status=skipped
config_id=1&sync_status=in_progress
config_id={small}&sync_status=failed
config_id=1&entity_type=task
config_id=1&elder_type=page
config_id=1&sync_status=failed&entity_type=task
entity_type=page
sync_status=completed
sync_status=failed
sync_status=error
sync_status=skipped
sync_status=in_progress
entity_id={item}
external_id={counterpart}
jira_id=nowhere
config_id=1&entity_id={item}
q=status:failed
q=status:failed,conflict
q=sync:sync-1
q=sync:sync-{small}
q=sync:sync-{small}%20status:failed
q=project:other
q=entity_type:task
q=state:out_of_scope
q=item:{item}
q=item:KEY-777777
q=error:priority
q=error:nowhere
q=errors:%3E3
q=age:%3E7d
q=age:%3C1h
q=since:%3E2026-01-01
q=KEY-77
q=nowhere
q=-status:completed
config_id=1&q=status:failed
config_id=1&q=KEY-77
config_id=1&q=nowhere
config_id=1&q=errors:%3E3
config_id={small}&q=nowhere
config_id=1&sync_status=completed&q=nowhere
config_id=1&limit=200

sync/history
config_id=1
config_id={small}
sync=sync-1
sync=sync-10&project=other
project=other
status=completed
status=failed
status=cancelled
status=held
status=queued
status=in_progress
kind=sync
kind=plan
kind=resolve
method=webhook
method=poll
config_id=1&status=failed
config_id={small}&status=failed
config_id={small}&status=held
config_id=1&kind=plan
config_id={small}&kind=resolve
config_id={small}&method=poll
status=failed&kind=plan
project=other&status=held
project=other&kind=plan
since=2026-01-01T00:00:00Z
since={yesterday}
until={month}
since={month}&until={weeks}
config_id=1&until={month}
config_id={small}&since={month}&until={weeks}
q=status:failed
q=sync:sync-{small}
q=project:other
q=kind:plan%20status:failed
q=method:manual
q=error:tracker
q=error:nowhere
q=failed:%3E3
q=conflicts:%3E1
q=synced:0
q=duration:%3E4900
q=age:%3E30d
q=age:%3C1h
q=since:%3E2026-01-01
q=tracker
q=nowhere
config_id=1&q=nowhere
page=1
page=2&per_page=200
page=200
page=200&per_page=200
config_id=1&page=200&per_page=200
status=failed&page=200&per_page=200
q=nowhere&page=200&per_page=200
limit=200

sync/history/{run}/changes
limit=200

sync/history/{run}/items
limit=200

sync/history/{plan}/plan

sync/conflicts
resolved=false
resolved=true
config_id=1
config_id={small}
config_id=1&resolved=false
config_id={small}&resolved=false
config_id={small}&resolved=true
q=sync:sync-1
q=project:other
q=field:title
q=kind:timestamp
q=entity_type:task
q=item:{item}
q=resolution:source
q=by:ann
q=by:nobody
q=seen:%3E2
q=age:%3E10d
q=since:%3E2026-01-01
q=nowhere
resolved=false&q=nowhere
resolved=false&q=field:title
resolved=false&q=item:{item}
config_id=1&q=nowhere
limit=200

sync/conflicts/groups
config_id=1
config_id={small}

sync/mappings/1/history
limit=200

sync/status
project=other
q=sync-1
limit=200

sync/stats
window=90m
window=24h
window=30d
window=all
sync=sync-1
sync=sync-1&window=all
project=other
platform=csv
platform=sql&window=30d
entity_type=issue
entity_type=issue&window=all

sync/stats/series
window=24h&step=hour
window=7d&step=hour
window=30d&step=day
window=all&step=month
sync=sync-1&window=30d&step=day
platform=csv&window=30d&step=day
entity_type=issue&window=30d&step=day

sync/configs
project=other
platform=csv
entity_type=issue
enabled=true
q=sync-1
limit=200

sync/configs/1/revisions

jobs
status=queued
status=in_progress
status=undispatched
status=failed
queue=nowhere
sync=sync-1
sync=sync-{small}
sync=sync-10&project=other
kind=sync
kind=plan
key=sync:1
key=sync:{small}
key=nowhere
text=W-777
text=nowhere
older_than=1h
older_than=52w
q=sync:sync-{small}
q=sync:sync-1,sync-2
q=project:other
q=kind:plan
q=priority:high
q=key:*
q=worker:*
q=error:nowhere
q=reason:nowhere
q=age:%3E10h
q=age:%3C1s
q=nowhere
status=undispatched&sync=sync-1
status=undispatched&text=nowhere
limit=1000

dead
sync=sync-1
sync=sync-{small}
sync=sync-{rare}
sync=sync-10&project=other
kind=sync
kind=plan
key=sync:1
key=sync:{small}
key=nowhere
text=R-7
text=nowhere
older_than=10d
older_than=52w
group={group}
group={large}
group={large}&sync=sync-{small}
q=sync:sync-{small}
q=project:other
q=kind:plan
q=error:archived
q=error:nowhere
q=reason:help
q=priority:high
q=age:%3E10d
q=age:%3C1s
q=nowhere
q=-error:cause
sync=sync-1&text=nowhere
limit=1000

dead/groups
sort=newest
sort=rarest
sort=most
sync=sync-1
sync=sync-{small}
sync=sync-10&project=other
error_kind=permanent
error_kind=unreadable
text=archived
text=nowhere
sort=rarest&limit=1
sort=most&limit=200

dead/groups/{group}

dead/groups/{large}

operations
limit=200

audit
actor=ann
actor=nobody
action=dead.replay
action=nothing
subject_kind=run
subject_kind=nothing
subject_kind=run&subject_id=777
subject_id=777
limit=200

queues

queues/default/scale

pauses

schedules

workers

accounts

people

projects

tokens

/metrics

/health

/readyz
";

/// Single entries, which pages of the lists lead to.
const ENTRIES: [&str; 8] = [
    "jobs/{waiting}",
    "jobs/{dead}",
    "jobs/{run}",
    "sync/history/{run}",
    "sync/mappings/777",
    "sync/conflicts/77",
    "sync/configs/1",
    "operations/{operation}",
];

/// Values for the names in braces.
async fn names(url: &str) -> Result<Vec<(&'static str, String)>> {
    let mut connection = PgConnection::connect(url).await?;
    let mut names = vec![
        ("small", (SYNCS - 1).to_string()),
        ("rare", (SYNCS - 3).to_string()),
        ("group", RARE_GROUP.to_owned()),
        ("item", "E-777".to_owned()),
        ("counterpart", "X-777".to_owned()),
    ];
    for (name, sql) in [
        ("run", "md5('run1')::uuid::text"),
        ("plan", "md5('run3')::uuid::text"),
        ("waiting", "md5('wait777')::uuid::text"),
        ("dead", "md5('dead777')::uuid::text"),
        ("operation", "md5('operation77')::uuid::text"),
        (
            "large",
            "(SELECT fingerprint FROM dead_letter_counts GROUP BY 1 ORDER BY sum(letters) DESC LIMIT 1)",
        ),
        ("yesterday", "to_char(now() - interval '1 day', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"),
        ("weeks", "to_char(now() - interval '28 days', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"),
        ("month", "to_char(now() - interval '30 days', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"),
    ] {
        let sql = format!("SELECT {sql}");
        let (value,): (String,) = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_one(&mut connection).await?;
        names.push((name, value));
    }
    connection.close().await?;
    Ok(names)
}

/// All paths.
pub(crate) async fn paths(url: &str) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for block in LISTS.trim().split("\n\n") {
        let mut lines = block.lines();
        let Some(route) = lines.next() else { continue };
        paths.push(route.to_owned());
        paths.extend(lines.map(|query| format!("{route}?{query}")));
    }
    paths.extend(ENTRIES.map(str::to_owned));
    let names = names(url).await?;
    let named = |path: String| {
        let path = names.iter().fold(path, |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
        if path.starts_with('/') { path } else { format!("/api/v1/{path}") }
    };
    Ok(paths.into_iter().map(named).collect())
}
