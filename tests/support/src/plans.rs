//! The plans that PostgreSQL chose for every statement of a program, from the server's log.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::postgres::Database;

/// Tables that grow with an installation. No plan may scan one of them sequentially.
pub const LARGE_TABLES: [&str; 5] =
    ["sync_metadata", "sync_history", "sync_changes", "sync_attempts", "sync_conflicts"];

/// A statement with sequential scans.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scan {
    pub statement: String,
    /// The tables that it scans sequentially.
    pub tables: Vec<String>,
}

impl Database {
    /// Makes the server log the plan of every statement of later connections.
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

    /// Stops logging the plans of later connections.
    pub async fn note_no_plans(&self) -> Result<()> {
        self.execute(&format!("ALTER DATABASE {} RESET session_preload_libraries", self.name())).await
    }

    /// Returns the number of logged statements, and the distinct ones that scan a large table sequentially.
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

/// Returns the JSON documents of auto_explain: each line of one except the first begins with a tab.
fn plans(log: &str) -> Vec<Value> {
    let mut plans = Vec::new();
    let mut document = String::new();
    for line in log.lines().chain([""]) {
        if let Some(part) = line.strip_prefix('\t') {
            document.push_str(part);
            document.push('\n');
        } else if !document.is_empty() {
            // Other log entries span lines, too, but are not JSON.
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
