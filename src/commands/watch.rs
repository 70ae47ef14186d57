//! `--watch`: a list again and again, until it is interrupted.

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use crate::{
    fault::{Exit, Fault},
    output::{self, Output},
    shutdown,
};

/// The other screen of the terminal, without a cursor; the first one and the cursor come back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Carries out rounds until Ctrl-C or SIGTERM, or until nobody reads the output. The first round must succeed; a later one
/// may fail for a while, as when a server starts anew.
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
        let is_terminal = !output.is_json() && std::io::stdout().is_terminal();
        if is_terminal {
            write(ENTER);
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
            write(LEAVE);
        }
    }
}

fn write(text: &str) {
    let mut out = std::io::stdout();
    // A terminal that is gone shows nothing.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
