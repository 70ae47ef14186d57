//! The syncs of a filter, as a piece of SQL in every query of the statistics.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

use super::StatsFilter;

/// The syncs of a filter: a FROM and WHERE over `sync_configs` as `c` and `projects` as `p`, and its values.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    from: String,
    values: Vec<Value>,
}

impl Scope {
    pub(super) fn new(filter: &StatsFilter) -> Self {
        let mut from =
            "FROM sync_configs c JOIN projects p ON p.id = c.project_id WHERE c.deleted_at IS NULL"
                .to_owned();
        let mut values = Vec::new();
        let mut narrow = |condition: &str, value: &Option<String>| {
            if let Some(value) = value {
                from.push_str(condition);
                values.extend(vec![Value::from(value.clone()); condition.matches('?').count()]);
            }
        };
        narrow(" AND c.name = ?", &filter.sync);
        narrow(" AND p.\"key\" = ?", &filter.project);
        narrow(" AND (c.source_platform = ? OR c.target_platform = ?)", &filter.platform);
        narrow(" AND c.entity_type = ?", &filter.entity_type);
        Self { from, values }
    }

    /// Returns the rows of a statement in which `{syncs}` stands for the FROM and WHERE, once, before any other value.
    pub(super) async fn all(
        &self,
        db: &impl ConnectionTrait,
        sql: &str,
        more: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let backend = db.get_database_backend();
        let sql = sql.replacen("{syncs}", &self.from, 1);
        let sql = if backend == DbBackend::Postgres { numbered(&sql) } else { sql };
        let values = self.values.iter().cloned().chain(more);
        db.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await
    }
}

/// Replaces `?` by `$1`, `$2` ...; the statements contain no literal question mark.
fn numbered(sql: &str) -> String {
    let mut parts = sql.split('?');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (position, part) in parts.enumerate() {
        text.push_str(&format!("${}{part}", position + 1));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_has_its_value() {
        let filter = StatsFilter {
            sync: Some("a".to_owned()),
            platform: Some("csv".to_owned()),
            ..StatsFilter::default()
        };
        let scope = Scope::new(&filter);
        assert_eq!(scope.from.matches('?').count(), scope.values.len());
        assert_eq!(numbered("a = ? OR b = ? OR c"), "a = $1 OR b = $2 OR c");
    }
}
