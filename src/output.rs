//! What people and programs read: tables, coloured diffs, JSON.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
    sync::OnceLock,
};

use comfy_table::{ContentArrangement, Table, presets};
use owo_colors::{OwoColorize, Style};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{cli::ColorChoice, fault::Fault};

/// Where results go, and in which form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    color: bool,
}

impl Output {
    /// The form that the arguments and the terminal ask for.
    pub(crate) fn new(json: bool, color: ColorChoice) -> Output {
        let color = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        Output { json, color: color && !json }
    }

    /// Whether a program reads.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A line for people; nothing for programs.
    pub(crate) fn line(&self, text: impl std::fmt::Display) {
        if !self.json {
            write_out(&format!("{text}\n"));
        }
    }

    /// A remark beside the result, on standard error.
    pub(crate) fn note(&self, text: &str) {
        if !self.json {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// The one document for programs; nothing for people.
    pub(crate) fn data(&self, data: &impl Serialize) {
        if self.json {
            let text = serde_json::to_string_pretty(data)
                .unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string());
            write_out(&format!("{text}\n"));
        }
    }

    /// A table for people.
    pub(crate) fn table(&self, head: &[&str], rows: Vec<Vec<String>>) {
        if self.json {
            return;
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(head.to_vec());
        for row in rows {
            debug_assert_eq!(row.len(), head.len(), "a cell without a column, or a column without a cell");
            table.add_row(row);
        }
        write_out(&format!("{table}\n"));
    }

    /// A headline.
    pub(crate) fn headline(&self, text: &str) {
        self.line(format!("\n{}", self.paint(text, Style::new().bold())));
    }

    /// Text in a style, where there is colour.
    pub(crate) fn paint(&self, text: &str, style: Style) -> String {
        if self.color { text.style(style).to_string() } else { text.to_owned() }
    }

    /// What ended a command, on standard error, and the exit code.
    pub(crate) fn fault(&self, fault: &Fault) -> ExitCode {
        let text = if self.json {
            json!({ "error": { "exit_code": fault.code, "message": fault.message } }).to_string()
        } else {
            let plain = self.color && std::io::stderr().is_terminal();
            let label = if plain { "error:".red().bold().to_string() } else { "error:".to_owned() };
            format!("{label} {}", fault.message)
        };
        let _ = writeln!(std::io::stderr(), "{text}");
        ExitCode::from(fault.code)
    }

    /// A plan as a diff: `+` created, `~` updated, `-` deleted, `!` in conflict or failing.
    pub(crate) fn plan(&self, items: &[Value]) {
        for item in items {
            self.plan_item(item);
        }
    }

    fn plan_item(&self, item: &Value) {
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
        for write in writes {
            let side = text(write, "side");
            for field in list(write, "fields") {
                let (before, after) = (shown(&field["before"]), shown(&field["after"]));
                let name = format!("    {side}.{}: ", text(field, "field"));
                let before = self.paint(&before, Style::new().red());
                let after = self.paint(&after, Style::new().green());
                let change = if field["before"].is_null() { after } else { format!("{before} → {after}") };
                self.line(format!("{name}{change}"));
            }
        }
        for conflict in conflicts {
            let field = conflict["field"].as_str().unwrap_or("the whole item");
            let (source, target) = (shown(&conflict["source"]), shown(&conflict["target"]));
            let settled = conflict["reason"].as_str().map_or("a person decides".to_owned(), str::to_owned);
            let line = format!(
                "    {} in {field}: source {source}, target {target}; {settled}",
                text(conflict, "kind")
            );
            self.line(self.paint(&line, Style::new().yellow()));
        }
        for problem in problems {
            self.line(
                self.paint(&format!("    {}", problem.as_str().unwrap_or_default()), Style::new().red()),
            );
        }
    }
}

/// Why what was written did not arrive.
static LOST: OnceLock<String> = OnceLock::new();

fn write_out(text: &str) {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    // A reader that has gone away (`| head`) is no fault of ours.
    if let Err(error) = written.as_ref()
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        let text = error.to_string();
        // The first one says why.
        let _ = LOST.set(text.split(" (os error").next().unwrap_or_default().to_owned());
    }
}

/// A fault if a part of the output could not be written.
pub(crate) fn lost() -> Option<Fault> {
    LOST.get().map(|why| Fault::failed(format!("the output could not be written: {why}")))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// A value on one line, cut where it is long.
pub(crate) fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    };
    if text.chars().count() > 60 { text.chars().take(59).chain(['…']).collect() } else { text }
}
