//! Output as text or JSON: tables, coloured diffs, documents.

mod plan;
mod table;

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    process::ExitCode,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::{DateTime, Utc};
use owo_colors::{OwoColorize, Style};
use serde::Serialize;
use serde_json::{Value, json};
use syncline_service::syncs::display_name;
use terminal_size::{Height, Width};

pub(crate) use self::plan::conflict_kind;
use crate::{
    cli::ColorChoice,
    config::ScreenConfig,
    fault::{Fault, said},
};

/// The width of a terminal that does not report its size.
const USUAL_WIDTH: usize = 80;

/// The note below values that [`shown`] has cut.
const CUT: &str = "values that end with … are cut; --json shows them whole";

/// The form of the output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    color: bool,
    /// The width of the screen; none if lines may have any length.
    width: Option<usize>,
}

impl Output {
    /// The form for these arguments and this terminal.
    pub(crate) fn new(json: bool, color: ColorChoice, screen: ScreenConfig) -> Output {
        let color = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => io::stdout().is_terminal() && !screen.no_color,
        };
        Output { json, color: color && !json, width: screen_width(screen) }
    }

    /// True for JSON output.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a sentence, wrapped at the width of the screen; nothing with `--json`.
    pub(crate) fn line(&self, text: impl std::fmt::Display) {
        self.verbatim(table::wrap(&text.to_string(), self.width, "  "));
    }

    /// True if a line fits the screen.
    pub(crate) fn fits(&self, line: &str) -> bool {
        self.width.is_none_or(|width| table::visible(line) <= width)
    }

    /// Prints text without wrapping it, such as commands to copy or SQL; nothing with `--json`.
    pub(crate) fn verbatim(&self, text: impl std::fmt::Display) {
        if !self.json {
            write_out(&format!("{text}\n"));
        }
    }

    /// Prints a remark to standard error; nothing with `--json`.
    pub(crate) fn note(&self, text: &str) {
        if !self.json {
            let _ = writeln!(io::stderr(), "{}", table::wrap(text, self.width, "  "));
        }
    }

    /// Prints an error to standard error; with `--json` it is in the command's document.
    pub(crate) fn error(&self, text: &str) {
        self.note(&format!("error: {text}"));
    }

    /// Prints the JSON document; nothing without `--json`.
    pub(crate) fn data(&self, data: &impl Serialize) {
        if self.json {
            write_with(|out| {
                // As a value first, which has its keys in order whatever it was made of.
                serde_json::to_writer_pretty(&mut *out, &serde_json::to_value(data)?)?;
                out.write_all(b"\n")
            });
        }
    }

    /// Prints a table; nothing with `--json`.
    pub(crate) fn table(&self, head: &[&str], rows: Vec<Vec<String>>) {
        if self.json {
            return;
        }
        debug_assert!(
            rows.iter().all(|row| row.len() == head.len()),
            "a cell without a column, or a column without a cell"
        );
        let cut = rows.iter().flatten().any(|cell| cell.ends_with('…'));
        let drawn = table::draw(head, rows, self.width);
        if let Some(head) = drawn.head {
            self.verbatim(self.paint(&head, Style::new().bold()));
        }
        for line in drawn.rows {
            self.verbatim(line);
        }
        if cut {
            self.line(CUT);
        }
    }

    /// Prints a headline, with an empty line before it unless it is the first output.
    pub(crate) fn headline(&self, text: &str) {
        let gap = if WRITTEN.load(Ordering::Relaxed) { "\n" } else { "" };
        self.line(format!("{gap}{}", self.paint(text, Style::new().bold())));
    }

    /// Text in a style, if colours are on.
    pub(crate) fn paint(&self, text: &str, style: Style) -> String {
        if self.color { text.style(style).to_string() } else { text.to_owned() }
    }

    /// Prints the error that ended a command to standard error, and returns the exit code.
    pub(crate) fn fault(&self, fault: &Fault) -> ExitCode {
        self.failure(fault);
        ExitCode::from(fault.code)
    }

    /// Prints what failed to standard error, as text or JSON.
    pub(crate) fn failure(&self, fault: &Fault) {
        let text = if self.json {
            json!({ "error": { "exit_code": fault.code, "message": fault.message } }).to_string()
        } else {
            let plain = self.color && io::stderr().is_terminal();
            let label = if plain { "error:".red().bold().to_string() } else { "error:".to_owned() };
            let message = fold(&format!("error: {}", fault.message), self.width);
            format!("{label}{}", message.trim_start_matches("error:"))
        };
        let _ = writeln!(io::stderr(), "{text}");
    }
}

