//! A plan as a diff.

use owo_colors::Style;
use serde_json::Value;

use super::{CUT, Output, list, shown, text};

impl Output {
    /// Prints a plan: `+` created, `~` updated, `-` deleted, `!` in conflict or failing.
    pub(crate) fn plan(&self, items: &[Value]) {
        let mut cut = false;
        for item in items {
            cut |= self.plan_item(item);
        }
        if cut {
            self.line(CUT);
        }
    }

    /// Prints one item. True if a value was cut.
    fn plan_item(&self, item: &Value) -> bool {
        let writes = list(item, "writes");
        let conflicts = list(item, "conflicts");
        let problems = list(item, "problems");
        let kind = writes.first().map(|write| text(write, "kind")).unwrap_or_default();
        let open = conflicts.iter().any(|conflict| conflict["winner"].is_null());
        let (sign, style) = match kind.as_str() {
            _ if open || !problems.is_empty() => ("!", Style::new().yellow()),
            "create" => ("+", Style::new().green()),
            "delete" => ("-", Style::new().red()),
            "update" => ("~", Style::new().cyan()),
            _ => ("·", Style::new().dimmed()),
        };
        self.line(self.paint(&format!("{sign} {}  {}", text(item, "item"), text(item, "action")), style));
        let mut cut = false;
        let mut value = |value: &Value| {
            let text = shown(value);
            cut |= text.ends_with('…');
            text
        };
        for write in writes {
            let side = text(write, "side");
            for field in list(write, "fields") {
                let (before, after) = (value(&field["before"]), value(&field["after"]));
                let name = format!("    {side}.{}: ", text(field, "field"));
                let before = self.paint(&before, Style::new().red());
                let after = self.paint(&after, Style::new().green());
                let change = if field["before"].is_null() { after } else { format!("{before} → {after}") };
                self.line(format!("{name}{change}"));
            }
        }
        for conflict in conflicts {
            let field = conflict["field"].as_str().unwrap_or("the whole item");
            let (source, target) = (value(&conflict["source"]), value(&conflict["target"]));
            let rule = conflict["reason"].as_str().unwrap_or("a person decides");
            let kind = conflict_kind(conflict["kind"].as_str().unwrap_or_default());
            let line = format!("    conflict in {field} ({kind}): source {source}, target {target}; {rule}");
            self.line(self.paint(&line, Style::new().yellow()));
        }
        for note in list(item, "notes") {
            let note = note.as_str().unwrap_or_default();
            self.line(self.paint(&format!("    {note}"), Style::new().dimmed()));
        }
        for problem in problems {
            let problem = problem.as_str().unwrap_or_default();
            self.line(self.paint(&format!("    {problem}"), Style::new().red()));
        }
        cut
    }
}

/// A kind of conflict in words.
pub(crate) fn conflict_kind(kind: &str) -> &str {
    match kind {
        "field_mismatch" => "changed on both sides",
        "edit_delete" => "changed on one side, deleted on the other",
        "timestamp" => "different when first compared",
        "old_base" => "different after a restore",
        "type_mismatch" => "cannot cross",
        "refused_value" => "refused by the other side",
        "invalid_transition" => "status change not allowed",
        "lost_update" => "an edit was overwritten",
        "ambiguous_create" => "may have been created already",
        other => other,
    }
}
