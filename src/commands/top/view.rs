//! Draws the screen: one pane at a time on a small terminal, all four on a large one.

use std::time::Duration;

use chrono::Utc;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Modifier, Style, Stylize},
    text::{Line, Span},
    widgets::{Block, Clear, Paragraph, Row, Table},
};
use serde_json::Value;

use super::state::{Pane, State};
use crate::{
    commands::syncs,
    output::{list, moment, sync_name, text},
    words::{age, since},
};

/// The width and height from which all panes are shown.
const ALL_FROM: (u16, u16) = (110, 30);

const HELP: &str = "Tab, ←, →   another pane\n↑, ↓, k, j   another line\nHome, End    the first, the last line\n?            this help\nq, Esc       leave";

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, state: &mut State) {
    let [head, sums, panes, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(2),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let now = Utc::now().format("%H:%M:%S UTC");
    frame.render_widget(Line::from(format!("syncline top, {}, {now}", state.source)).bold(), head);
    frame.render_widget(Paragraph::new(numbers(state)), sums);
    if frame.area().width >= ALL_FROM.0 && frame.area().height >= ALL_FROM.1 {
        let [upper, lower] = Layout::vertical([Constraint::Fill(1); 2]).areas(panes);
        let [first, second] = Layout::horizontal([Constraint::Fill(1); 2]).areas(upper);
        let [third, fourth] = Layout::horizontal([Constraint::Fill(1); 2]).areas(lower);
        for (at, area) in [first, second, third, fourth].into_iter().enumerate() {
            pane(frame, state, at, area);
        }
    } else {
        let [tabs, area] = Layout::vertical([Constraint::Length(1), Constraint::Min(2)]).areas(panes);
        frame.render_widget(titles(state.pane), tabs);
        pane(frame, state, state.pane, area);
    }
    let note = match &state.outage {
        Some(why) => Line::from(format!("the numbers are old: {why}")).red(),
        None => Line::from("Tab pane  ↑↓ line  ? help  q leave").dim(),
    };
    frame.render_widget(note, foot);
    if state.help {
        help(frame);
    }
}

/// The totals in two lines.
fn numbers(state: &State) -> Vec<Line<'static>> {
    let classes = || state.snapshot.queues.iter().flat_map(|queue| list(queue, "priorities"));
    let sum = |name: &str| classes().filter_map(|class| class[name].as_u64()).sum::<u64>();
    let live = state.snapshot.workers.iter().filter(|worker| worker["standing"] == "live");
    let slots: u64 = live.clone().filter_map(|worker| worker["concurrency"].as_u64()).sum();
    let total = &state.snapshot.stats.total;
    let share =
        total.success_rate.map(|rate| format!("{:.0} %", rate * 100.0)).unwrap_or_else(|| "-".to_owned());
    let rate = total.throughput.map(|rate| format!("{rate:.1}")).unwrap_or_else(|| "-".to_owned());
    vec![
        Line::from(format!(
            "{} queued ({} undispatched), {} in progress, {} dead; {} workers with {slots} slots",
            sum("queued"),
            sum("undispatched"),
            sum("in_progress"),
            sum("dead"),
            live.count(),
        )),
        Line::from(format!(
            "last hour: {} items synced, {rate} a second, {} failed; {share} of runs succeeded; {} API calls",
            total.items_synced, total.items_failed, total.api_calls,
        )),
    ]
}

fn titles(shown: usize) -> Line<'static> {
    let title = |(at, pane): (usize, &Pane)| {
        let style = if at == shown { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
        [Span::styled(format!(" {} ", pane.title()), style), Span::raw(" ")]
    };
    Pane::ALL.iter().enumerate().flat_map(title).collect()
}

