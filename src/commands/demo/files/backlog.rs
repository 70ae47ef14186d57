//! The demo's data: always the same 300 tasks.

use std::fmt::Write;

use crate::commands::demo::words::{THINGS, VERBS};

/// Tasks in the backlog.
const ROWS: usize = 300;

/// The document of the sync between the file and the table.
pub(super) const DOCUMENT: &str = r#"name: backlog
source_platform: csv
source: { path: backlog.csv, key: id }
target_platform: sql
target: { url: "sqlite://tasks.db", table: tasks, key: id, modified: updated_at }
entity_type: task
direction: bidirectional
conflict_strategy: last_write_wins
two_way_create: true
delete_policy: delete
match_on: [id]
field_mappings:
  - { source_field: id, target_field: id }
  - { source_field: title, target_field: title, required: true, conflict_strategy: manual }
  - { source_field: status, target_field: state, values: { "To Do": open, "In Progress": open, "Done": closed }, back: { open: "To Do", closed: "Done" } }
  - { source_field: assignee, target_field: assignee }
  - { source_field: points, target_field: points, source_type: number, target_type: number }
  - { source_field: due, target_field: due_on, source_type: date, target_type: date }
  - { source_field: blocked, target_field: is_blocked, source_type: boolean, target_type: boolean }
"#;

pub(super) const TABLE: &str = "CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
    assignee TEXT,
    points REAL,
    due_on DATE,
    is_blocked BOOLEAN,
    updated_at TEXT
)";

/// The edits in the table.
pub(super) const EDITS: &str = "
    UPDATE tasks SET assignee = 'noor', updated_at = datetime('now') WHERE id = 'T-042';
    UPDATE tasks SET state = 'closed', updated_at = datetime('now') WHERE id = 'T-101';
    UPDATE tasks SET title = 'Simplify and document webhook retries', updated_at = datetime('now') WHERE id = 'T-007';
    INSERT INTO tasks (id, title, state, assignee, points, updated_at)
        VALUES ('T-302', 'Write the post-mortem of the cache outage', 'open', 'sam', 3, datetime('now'));
";

/// The edits in the table and in the file, in words.
pub(super) const EDITS_TOLD: [&str; 8] = [
    "file:  T-017 gets 8 points",
    "file:  T-101 gets a new assignee",
    "file:  T-007 gets another title",
    "file:  T-250 is deleted",
    "file:  T-301 is new",
    "table: T-042 gets an assignee, T-101 is closed",
    "table: T-007 gets another title, too",
    "table: T-302 is new",
];

const PEOPLE: [&str; 6] = ["ada", "grace", "linus", "noor", "sam", ""];
const STATUSES: [&str; 3] = ["To Do", "In Progress", "Done"];

/// The CSV file. The document does not map the column `notes`: every rewrite must keep it.
pub(super) fn csv() -> String {
    let mut text = String::from("id,title,status,assignee,points,due,blocked,notes\n");
    for number in 1..=ROWS {
        let title = format!("{} {}", VERBS[number * 7 % VERBS.len()], THINGS[number * 5 % THINGS.len()]);
        let due = if number % 4 == 0 {
            String::new()
        } else {
            format!("2026-{:02}-{:02}", 1 + number % 12, 1 + number * 3 % 28)
        };
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "T-{number:03},{},{},{},{},{due},{},{}",
            quoted(&title),
            STATUSES[number * 11 % STATUSES.len()],
            PEOPLE[number * 13 % PEOPLE.len()],
            [1, 2, 3, 5, 8, 13][number % 6],
            if number % 9 == 0 { "yes" } else { "no" },
            if number % 10 == 0 { "\"from the workshop, see minutes\"" } else { "" },
        );
    }
    text
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// The file after the edits.
pub(super) fn edited_csv(text: &str) -> String {
    let mut edited = String::with_capacity(text.len());
    for line in text.lines() {
        match line.split(',').next().unwrap_or_default() {
            "T-250" => continue,
            "T-007" => edited.push_str(&line.replace("webhook retries", "webhook retries with a queue")),
            "T-017" => edited.push_str(&line.replace(",13,", ",8,")),
            "T-101" => edited.push_str(&line.replace(",In Progress,,", ",In Progress,grace,")),
            _ => edited.push_str(line),
        }
        edited.push('\n');
    }
    edited.push_str("T-301,Plan the move to the new data centre,To Do,ada,13,2026-12-01,no,\n");
    edited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backlog_has_three_hundred_rows_and_is_always_the_same() {
        assert_eq!(csv().lines().count(), ROWS + 1);
        assert_eq!(csv(), csv());
    }

    #[test]
    fn every_edit_finds_its_row() {
        let (before, after) = (csv(), edited_csv(&csv()));
        let changed = after.lines().filter(|line| !before.lines().any(|old| old == *line)).count();
        // Three rows edited, one new.
        assert_eq!(changed, 4);
        assert_eq!(after.lines().count(), before.lines().count());
    }
}
