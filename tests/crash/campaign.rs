//! Killed fifty times on the way, at moments drawn from a seed.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use syncline_support::{
    places::{Items, Table, document, edit_csv, read_csv, row, write_csv},
    program::Program,
};

use super::{
    BINARY,
    ledger::{Ledger, check_in_step},
};

/// Items in each place; `SYNCLINE_TEST_ROWS` sets another number.
const ROWS: usize = 10_000;
/// Kills in all; `SYNCLINE_TEST_KILLS` sets another number.
const KILLS: usize = 50;
/// `SYNCLINE_TEST_SEED` sets another.
const SEED: u64 = 20_261_120;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Between 0 and 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A third of the items edited here, a third there, some new and some gone on both sides.
async fn work(program: &Program, rows: usize) -> Result<(Items, i64)> {
    let (file, table) = (program.path("backlog.csv"), Table::open(&program.path("tasks.db")).await?);
    let number = |id: &str| id.trim_start_matches("T-").parse::<usize>().unwrap_or(0);
    let mut expected = read_csv(&file)?;
    let mut writes = 0;
    for id in expected.keys().cloned().collect::<Vec<_>>() {
        match number(&id) % 30 {
            0..10 => *expected.entry(id).or_default().entry("title".to_owned()).or_default() += ", edited",
            10..20 => {
                expected.entry(id).or_default().insert("points".to_owned(), "500".to_owned());
            }
            20 | 21 => {
                expected.remove(&id);
            }
            _ => continue,
        }
        writes += 1;
    }
    let new: Vec<[String; 5]> = (1..=rows / 10)
        .map(|n| {
            [format!("N-{n:06}"), format!("New {n}"), "open".to_owned(), (n % 7).to_string(), String::new()]
        })
        .collect();
    for [id, title, state, points, _] in &new {
        let fields = [("title", title), ("state", state), ("points", points)];
        expected.insert(id.clone(), fields.map(|(name, value)| (name.to_owned(), value.clone())).into());
        writes += 1;
    }
    let (here, there) = new.split_at(new.len() / 2);
    let here: Vec<[&str; 5]> = here.iter().map(|row| row.each_ref().map(String::as_str)).collect();
    let edit = |cells: &mut Vec<String>| {
        if number(&cells[0]) % 30 < 10 {
            cells[1] += ", edited";
        }
        number(&cells[0]) % 30 != 20
    };
    edit_csv(&file, edit, &here)?;
    let numbered = "CAST(substr(id, 3) AS INTEGER) % 30";
    let mut sql = format!(
        "BEGIN; UPDATE tasks SET points = 500 WHERE {numbered} BETWEEN 10 AND 19; \
                           DELETE FROM tasks WHERE {numbered} = 21;"
    );
    for [id, title, state, points, _] in there {
        sql += &format!(
            "INSERT INTO tasks (id, title, state, points) VALUES ('{id}', '{title}', '{state}', {points});"
        );
    }
    table.execute(&(sql + "COMMIT;")).await?;
    Ok((expected, writes))
}

/// Waits until so many change rows are on record, or the process has ended.
async fn wait_for(
    ledger: &Ledger,
    changes: i64,
    running: &mut syncline_support::program::Running,
) -> Result<bool> {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if running.has_ended()? {
            return Ok(false);
        }
        if ledger.changes().await? >= changes {
            return Ok(true);
        }
        ensure!(Instant::now() < deadline, "stuck before {changes} change rows");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn fifty_kills_on_the_way_end_key_by_key_equal() -> Result<()> {
    let (rows, kills) = (setting("SYNCLINE_TEST_ROWS", ROWS), setting("SYNCLINE_TEST_KILLS", KILLS));
    let seed = setting("SYNCLINE_TEST_SEED", SEED as usize) as u64;
    println!("seed {seed}: {rows} items, {kills} kills");
    let mut draw = Draw(seed);
    let program = Program::new(BINARY)?;
    let more = "delete_guard: { max_share: 0.5, max_count: 100000 }\nmax_retries: 100\nbatch_size: 100";
    program.write("sync.yaml", &document(more))?;
    write_csv(&program.path("backlog.csv"), rows)?;
    Table::open(&program.path("tasks.db")).await?;
    program.expect(0, &["apply", "-f", "sync.yaml"])?;

    // Half of the kills fall into the first sync, which creates everything; half into one that does a bit of all.
    let ledger = Ledger::open(&program.path("syncline.db")).await?;
    let mut done = kill_on_the_way(&program, &ledger, &mut draw, kills / 2, 0, rows as i64).await?;
    program.expect(0, &["sync", "tasks"])?;
    check_in_step(&program, None).await?;
    ledger.check_settled().await?;
    ensure!(ledger.changes().await? == rows as i64, "one change row per item created");
    ensure!(read_csv(&program.path("backlog.csv"))?.contains_key(&row(rows)[0]));

    let (expected, writes) = work(&program, rows).await?;
    done += kill_on_the_way(&program, &ledger, &mut draw, kills - kills / 2, rows as i64, writes).await?;
    program.expect(0, &["sync", "tasks", "--confirm-deletes"])?;
    check_in_step(&program, Some(&expected)).await?;
    ledger.check_settled().await?;
    let rows_written = ledger.changes().await? - rows as i64;
    ensure!(rows_written == writes, "{rows_written} change rows for {writes} writes");
    // A fast machine may now and then be through before the blow.
    ensure!(done * 10 >= kills * 9, "only {done} of {kills} kills found the process at work");
    Ok(())
}

/// Starts the sync again and again, and kills it between 5 % and 95 % of the writes. Answers how often it was at work.
async fn kill_on_the_way(
    program: &Program,
    ledger: &Ledger,
    draw: &mut Draw,
    kills: usize,
    before: i64,
    writes: i64,
) -> Result<usize> {
    let mut points: Vec<f64> = (0..kills).map(|_| 0.05 + 0.9 * draw.share()).collect();
    points.sort_by(f64::total_cmp);
    let mut done = 0;
    for point in points {
        let mut running = program.start(&["sync", "tasks", "--confirm-deletes"])?;
        // Rows are committed a batch at a time; a short wait more puts the kill anywhere within the next one.
        if wait_for(ledger, before + (writes as f64 * point) as i64, &mut running).await? {
            tokio::time::sleep(Duration::from_micros((draw.share() * 40_000.0) as u64)).await;
            done += usize::from(!running.has_ended()?);
        }
        running.kill()?;
    }
    Ok(done)
}