fn pane(frame: &mut Frame<'_>, state: &mut State, at: usize, area: Rect) {
    let pane = Pane::ALL[at];
    let (head, widths, rows): (Vec<&str>, Vec<Constraint>, Vec<Vec<String>>) = match pane {
        Pane::Queues => queues(&state.snapshot.queues),
        Pane::Workers => workers(&state.snapshot.workers),
        Pane::Syncs => stored_syncs(state),
        Pane::Failures => failures(&state.snapshot.failures),
    };
    let title = format!(" {} ({}) ", pane.title(), rows.len());
    let block = Block::bordered().title(title);
    let block = if at == state.pane {
        block.border_style(Style::new().bold())
    } else {
        block.border_style(Style::new().dim())
    };
    let table = Table::new(rows.into_iter().map(Row::new), widths)
        .header(Row::new(head).style(Style::new().bold()))
        .row_highlight_style(if at == state.pane { Style::new().reversed() } else { Style::new() })
        .block(block);
    frame.render_stateful_widget(table, area, &mut state.rows[at]);
}

type Drawn = (Vec<&'static str>, Vec<Constraint>, Vec<Vec<String>>);

fn queues(queues: &[Value]) -> Drawn {
    let mut rows = Vec::new();
    for queue in queues {
        let paused = if queue["paused"] == true { " (paused)" } else { "" };
        for class in list(queue, "priorities") {
            let mut row = vec![format!("{}{paused}", text(queue, "queue")), text(class, "priority")];
            row.extend(["queued", "in_progress", "dead"].map(|name| class[name].to_string()));
            let oldest = class["oldest_seconds"].as_f64();
            let oldest = oldest.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            row.push(oldest.map(age).unwrap_or_default());
            rows.push(row);
        }
    }
    let widths = vec![
        Constraint::Min(10),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(11),
        Constraint::Length(6),
        Constraint::Length(8),
    ];
    (vec!["queue", "priority", "queued", "in progress", "dead", "oldest"], widths, rows)
}

fn workers(workers: &[Value]) -> Drawn {
    let line = |worker: &Value| {
        vec![
            format!("{} on {}", worker["pid"], text(worker, "host")),
            text(worker, "role"),
            text(worker, "standing"),
            format!("{} of {}", worker["running"], worker["concurrency"]),
            age(Duration::from_millis(worker["silent_ms"].as_u64().unwrap_or(0))),
        ]
    };
    let widths = vec![
        Constraint::Min(16),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(10),
        Constraint::Length(9),
    ];
    (vec!["worker", "command", "state", "running", "heartbeat"], widths, workers.iter().map(line).collect())
}

fn stored_syncs(state: &State) -> Drawn {
    let snapshot = &state.snapshot;
    let line = |sync: &Value| {
        let numbers =
            snapshot.stats.syncs.iter().find(|of| sync["name"] == of.sync && sync["project"] == of.project);
        let last = numbers.and_then(|of| of.last_run.as_ref());
        vec![
            syncs::name_of(sync),
            syncs::state(sync).to_owned(),
            last.map(|run| run.status.to_string()).unwrap_or_default(),
            last.map(|run| since(run.queued_at)).unwrap_or_default(),
            numbers.map(|of| of.numbers.items_synced.to_string()).unwrap_or_default(),
            numbers.map(|of| of.numbers.open_conflicts.to_string()).unwrap_or_default(),
        ]
    };
    let widths = vec![
        Constraint::Min(16),
        Constraint::Length(8),
        Constraint::Length(11),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(9),
    ];
    let head = vec!["sync", "state", "last run", "age", "synced", "conflicts"];
    (head, widths, snapshot.syncs.iter().map(line).collect())
}

fn failures(groups: &[Value]) -> Drawn {
    let line = |group: &Value| {
        vec![
            sync_name(group),
            group["letters"].to_string(),
            moment(group, "last_at").map(since).unwrap_or_default(),
            text(group, "error"),
        ]
    };
    let widths =
        vec![Constraint::Length(18), Constraint::Length(7), Constraint::Length(7), Constraint::Min(20)];
    (vec!["sync", "letters", "latest", "error"], widths, groups.iter().map(line).collect())
}

fn help(frame: &mut Frame<'_>) {
    let whole = frame.area();
    let (width, height) = (40.min(whole.width), 7.min(whole.height));
    let area = Rect { x: (whole.width - width) / 2, y: (whole.height - height) / 2, width, height };
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(HELP).block(Block::bordered().title(" keys ")), area);
}
