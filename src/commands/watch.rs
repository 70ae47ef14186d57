//! `--watch`: a list again and again, until it is interrupted.

use std::{
    io::{IsTerminal, stdout},
    time::Duration,
};

use ratatui::crossterm::{
    cursor::{Hide, Show},
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen},
};

use crate::{
    fault::{Exit, Fault},
    output::{self, Output},
    shutdown,
};

/// Repeats the command until Ctrl-C, SIGTERM or the end of the pipe that reads the output. The first round must succeed; the
/// fault of a later one is printed, and the next round follows.
pub(super) async fn run(
    every: Duration,
    output: &Output,
    mut round: impl AsyncFnMut() -> Result<Exit, Fault>,
) -> Result<Exit, Fault> {
    let stop = shutdown::on_signals()?;
    let screen = Screen::enter(output);
    let mut first = true;
    while !output::is_closed() {
        screen.renew();
        match stop.run_until_cancelled(round()).await {
            None => break,
            Some(Ok(_)) => first = false,
            Some(Err(fault)) if first || fault.code != 1 => return Err(fault),
            Some(Err(fault)) => output.failure(&fault),
        }
        if stop.run_until_cancelled(tokio::time::sleep(every)).await.is_none() {
            break;
        }
    }
    Ok(Exit::Done)
}

/// The screen of a terminal; elsewhere the rounds follow one another.
struct Screen {
    is_terminal: bool,
}

impl Screen {
    fn enter(output: &Output) -> Screen {
        let is_terminal = !output.is_json() && stdout().is_terminal();
        if is_terminal {
            // A terminal that is gone shows nothing.
            let _ = execute!(stdout(), EnterAlternateScreen, Hide);
        }
        Screen { is_terminal }
    }

    /// Has the next output begin on an empty screen. The old one stays until then.
    fn renew(&self) {
        if self.is_terminal {
            output::clear_first();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.is_terminal {
            let _ = execute!(stdout(), Show, LeaveAlternateScreen);
        }
    }
}
