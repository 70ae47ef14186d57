//! `syncline backup`: copies Syncline's own database while workers run.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Instant,
};

use chrono::{DateTime, SubsecRound, Utc};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, Statement,
    sqlx::{
        self, AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection, sqlite::SqliteConnectOptions,
    },
};
use serde_json::json;
use tempfile::NamedTempFile;

use super::audit;
use crate::{
    app,
    cli::BackupArgs,
    config::{Config, DatabaseUrl},
    fault::{Exit, Fault},
    output::Output,
};

/// Takes a backup of a SQLite database. For a database on a server it prints the commands to use and fails, so that a
/// script does not go on as if there were a file.
pub(crate) async fn run(config: &Config, args: &BackupArgs, output: &Output) -> Result<Exit, Fault> {
    let address = &config.database.url;
    if !address.is_sqlite() {
        let db = app::look(config).await?;
        return Err(Fault::usage(with_pg_dump(address, &schema_of(&db).await?, &args.file)));
    }
    let database = file_of(address)?;
    let place = place_of(&args.file, &database, args.force)?;
    let db = app::look(config).await?;
    let began = Instant::now();
    let taken = copy(&db, &place, &args.file, args.force).await?;
    let took = began.elapsed();
    let after = json!({ "file": args.file, "bytes": taken.bytes, "schema": taken.schema });
    audit::note(config, &db, ("database.backup", "database"), after, output).await;
    output.data(&json!({
        "file": args.file,
        "bytes": taken.bytes,
        "duration_ms": took.as_millis(),
        "schema": taken.schema,
        "taken_at": taken.at,
    }));
    output.line(format!(
        "wrote {}: {} in {:.2} s, {}",
        args.file.display(),
        size(taken.bytes),
        took.as_secs_f64(),
        taken
            .schema
            .as_ref()
            .map_or_else(|| "without a schema".to_owned(), |schema| format!("schema {schema}")),
    ));
    if !taken.marked {
        output.note(
            "its schema is too old to say that it is a backup: after restoring it and `syncline migrate up`, run \
             `syncline mark-restored --yes`",
        );
    }
    Ok(Exit::Done)
}

/// The properties of a backup.
struct Taken {
    bytes: u64,
    schema: Option<String>,
    at: DateTime<Utc>,
    /// True if the copy itself records that it is a backup.
    marked: bool,
}

/// The existing file of a SQLite database.
fn file_of(address: &DatabaseUrl) -> Result<PathBuf, Fault> {
    address.file().filter(|file| file.is_file()).ok_or_else(|| {
        Fault::usage(format!(
            "DATABASE_URL {}: there is no such file, so nothing to back up",
            address.shown()
        ))
    })
}

/// The folder of the backup. Fails if the backup would overwrite the database, or another file without `force`.
fn place_of(file: &Path, database: &Path, force: bool) -> Result<PathBuf, Fault> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let shown = file.display();
    if file.is_dir() || file.file_name().is_none() {
        return Err(Fault::usage(format!("{shown} is a folder; name the file to write")));
    }
    if !folder.is_dir() {
        return Err(Fault::usage(format!("{shown}: there is no folder {}; make it first", folder.display())));
    }
    let whole = |path: &Path| path.canonicalize().ok();
    let own = ["", "-wal", "-shm", "-journal"].map(|end| {
        let mut name = whole(database).unwrap_or_else(|| database.to_owned()).into_os_string();
        name.push(end);
        PathBuf::from(name)
    });
    let target = whole(file).or_else(|| Some(whole(&folder)?.join(file.file_name()?)));
    if target.is_some_and(|target| own.contains(&target)) {
        return Err(Fault::usage(format!("{shown} is the database itself; name another file")));
    }
    if !force && file.symlink_metadata().is_ok() {
        return Err(Fault::usage(format!(
            "{shown} is there already; name another file, or --force replaces it"
        )));
    }
    Ok(folder)
}

