//! `syncline top`: queues, workers, syncs, failures and throughput on one screen, by the second.

mod screen;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod view;

use std::{io::IsTerminal, time::Duration};

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::sync::mpsc;

pub(crate) use self::snapshot::Source;
use self::{
    screen::Screen,
    snapshot::Own,
    state::{Next, State},
};
use crate::{
    app,
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    shutdown,
};

/// How often the numbers are read.
const EVERY: Duration = Duration::from_secs(1);
/// How long the thread that reads keys waits for one before it checks whether the screen is still there.
const KEYS: Duration = Duration::from_millis(100);

/// Shows Syncline's database.
pub(crate) async fn on_database(config: &Config, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let queue = app::queue(config, &db)?;
    run(&Source::Database(Box::new(Own { db, queue, caller: config.caller() })), output).await
}

/// Shows the screen until a key or a signal ends it. The first reading must succeed; a later one that fails is shown.
pub(crate) async fn run(source: &Source, output: &Output) -> Result<Exit, Fault> {
    if output.is_json() || !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(Fault::usage(
            "syncline top needs a terminal, and prints no JSON; programs read `syncline queues --json`, `syncline workers \
             --json`, `syncline syncs --json`, `syncline dead groups --json` and `syncline stats --json`",
        ));
    }
    let stop = shutdown::on_signals()?;
    let mut state = State::new(source.name(), source.snapshot().await?);
    let mut screen = Screen::enter()?;
    let mut keys = keys();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        screen.draw(&mut state)?;
        tokio::select! {
            () = stop.cancelled() => return Ok(Exit::Done),
            event = keys.recv() => match event {
                None => return Ok(Exit::Done),
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                    if state.press(key) == Next::Leave {
                        return Ok(Exit::Done);
                    }
                }
                // A resize is drawn with the next round.
                Some(_) => {}
            },
            _ = ticks.tick() => {
                let Some(read) = stop.run_until_cancelled(source.snapshot()).await else { return Ok(Exit::Done) };
                state.read(read);
            }
        }
    }
}

/// Returns the events of the terminal. The thread ends when the receiver is dropped.
fn keys() -> mpsc::Receiver<Event> {
    let (to, from) = mpsc::channel(16);
    std::thread::spawn(move || {
        while !to.is_closed() {
            match event::poll(KEYS) {
                Ok(false) => {}
                Ok(true) => {
                    let Ok(event) = event::read() else { return };
                    if to.blocking_send(event).is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    });
    from
}
