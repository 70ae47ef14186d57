//! The state of the screen: the numbers, the pane and the selected rows.

use ratatui::{
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    widgets::TableState,
};

use super::snapshot::Snapshot;
use crate::fault::Fault;

/// The panes, in the order of Tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pane {
    Queues,
    Workers,
    Syncs,
    Failures,
}

impl Pane {
    pub(super) const ALL: [Pane; 4] = [Pane::Queues, Pane::Workers, Pane::Syncs, Pane::Failures];

    pub(super) fn title(self) -> &'static str {
        match self {
            Pane::Queues => "queues",
            Pane::Workers => "workers",
            Pane::Syncs => "syncs",
            Pane::Failures => "failures",
        }
    }
}

/// What follows a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Stay,
    Leave,
}

pub(super) struct State {
    /// The name of the source.
    pub(super) source: String,
    pub(super) snapshot: Snapshot,
    /// Why the last reading failed.
    pub(super) outage: Option<String>,
    pub(super) pane: usize,
    /// The selected row of each pane.
    pub(super) rows: [TableState; 4],
    pub(super) help: bool,
}

impl State {
    pub(super) fn new(source: String, snapshot: Snapshot) -> State {
        let rows = std::array::from_fn(|_| TableState::new().with_selected(0));
        State { source, snapshot, outage: None, pane: 0, rows, help: false }
    }

    /// Takes the numbers of a new reading; those of the last one stay if it failed.
    pub(super) fn read(&mut self, read: Result<Snapshot, Fault>) {
        match read {
            Ok(snapshot) => (self.snapshot, self.outage) = (snapshot, None),
            Err(fault) => self.outage = Some(fault.message),
        }
    }

    pub(super) fn press(&mut self, key: KeyEvent) -> Next {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Next::Leave;
        }
        let panes = Pane::ALL.len();
        match key.code {
            // The help is left first.
            KeyCode::Char('q') | KeyCode::Esc if !self.help => return Next::Leave,
            KeyCode::Char('q' | '?') | KeyCode::Esc if self.help => self.help = false,
            KeyCode::Char('?') => self.help = true,
            KeyCode::Tab | KeyCode::Right => self.pane = (self.pane + 1) % panes,
            KeyCode::BackTab | KeyCode::Left => self.pane = (self.pane + panes - 1) % panes,
            KeyCode::Down | KeyCode::Char('j') => self.rows[self.pane].select_next(),
            KeyCode::Up | KeyCode::Char('k') => self.rows[self.pane].select_previous(),
            KeyCode::Home | KeyCode::Char('g') => self.rows[self.pane].select_first(),
            KeyCode::End | KeyCode::Char('G') => self.rows[self.pane].select_last(),
            _ => {}
        }
        Next::Stay
    }
}
