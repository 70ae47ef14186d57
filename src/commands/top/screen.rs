//! The terminal: the other screen, raw mode, and their end on every way out.

use std::{
    io::{self, Stdout},
    sync::Once,
};

use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
};

use super::{state::State, view};
use crate::fault::{Fault, said};

/// The terminal while it shows the screen; dropping it restores the terminal.
pub(super) struct Screen(Terminal<CrosstermBackend<Stdout>>);

impl Screen {
    pub(super) fn enter() -> Result<Screen, Fault> {
        static HOOK: Once = Once::new();
        // The message of a panic would go to the other screen and vanish with it.
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                before(panic);
            }));
        });
        enable_raw_mode().map_err(failed)?;
        let entered = execute!(io::stdout(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match entered {
            Ok(terminal) => Ok(Screen(terminal)),
            Err(error) => {
                restore();
                Err(failed(error))
            }
        }
    }

    pub(super) fn draw(&mut self, state: &mut State) -> Result<(), Fault> {
        self.0.draw(|frame| view::draw(frame, state)).map_err(failed)?;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

fn failed(error: io::Error) -> Fault {
    Fault::failed(format!("the terminal: {}", said(&error)))
}

/// Restores the terminal. Errors are ignored: a terminal that is gone needs nothing.
fn restore() {
    let _ = disable_raw_mode();
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
}
