//! The live feed of a server.

use std::time::Duration;

use reqwest::{Method, header::ACCEPT};
use serde_json::Value;

use super::{Client, refused::unreachable};
use crate::{
    cli::EventsArgs,
    commands::events::show,
    fault::{Exit, Fault},
    output::Output,
    shutdown,
};

/// Longer than the server keeps a stream.
const LONGEST: Duration = Duration::from_secs(40 * 60);
/// How long the feed is silent before what has happened so far counts as complete.
const QUIET: Duration = Duration::from_secs(1);
/// The first and the longest wait before a lost stream is opened anew.
const AGAIN: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(10)];

/// Lists events after a position, and with `--follow` those that come, until it is interrupted.
pub(super) async fn run(client: &Client, args: &EventsArgs, output: &Output) -> Result<Exit, Fault> {
    let stop = shutdown::on_signals()?;
    let after = match args.after {
        Some(after) => Some(after),
        None => {
            let newest = stop.run_until_cancelled(newest(client)).await.transpose()?.flatten();
            newest.map(|newest| newest.saturating_sub(args.limit).max(0))
        }
    };
    let mut stream = Stream { after, given: args.after.is_some(), shown: 0, opened: false, output };
    let mut wait = AGAIN[0];
    loop {
        let before = stream.after;
        let ended = stop.run_until_cancelled(stream.read(client, args)).await;
        match ended {
            // Interrupted, or all is shown.
            None | Some(Ok(true)) => break,
            Some(Ok(false)) => {}
            // What was never open is an error at once.
            Some(Err(fault)) if !stream.opened || fault.code == 2 || !args.follow => return Err(fault),
            Some(Err(fault)) => output.note(&format!("{}; trying again", fault.message)),
        }
        wait = if stream.after == before { (wait * 2).min(AGAIN[1]) } else { AGAIN[0] };
        if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            break;
        }
    }
    if stream.shown == 0 && !args.follow {
        output.line("no events");
    }
    Ok(Exit::Done)
}

/// The position of the latest event, with which each stream begins.
async fn newest(client: &Client) -> Result<Option<i64>, Fault> {
    let request = client.request(Method::GET, &["events"], &[])?;
    let mut response = client.send(request.header(ACCEPT, "text/event-stream")).await?;
    let mut buffer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(client.address(), error))? {
        buffer.extend_from_slice(&chunk);
        let text = String::from_utf8_lossy(&buffer);
        // The last line may be only begun.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        if let Some(id) = whole.lines().find_map(|line| line.strip_prefix("id: ")) {
            return Ok(id.parse().ok());
        }
    }
    Ok(None)
}

struct Stream<'a> {
    /// The position after which to go on.
    after: Option<i64>,
    /// True if the user named the position.
    given: bool,
    shown: usize,
    /// True once the server has answered.
    opened: bool,
    output: &'a Output,
}

impl Stream<'_> {
    /// Reads one stream to its end. True if there is nothing more to wait for.
    async fn read(&mut self, client: &Client, args: &EventsArgs) -> Result<bool, Fault> {
        let joined = |texts: &[String]| (!texts.is_empty()).then(|| texts.join(","));
        let query = [
            ("rooms", joined(&args.rooms)),
            ("types", joined(&args.types)),
            ("after", self.after.map(|after| after.to_string())),
        ];
        let request = client.request(Method::GET, &["events"], &query)?;
        let request = request.header(ACCEPT, "text/event-stream").timeout(LONGEST);
        let mut response = client.send(request).await?;
        self.opened = true;
        let mut buffer = Vec::new();
        loop {
            let chunk = response.chunk();
            let chunk = match args.follow {
                true => chunk.await,
                false => match tokio::time::timeout(QUIET, chunk).await {
                    Ok(chunk) => chunk,
                    Err(_) => return Ok(true),
                },
            };
            let chunk = chunk.map_err(|error| unreachable(client.address(), error))?;
            let Some(chunk) = chunk else { return Ok(!args.follow) };
            buffer.extend_from_slice(&chunk);
            while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
                let message: Vec<u8> = buffer.drain(..end + 2).collect();
                if self.take(&String::from_utf8_lossy(&message))? {
                    return Ok(false);
                }
            }
        }
    }

    /// Shows the event of a message; an id alone is remembered. True if the stream has to begin at another position.
    fn take(&mut self, message: &str) -> Result<bool, Fault> {
        let (mut id, mut kind, mut data) = (None, "", "");
        for line in message.lines() {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("id", text) => id = text.parse().ok(),
                ("event", text) => kind = text,
                ("data", text) => data = text,
                _ => {}
            }
        }
        // What is not kept, such as the progress of a run, has no position.
        let position = id.unwrap_or(0);
        let asked = if id.is_some() { std::mem::replace(&mut self.after, id) } else { self.after };
        if kind == "feed.reset" {
            let asked = asked.unwrap_or_default();
            if !self.given {
                // A purge has removed some of the latest ones.
                self.after = Some(asked + (position - asked + 1) / 2);
                return Ok(true);
            }
            return Err(Fault::usage(format!(
                "--after {asked}: events after it are not kept any more; without --after those are shown that are kept"
            )));
        }
        if !data.is_empty() {
            let event: Value = serde_json::from_str(data).unwrap_or_default();
            show(position, kind, &event, self.output);
            self.shown += 1;
        }
        Ok(false)
    }
}