/// Wraps text at the width. An indented line is a command to copy or a line of a document and is not wrapped.
fn fold(text: &str, width: Option<usize>) -> String {
    let lines = text.split('\n').map(|line| match line.starts_with("  ") {
        true => line.to_owned(),
        false => table::wrap(line, width, "  "),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Text for standard error, wrapped at the width of its screen.
pub(crate) fn folded(text: &str, screen: ScreenConfig) -> String {
    let is_terminal = io::stderr().is_terminal();
    fold(text, width_of(screen, is_terminal, || terminal_size::terminal_size_of(io::stderr())))
}

/// COLUMNS, or the width of the terminal. Piped output has no width unless COLUMNS sets one.
fn screen_width(screen: ScreenConfig) -> Option<usize> {
    width_of(screen, io::stdout().is_terminal(), || terminal_size::terminal_size_of(io::stdout()))
}

fn width_of(
    screen: ScreenConfig,
    is_terminal: bool,
    size: impl Fn() -> Option<(Width, Height)>,
) -> Option<usize> {
    let terminal = || is_terminal.then(|| size().map_or(USUAL_WIDTH, |(width, _)| usize::from(width.0)));
    screen.columns.or_else(terminal).filter(|columns| *columns > 0)
}

/// The first error of writing the output.
static LOST: OnceLock<String> = OnceLock::new();

/// True if anything was written to standard output.
static WRITTEN: AtomicBool = AtomicBool::new(false);

/// True if the next output begins on an empty screen.
static CLEAR: AtomicBool = AtomicBool::new(false);

/// True if the reader of the output has closed the pipe.
static CLOSED: AtomicBool = AtomicBool::new(false);

fn write_out(text: &str) {
    write_with(|out| out.write_all(text.as_bytes()));
}

fn write_with(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    WRITTEN.store(true, Ordering::Relaxed);
    let mut out = BufWriter::new(io::stdout().lock());
    let clear = if CLEAR.swap(false, Ordering::Relaxed) { "\x1b[H\x1b[2J" } else { "" };
    let written = out.write_all(clear.as_bytes()).and_then(|()| write(&mut out)).and_then(|()| out.flush());
    match written {
        // That the reader has closed the pipe (`| head`) is no error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => CLOSED.store(true, Ordering::Relaxed),
        // Only the first error is kept.
        Err(error) => {
            let _ = LOST.set(said(&error));
        }
        Ok(()) => {}
    }
}

/// True if the reader of the output has closed the pipe, or the output cannot be written.
pub(crate) fn is_closed() -> bool {
    CLOSED.load(Ordering::Relaxed) || LOST.get().is_some()
}

/// Has the next output begin on an empty screen.
pub(crate) fn clear_first() {
    CLEAR.store(true, Ordering::Relaxed);
}

/// The error if a part of the output could not be written.
pub(crate) fn lost() -> Option<Fault> {
    LOST.get().map(|why| Fault::failed(format!("the output could not be written: {why}")))
}

/// A view of the API as commands print it: without its links, which are paths of a server.
pub(crate) fn bare(view: impl Serialize) -> Value {
    let mut view = json!(view);
    if let Value::Object(keys) = &mut view {
        keys.remove("links");
    }
    view
}

/// The entries of a list in a document.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A text in a document; empty if it is null.
pub(crate) fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// A time in a document.
pub(crate) fn moment(value: &Value, key: &str) -> Option<DateTime<Utc>> {
    value[key].as_str()?.parse().ok()
}

/// The name of the sync of a document, as commands take it.
pub(crate) fn sync_name(value: &Value) -> String {
    match value["sync"].as_str() {
        Some(sync) => display_name(value["project"].as_str().unwrap_or("default"), sync),
        None => String::new(),
    }
}

/// A value on one line, cut if it is long.
pub(crate) fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    };
    if text.chars().count() > 60 { text.chars().take(59).chain(['…']).collect() } else { text }
}
