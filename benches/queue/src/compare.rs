//! Compares our queue with its peers on one store, round by round.

use anyhow::Result;

use crate::{
    Arguments,
    contenders::{Contender, Kind, Store, all},
    figures::{Figures, judge, number, quantile, table},
    scale::Scale,
    servers::Servers,
};

const SHOWN: [(&str, &str); 8] = [
    ("drain", "drain/s"),
    ("enqueue", "one by one/s"),
    ("producers", "16 producers/s"),
    ("bulk", "bulk/s"),
    ("pickup_p50", "pickup p50 ms"),
    ("pickup_p99", "p99 ms"),
    ("bytes", "store B/job"),
    ("memory", "worker MiB"),
];

pub(crate) async fn run(servers: &Servers, store: Store, scale: &Scale, arguments: &Arguments) -> Result<()> {
    if servers.place(store).await?.is_none() {
        return Ok(());
    }
    println!("== {store}");
    let mut running = Vec::new();
    for contender in all(store) {
        if arguments.alone && contender.kind != Kind::Ours {
            continue;
        }
        eprintln!("{}: getting ready; a peer's first time takes minutes", contender.name);
        match contender.prepare().await {
            Ok(()) => running.push((contender, Figures::default())),
            Err(error) => println!("left out: {} cannot be installed: {error:#}", contender.name),
        }
    }
    for number in 0..scale.rounds {
        for (contender, figures) in &mut running {
            eprintln!("round {}: {}", number + 1, contender.name);
            if let Err(error) = round(servers, store, contender, figures, scale).await {
                println!("round {}: {}: {error:#}", number + 1, contender.name);
            }
        }
    }
    let mut header = vec!["queue"];
    header.extend(SHOWN.map(|(_, title)| title));
    let mut rows = table(&header);
    for (contender, figures) in &running {
        let mut cells = vec![contender.name.to_owned()];
        cells.extend(SHOWN.map(|(name, _)| figures.median(name).map_or_else(|| "-".to_owned(), number)));
        rows.add_row(cells);
    }
    println!("{rows}");
    let idle = idle(servers, store, scale).await?;
    tell(store, &running, idle);
    println!();
    Ok(())
}

async fn round(
    servers: &Servers,
    store: Store,
    contender: &Contender,
    figures: &mut Figures,
    scale: &Scale,
) -> Result<()> {
    let Some(place) = servers.place(store).await? else { return Ok(()) };
    let mut pushes = scale.pushes(store);
    pushes.bulk = if contender.bulk { pushes.bulk } else { 0 };
    if pushes.total() > contender.at_most {
        let share = contender.at_most as f64 / pushes.total() as f64;
        let less = |jobs: usize| (jobs as f64 * share) as usize / 16 * 16;
        pushes.one_by_one = less(pushes.one_by_one);
        pushes.producers = less(pushes.producers);
        pushes.bulk = less(pushes.bulk);
    }
    let before = place.memory().await?;
    let numbers = [pushes.one_by_one, pushes.producers, pushes.bulk];
    for (name, value) in contender.phase(store, &place.url, "push", &numbers).await? {
        figures.add(&name, value);
    }
    if let (Some(before), Some(after)) = (before, place.memory().await?) {
        figures.add("bytes", (after - before) / pushes.total() as f64);
    }
    for (name, value) in contender.phase(store, &place.url, "drain", &[pushes.total()]).await? {
        figures.add(&name, value);
    }
    if contender.pickup {
        let told = contender.phase(store, &place.url, "pickup", &[scale.samples]).await?;
        let waits: Vec<f64> = told.into_iter().map(|(_, value)| value).collect();
        for (name, share) in [("pickup_p50", 0.5), ("pickup_p99", 0.99)] {
            if let Some(value) = quantile(&waits, share) {
                figures.add(name, value);
            }
        }
    }
    Ok(())
}

/// The calls per second of our idle worker.
async fn idle(servers: &Servers, store: Store, scale: &Scale) -> Result<Option<f64>> {
    let Some(place) = servers.place(store).await? else { return Ok(None) };
    let ours = &all(store)[0];
    let watch = async {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let before = place.calls().await?;
        // PostgreSQL counts a session's calls about a second after they were made.
        tokio::time::sleep(std::time::Duration::from_secs(scale.idle as u64)).await;
        let after = place.calls().await?;
        anyhow::Ok(before.zip(after).map(|(before, after)| (after - before) / scale.idle as f64))
    };
    let numbers = [scale.idle + 5];
    let (calls, _) = tokio::try_join!(watch, ours.phase(store, &place.url, "idle", &numbers))?;
    Ok(calls)
}

fn tell(store: Store, running: &[(Contender, Figures)], idle: Option<f64>) {
    let ours = running.iter().find(|(contender, _)| contender.kind == Kind::Ours).map(|(_, figures)| figures);
    let Some(ours) = ours else { return };
    let best = |name: &str, which: &dyn Fn(&Contender) -> bool| {
        let peers = running
            .iter()
            .filter(|(contender, _)| contender.kind != Kind::Ours && contender.counts && which(contender));
        peers.filter_map(|(_, figures)| figures.median(name)).max_by(f64::total_cmp)
    };
    let ratio =
        |name: &str, which: &dyn Fn(&Contender) -> bool| Some(ours.median(name)? / best(name, which)?);
    let any = |_: &Contender| true;
    match store {
        Store::Redis => {
            judge("drain over the best peer's", ratio("drain", &any), "x", true, 2.5);
            judge("16 producers over the best peer's", ratio("producers", &any), "x", true, 1.0);
            judge("bulk over the best peer's", ratio("bulk", &any), "x", true, 1.5);
            judge("pickup p50", ours.median("pickup_p50"), " ms", false, 0.5);
            judge("pickup p99", ours.median("pickup_p99"), " ms", false, 3.0);
            judge("store per waiting job", ours.median("bytes"), " B", false, 400.0);
            judge("commands per second when idle", idle, "", false, 30.0);
        }
        Store::Postgres => {
            judge("drain over the best peer's, batched or not", ratio("drain", &any), "x", true, 1.0);
            judge("pickup p99", ours.median("pickup_p99"), " ms", false, 10.0);
            judge("transactions per second when idle", idle, "", false, 30.0);
        }
        Store::Sqlite => {
            let huey = |contender: &Contender| contender.kind == Kind::Huey;
            judge("drain over huey's", ratio("drain", &huey), "x", true, 4.0);
        }
    }
}

/// Measures claims of 64 jobs with few and with very many jobs waiting.
pub(crate) async fn fetch(servers: &Servers, scale: &Scale) -> Result<()> {
    println!("== a claim of 64 jobs and its settlement, ms, by how many jobs wait");
    let mut header = vec!["store".to_owned()];
    header.extend(scale.waiting.iter().map(|waiting| number(*waiting as f64)));
    header.push("last over first".to_owned());
    let mut rows = table(&header.iter().map(String::as_str).collect::<Vec<_>>());
    for store in [Store::Redis, Store::Postgres, Store::Sqlite] {
        let Some(place) = servers.place(store).await? else { continue };
        let ours = &all(store)[0];
        let told = ours.phase(store, &place.url, "fetch", &scale.waiting).await;
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                println!("{store}: {error:#}");
                continue;
            }
        };
        let mut cells = vec![store.to_string()];
        cells.extend(told.iter().map(|(_, millis)| number(*millis)));
        if let (Some((_, first)), Some((_, last))) = (told.first(), told.last()) {
            cells.push(number(last / first));
        }
        rows.add_row(cells);
    }
    println!("{rows}\n");
    Ok(())
}
