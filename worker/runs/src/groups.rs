//! Groups of dead letters: those of one sync with one cause. Triggers count them, so that a list of groups reads no more
//! letters than it has groups.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Value};
use syncline_sql::statement;
use uuid::Uuid;

/// The order of groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GroupOrder {
    /// The one with the latest letter first.
    #[default]
    Newest,
    /// The smallest first.
    Rarest,
    /// The largest first.
    Most,
}

impl GroupOrder {
    pub const ALL: [GroupOrder; 3] = [GroupOrder::Newest, GroupOrder::Rarest, GroupOrder::Most];

    /// Returns the name in commands and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            GroupOrder::Newest => "newest",
            GroupOrder::Rarest => "rarest",
            GroupOrder::Most => "most",
        }
    }

    /// The order, where the number of letters is a column of this table.
    fn sql(self, table: &str) -> String {
        let newest = "h.dead_at DESC, h.id DESC";
        match self {
            GroupOrder::Newest => newest.to_owned(),
            GroupOrder::Rarest => format!("{table}.letters, {newest}"),
            GroupOrder::Most => format!("{table}.letters DESC, {newest}"),
        }
    }
}

impl std::str::FromStr for GroupOrder {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = GroupOrder::ALL.into_iter().find(|order| order.as_str() == name);
        found.ok_or_else(|| format!("{name:?} is no order of groups: newest, rarest or most"))
    }
}

/// Selects groups.
#[derive(Debug, Clone, Default)]
pub struct GroupQuery {
    pub project: Option<i64>,
    pub sync: Option<i64>,
    /// Only this fingerprint.
    pub fingerprint: Option<String>,
    /// Only this kind of error.
    pub kind: Option<String>,
    /// Only with this text in the error of the latest letter, in upper or lower case.
    pub text: Option<String>,
    pub order: GroupOrder,
    pub limit: u64,
    /// Groups left out at the beginning.
    pub skip: u64,
}

/// The dead letters of one sync with one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Empty for letters whose cause a worker has yet to add.
    pub fingerprint: String,
    pub sync: i64,
    pub letters: i64,
    /// The time of the earliest letter.
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
    /// The kind of error.
    pub kind: Option<String>,
    /// The latest letter.
    pub latest: Uuid,
    /// Its reason.
    pub reason: Option<String>,
    /// Its error.
    pub error: Option<String>,
}

/// Lists groups.
pub async fn groups(db: &impl ConnectionTrait, query: &GroupQuery) -> Result<Vec<Group>, DbErr> {
    let backend = db.get_database_backend();
    let mut values: Vec<Value> = Vec::new();
    let mut counted = String::new();
    if let Some(sync) = query.sync {
        counted += " AND d.sync_config_id = ?";
        values.push(sync.into());
    }
    if let Some(fingerprint) = &query.fingerprint {
        counted += " AND d.fingerprint = ?";
        values.push(fingerprint.as_str().into());
    }
    if let Some(project) = query.project {
        counted += " AND c.project_id = ?";
        values.push(project.into());
    }
    let mut shown = String::new();
    if let Some(kind) = &query.kind {
        shown += " AND h.error_kind = ?";
        values.push(kind.as_str().into());
    }
    if let Some(text) = query.text.as_ref().filter(|text| !text.is_empty()) {
        let find = if backend == DbBackend::Postgres { "strpos" } else { "instr" };
        shown += &format!(" AND {find}(LOWER(COALESCE(h.error_message, h.dead_reason, '')), LOWER(?)) > 0");
        values.push(text.as_str().into());
    }
    let number = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
    values.extend([number(query.limit), number(query.skip)]);
    // The first letter is looked for once the page is known.
    let sql = format!(
        "SELECT h.*, {first} AS first_at FROM ( \
         SELECT g.sync_config_id, g.fingerprint, g.letters, h.id, h.run_uid, h.dead_at, h.error_kind, h.dead_reason, \
         h.error_message FROM ( \
         SELECT s.*, {newest} AS newest FROM ( \
         SELECT d.sync_config_id, d.fingerprint, CAST(SUM(d.letters) AS bigint) AS letters FROM dead_letter_counts d \
         JOIN sync_configs c ON c.id = d.sync_config_id WHERE TRUE{counted} \
         GROUP BY d.sync_config_id, d.fingerprint HAVING SUM(d.letters) > 0) AS s) AS g \
         JOIN sync_history h ON h.id = g.newest WHERE TRUE{shown} ORDER BY {of_all} LIMIT ? + 0 OFFSET ? + 0) AS h \
         ORDER BY {of_page}",
        newest = letter("s", "id", "DESC"),
        first = letter("h", "dead_at", "ASC"),
        of_all = query.order.sql("g"),
        of_page = query.order.sql("h"),
    );
    let rows = db.query_all_raw(statement(backend, &sql, values)).await?;
    let read = |row: &sea_orm::QueryResult| {
        Ok(Group {
            fingerprint: row.try_get("", "fingerprint")?,
            sync: row.try_get("", "sync_config_id")?,
            letters: row.try_get("", "letters")?,
            first_at: row.try_get("", "first_at")?,
            last_at: row.try_get("", "dead_at")?,
            kind: row.try_get("", "error_kind")?,
            latest: row.try_get("", "run_uid")?,
            reason: row.try_get("", "dead_reason")?,
            error: row.try_get("", "error_message")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Selects a column of the first or last letter of the group of a row. Two conditions, since no index serves one for both.
fn letter(group: &str, column: &str, order: &str) -> String {
    let one = |condition: &str| {
        format!(
            "(SELECT x.{column} FROM sync_history x WHERE x.dead_at IS NOT NULL AND x.sync_config_id = {group}.sync_config_id \
             AND x.error_fingerprint {condition} ORDER BY x.dead_at {order}, x.id {order} LIMIT 1)"
        )
    };
    let (without, with) = (one("IS NULL"), one(&format!("= {group}.fingerprint")));
    format!("CASE WHEN {group}.fingerprint = '' THEN {without} ELSE {with} END")
}

/// Returns the number of dead letters, from the counts.
pub async fn counted(
    db: &impl ConnectionTrait,
    project: Option<i64>,
    sync: Option<i64>,
    fingerprint: Option<&str>,
) -> Result<u64, DbErr> {
    let mut sql = "SELECT CAST(COALESCE(SUM(d.letters), 0) AS bigint) AS letters FROM dead_letter_counts d \
                   JOIN sync_configs c ON c.id = d.sync_config_id WHERE TRUE"
        .to_owned();
    let mut values: Vec<Value> = Vec::new();
    let mut and = |text: &str, value: Value| {
        sql += text;
        values.push(value);
    };
    if let Some(project) = project {
        and(" AND c.project_id = ?", project.into());
    }
    if let Some(sync) = sync {
        and(" AND d.sync_config_id = ?", sync.into());
    }
    if let Some(fingerprint) = fingerprint {
        and(" AND d.fingerprint = ?", fingerprint.into());
    }
    let row = db.query_one_raw(statement(db.get_database_backend(), &sql, values)).await?;
    let letters: i64 = row.map(|row| row.try_get("", "letters")).transpose()?.unwrap_or(0);
    Ok(u64::try_from(letters).unwrap_or(0))
}
