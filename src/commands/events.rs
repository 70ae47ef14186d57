//! `syncline events`: what happened lately, and what happens now.

use serde_json::Value;
use syncline_entity::event;
use syncline_service::feed::{Feed, Filter, Room, RoomRefused, Start, Types};

use crate::{
    app,
    cli::EventsArgs,
    config::Config,
    fault::{Exit, Fault},
    output::Output,
    shutdown,
};

/// Lists the latest events, and with `--follow` those that come, until it is interrupted.
pub(crate) async fn run(config: &Config, args: &EventsArgs, output: &Output) -> Result<Exit, Fault> {
    let db = app::connect(config).await?;
    let caller = config.caller();
    let types =
        Types::of(args.types.iter().cloned()).map_err(|told| Fault::usage(format!("--type {told}")))?;
    let mut filter = Filter::of(&caller);
    if args.rooms.is_empty() {
        filter.add(Room::All, types.clone());
    }
    for room in &args.rooms {
        let room = Room::enter(&db, &caller, room).await.map_err(|refused| match refused {
            RoomRefused::Database(error) => error.into(),
            refused => Fault::usage(format!("--room: {refused}")),
        })?;
        if !filter.add(room, types.clone()) {
            return Err(Fault::usage("--room: at most 50 rooms"));
        }
    }
    let stop = shutdown::on_signals()?;
    let (oldest, newest) = event::bounds(&db).await?.unwrap_or((1, 0));
    let after = args.after.unwrap_or_else(|| newest.saturating_sub(args.limit).max(oldest - 1));
    let queue = app::environment(config, db.clone())?.queue;
    let feed = Feed::new(db);
    let (relay, ears) = (feed.clone(), feed.clone());
    let _relay = Aborted(tokio::spawn(async move { relay.relay().await }));
    let _ears = Aborted(tokio::spawn(async move { ears.listen().await }));
    let runs = feed.clone();
    let _runs = Aborted(tokio::spawn(async move { runs.watch_runs(&queue).await }));
    let mut reader = match feed.read(Some(after), filter).await? {
        Start::At(reader) => reader,
        // A purge was faster.
        Start::Lost { reader, .. } if args.after.is_none() => reader,
        Start::Lost { asked, .. } => {
            return Err(Fault::usage(format!("--after {asked}: events after it are not kept any more")));
        }
    };
    let mut shown = 0;
    while args.follow || reader.position() < newest {
        let Some(events) = stop.run_until_cancelled(reader.next()).await else { break };
        let events = events?;
        shown += events.len();
        for event in events.iter() {
            let data: Value = serde_json::from_str(&event.text).unwrap_or_default();
            show(event.seq, &event.kind, &data, output);
        }
    }
    if shown == 0 && !args.follow {
        output.line("no events");
    }
    Ok(Exit::Done)
}

/// Prints an event by its position, type and CloudEvent.
pub(crate) fn show(position: i64, kind: &str, data: &Value, output: &Output) {
    output.data(data);
    let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
    let time: String = text("time").chars().take(19).collect();
    // The beginning of a run's id, which `runs` takes, fits the line into 80 columns.
    let subject: String = text("subject").chars().take(23).collect();
    let seq = if position > 0 { position.to_string() } else { String::new() };
    output.line(format!("{seq:>8}  {}  {:<19}  {}", time.replace('T', " "), kind, subject));
}

/// A task that ends with this value.
struct Aborted(tokio::task::JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}
