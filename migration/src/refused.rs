//! Explains what a database refused, with the statement that corrects it.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};

use crate::{
    error::{MigrateError, driver, sqlstate, words},
    lock::plain,
};

/// Returns the error of a step, with a remedy if the database's message allows one.
pub(crate) async fn explained(db: &DatabaseConnection, step: &str, error: DbErr) -> MigrateError {
    let (step, said) = (step.to_owned(), words(&error));
    let taken = match db.get_database_backend() {
        DbBackend::Postgres => match driver(&error).and_then(sqlstate) {
            // duplicate_table (also views, indexes, sequences), duplicate_object (constraints), duplicate_function
            Some("42P07" | "42710" | "42723") => true,
            // insufficient_privilege, invalid_schema_name (no schema of search_path exists)
            Some("42501" | "3F000") => {
                return match remedy(db).await {
                    Ok(remedy) => MigrateError::Forbidden { step, said, remedy },
                    Err(_) => MigrateError::Step { step, error },
                };
            }
            _ => false,
        },
        // SQLite has no code for it.
        _ => said.contains("already exists") || said.contains("already another table or index"),
    };
    if taken { MigrateError::Taken { step, said } } else { MigrateError::Step { step, error } }
}

/// Returns the statement that grants the PostgreSQL user the missing privilege.
async fn remedy(db: &DatabaseConnection) -> Result<String, DbErr> {
    let sql = "SELECT quote_ident(current_user) AS role, quote_ident(current_schema()) AS schema, \
               current_setting('search_path') AS path, \
               coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may";
    let row = db.query_one_raw(plain(db, sql)).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("the current user".to_owned()))?;
    let role: String = row.try_get("", "role")?;
    let schema: Option<String> = row.try_get("", "schema")?;
    let may: bool = row.try_get("", "may")?;
    Ok(match schema {
        None => {
            let path: String = row.try_get("", "path")?;
            format!(
                "No schema of search_path ({path}) is there: make it with CREATE SCHEMA, or name another one"
            )
        }
        Some(schema) if !may => {
            format!(
                "As the owner of the schema or as a superuser, run: GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};"
            )
        }
        Some(schema) => format!(
            "The tables of schema {schema} belong to another role: migrate as that role, or as a superuser, run for each \
             of them: ALTER TABLE ... OWNER TO {role};"
        ),
    })
}