/// Copies the database, checks that the copy is complete, and only then renames it.
async fn copy(db: &DatabaseConnection, folder: &Path, file: &Path, force: bool) -> Result<Taken, Fault> {
    let failed = |error: &dyn std::fmt::Display| Fault::failed(format!("{}: {error}", file.display()));
    // Readable by its owner only, since it contains user data. SQLite treats an empty file as no database.
    let temporary = tempfile::Builder::new()
        .prefix(".syncline-backup-")
        .tempfile_in(folder)
        .map_err(|error| failed(&error))?;
    let at = Utc::now().trunc_subsecs(6);
    let path = temporary.path().to_string_lossy().into_owned();
    // One read transaction, which does not block writers.
    let copy = Statement::from_sql_and_values(db.get_database_backend(), "VACUUM INTO ?", [path.into()]);
    db.execute_raw(copy).await.map_err(|error| failed(&error))?;
    let (schema, marked) = look_at(temporary.path(), at).await.map_err(|error| failed(&error))?;
    let bytes = keep(temporary, folder, file, force).map_err(|error| failed(&error))?;
    Ok(Taken { bytes, schema, at, marked })
}

/// Marks the copy as a backup and checks it. Returns its schema's version and whether it could be marked.
async fn look_at(copy: &Path, at: DateTime<Utc>) -> anyhow::Result<(Option<String>, bool)> {
    let options = SqliteConnectOptions::new().filename(copy).foreign_keys(false);
    let mut connection = options.connect().await?;
    let marked = has_table(&mut connection, "installation").await?;
    if marked {
        sqlx::query("UPDATE installation SET backup_taken_at = ?").bind(at).execute(&mut connection).await?;
    }
    for check in ["PRAGMA integrity_check(1)", "PRAGMA foreign_key_check"] {
        let rows = sqlx::query(AssertSqlSafe(check)).fetch_all(&mut connection).await?;
        let first: Option<String> = rows.first().map(|row| row.try_get(0)).transpose()?;
        if let Some(found) = first.filter(|found| found != "ok") {
            anyhow::bail!(
                "the copy is not whole ({check}: {found}), so there is no backup; the database itself is damaged, look at \
                 its disk and go back to an earlier backup"
            );
        }
    }
    let mut schema = None;
    if has_table(&mut connection, syncline_migration::MIGRATION_TABLE).await? {
        let sql = format!("SELECT MAX(version) FROM {}", syncline_migration::MIGRATION_TABLE);
        schema = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await?;
    }
    connection.close().await?;
    Ok((schema, marked))
}

async fn has_table(connection: &mut SqliteConnection, name: &str) -> Result<bool, sqlx::Error> {
    let sql = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?";
    Ok(sqlx::query_scalar::<_, i64>(sql).bind(name).fetch_one(connection).await? > 0)
}

/// Flushes the copy to disk and renames it. Returns its size in bytes.
fn keep(temporary: NamedTempFile, folder: &Path, file: &Path, force: bool) -> io::Result<u64> {
    let copy = File::open(temporary.path())?;
    copy.sync_all()?;
    let bytes = copy.metadata()?.len();
    if force {
        temporary.persist(file)?;
    } else {
        temporary.persist_noclobber(file)?;
    }
    // The folder has the name, so it must be flushed, too; not every system allows a folder to be opened.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(bytes)
}

async fn schema_of(db: &DatabaseConnection) -> Result<String, Fault> {
    let sql = Statement::from_string(db.get_database_backend(), "SELECT current_schema()::text AS name");
    let row = db.query_one_raw(sql).await?;
    Ok(row.and_then(|row| row.try_get("", "name").ok()).unwrap_or_else(|| "public".to_owned()))
}

/// How to back up and restore a database on a server.
fn with_pg_dump(address: &DatabaseUrl, schema: &str, file: &Path) -> String {
    let (url, file) = (quoted(&address.shown()), quoted(&file.display().to_string()));
    let schema = quoted(schema);
    format!(
        "nothing was written: PostgreSQL's own program takes the backup, also while workers run. It asks for the password, \
         or takes it from PGPASSWORD or ~/.pgpass:\n\n  \
         pg_dump --format=custom --schema={schema} --file={file} {url}\n\n\
         and back, with all processes stopped, in place of what is there:\n\n  \
         pg_restore --clean --if-exists --single-transaction --no-owner --dbname={url} {file}\n\n\
         The next process to start notices it: docs/operations.md, \"Backup and restore\""
    )
}

/// A number of bytes with a unit.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// A word quoted for a shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%=,+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_each_word_as_it_is() {
        assert_eq!(quoted("postgres://me@db:5432/x"), "postgres://me@db:5432/x");
        assert_eq!(quoted("my file"), "'my file'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
