//! The location of the database, as a text that changes when the database is restored from a backup.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

/// The parts of PostgreSQL's fingerprint, each with its own query, since some servers restrict some of these queries.
///
/// In a restored dump the table has another oid. A file copy of a server has another timeline, and so has a standby
/// that took over: it may lack the last transactions.
const POSTGRES: [(&str, &str); 4] = [
    ("server", "SELECT system_identifier::text AS part FROM pg_control_system()"),
    ("database", "SELECT oid::text AS part FROM pg_database WHERE datname = current_database()"),
    ("table", "SELECT 'installation'::regclass::oid::text AS part"),
    ("timeline", "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS part"),
];

/// Returns the parts that could be read, as `name=value`.
pub(super) async fn of(db: &DatabaseConnection) -> String {
    let mut parts = Vec::new();
    match db.get_database_backend() {
        DbBackend::Postgres => {
            for (name, sql) in POSTGRES {
                if let Some(part) = ask(db, sql, "part").await {
                    parts.push(format!("{name}={part}"));
                }
            }
        }
        _ => {
            let file = ask(db, "SELECT file FROM pragma_database_list WHERE name = 'main'", "file").await;
            parts.extend(file.filter(|file| !file.is_empty()).iter().flat_map(|file| of_file(file)));
        }
    }
    parts.join(" ")
}

async fn ask(db: &DatabaseConnection, sql: &str, column: &str) -> Option<String> {
    let answer = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    let row =
        answer.inspect_err(|error| tracing::debug!(%error, sql, "not known of this database")).ok()??;
    row.try_get("", column).ok()
}

/// Identifies a file. A copy is another file, and has another creation time even if it gets the inode number of a
/// removed file. Device numbers are left out, as they may change at a reboot.
fn of_file(file: &str) -> Vec<String> {
    let Ok(metadata) = std::fs::metadata(file) else { return Vec::new() };
    let mut parts = Vec::new();
    #[cfg(unix)]
    parts.push(format!("file={}", std::os::unix::fs::MetadataExt::ino(&metadata)));
    let born = metadata.created().ok().and_then(|born| born.duration_since(std::time::UNIX_EPOCH).ok());
    parts.extend(born.map(|born| format!("born={}", born.as_nanos())));
    parts
}

fn parts(place: &str) -> BTreeMap<&str, &str> {
    place.split(' ').filter_map(|part| part.split_once('=')).collect()
}

/// Describes how two fingerprints differ. A part that only one of them has does not count.
pub(super) fn difference(before: &str, now: &str) -> Option<String> {
    let (before, now) = (parts(before), parts(now));
    let differs = |name: &str| {
        let (before, now) = (before.get(name)?, now.get(name)?);
        (before != now).then_some((*before, *now))
    };
    if differs("file").or(differs("born")).is_some() {
        return Some("its file is another one than before, a copy".to_owned());
    }
    if differs("server").is_some() {
        return Some("it is on another server than before".to_owned());
    }
    if differs("database").is_some() {
        return Some("it is another database of the server than before".to_owned());
    }
    if differs("table").is_some() {
        return Some("its tables were made anew, as pg_restore does".to_owned());
    }
    differs("timeline").map(|(before, now)| {
        format!("the server was restored to a point in time, or a standby took over (timeline {before}, now {now})")
    })
}

/// True if `now` has a part that `before` lacks.
pub(super) fn gained(before: &str, now: &str) -> bool {
    let before = parts(before);
    parts(now).keys().any(|name| !before.contains_key(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_know_is_compared() {
        assert_eq!(difference("file=1 born=2", "file=1 born=2"), None);
        assert_eq!(difference("file=1", "file=1 born=2"), None);
        assert_eq!(difference("", "file=1"), None);
        assert!(gained("file=1", "file=1 born=2") && !gained("file=1 born=2", "file=1"));
    }

    #[test]
    fn a_copy_in_the_place_of_a_removed_file_is_another_file() {
        assert!(difference("file=1 born=2", "file=1 born=3").is_some());
    }

    #[test]
    fn each_way_of_restoring_a_server_is_told() {
        let before = "server=7 database=5 table=16400 timeline=00000001";
        for (part, other, told) in [
            ("server=7", "server=8", "another server"),
            ("database=5", "database=6", "another database"),
            ("table=16400", "table=16999", "pg_restore"),
            ("timeline=00000001", "timeline=00000002", "timeline 00000001, now 00000002"),
        ] {
            let difference = difference(before, &before.replace(part, other)).unwrap();
            assert!(difference.contains(told), "{difference}");
        }
    }
}
