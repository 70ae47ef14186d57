//! The plans that PostgreSQL chose for every statement a program made, from its own log.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::postgres::Database;

/// Tables that grow with an installation. Reading one of them from end to end is what a plan must not do.
pub const LARGE_TABLES: [&str; 5] =
    ["sync_metadata", "sync_history", "sync_changes", "sync_attempts", "sync_conflicts"];

/// A statement and what is wrong with its plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scan {
    /// The statement.
    pub statement: String,
    /// The tables that it reads from end to end.
    pub tables: Vec<String>,
}

impl Database {
    /// From now on the server notes the plan of every statement of later connections.
    pub async fn note_plans(&self) -> Result<()> {
        let name = self.name();
        let settings = [
            "session_preload_libraries = 'auto_explain'",
            "auto_explain.log_min_duration = 0",
            "auto_explain.log_format = 'json'",
            "auto_explain.log_nested_statements = on",
        ];
        for setting in settings {
            self.execute(&format!("ALTER DATABASE {name} SET {setting}")).await?;
        }
        Ok(())
    }

    /// Later connections' plans are not noted any more.
    pub async fn note_no_plans(&self) -> Result<()> {
        self.execute(&format!("ALTER DATABASE {} RESET session_preload_libraries", self.name())).await
    }

    /// How many statements were noted in all, and those that read a large table from end to end, each once.
    pub fn scans(&self) -> Result<(usize, Vec<Scan>)> {
        let log = std::fs::read_to_string(self.log_file()).context("the server's log")?;
        let (mut noted, mut scans) = (0, Vec::new());
        for plan in plans(&log) {
            noted += 1;
            let mut tables = Vec::new();
            scanned(&plan["Plan"], &mut tables);
            let statement = plan["Query Text"].as_str().unwrap_or_default().to_owned();
            if !tables.is_empty() {
                scans.push(Scan { statement, tables });
            }
        }
        scans.sort();
        scans.dedup();
        Ok((noted, scans))
    }
}

/// The documents that auto_explain wrote: each line of one but the first begins with a tab.
fn plans(log: &str) -> Vec<Value> {
    let mut plans = Vec::new();
    let mut document = String::new();
    for line in log.lines().chain([""]) {
        if let Some(part) = line.strip_prefix('\t') {
            document.push_str(part);
            document.push('\n');
        } else if !document.is_empty() {
            // Other entries span lines, too; those are no JSON.
            plans.extend(
                serde_json::from_str::<Value>(&document).ok().filter(|plan| plan.get("Plan").is_some()),
            );
            document.clear();
        }
    }
    plans
}

fn scanned(plan: &Value, tables: &mut Vec<String>) {
    let table = plan["Relation Name"].as_str().unwrap_or_default();
    if plan["Node Type"] == "Seq Scan" && LARGE_TABLES.contains(&table) {
        tables.push(table.to_owned());
    }
    for child in plan["Plans"].as_array().into_iter().flatten() {
        scanned(child, tables);
    }
}
