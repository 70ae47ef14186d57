//! Processor time of the program and of the database. Unlike the time of a request it does not depend on what else the
//! machine does.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use sqlx::{Connection, PgConnection};

/// Ticks of the kernel in a second; the same on every Linux since 2.6.
const TICKS: u64 = 100;

/// The processes to look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Processes {
    program: u32,
    postmaster: u32,
}

/// Time used by the program, and by all processes of the database.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) program: Duration,
    pub(crate) database: Duration,
}

impl Used {
    pub(crate) fn since(self, before: Used) -> Used {
        Used {
            program: self.program.saturating_sub(before.program),
            database: self.database.saturating_sub(before.database),
        }
    }
}

impl Processes {
    pub(crate) async fn of(program: u32, url: &str) -> Result<Processes> {
        let mut connection = PgConnection::connect(url).await?;
        let (backend,): (i32,) = sqlx::query_as("SELECT pg_backend_pid()").fetch_one(&mut connection).await?;
        let postmaster =
            stat(&format!("/proc/{backend}/stat")).context("the database is on this machine")?.parent;
        connection.close().await?;
        Ok(Processes { program, postmaster })
    }

    pub(crate) fn used(self) -> Used {
        let of = |pid: u32| stat(&format!("/proc/{pid}/stat"));
        let backends = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
            let path: PathBuf = entry.path().join("stat");
            stat(path.to_str()?).filter(|found| found.parent == self.postmaster)
        });
        // Those that have ended are in the sum of their parent.
        let ended = of(self.postmaster).map_or(0, |postmaster| postmaster.own + postmaster.ended);
        Used {
            program: ticks(of(self.program).map_or(0, |program| program.own)),
            database: ticks(backends.map(|backend| backend.own).sum::<u64>() + ended),
        }
    }

    /// Memory of the program in MiB.
    pub(crate) fn resident_mib(self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.program))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
        let kib: f64 = line.split_whitespace().nth(1).context("VmRSS")?.parse()?;
        Ok(kib / 1024.0)
    }
}

fn ticks(number: u64) -> Duration {
    Duration::from_millis(number * 1_000 / TICKS)
}

struct Stat {
    parent: u32,
    own: u64,
    /// Of children that have ended.
    ended: u64,
}

fn stat(path: &str) -> Option<Stat> {
    let text = fs::read_to_string(path).ok()?;
    // The name in parentheses may have blanks.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        parent: u32::try_from(number(1)?).ok()?,
        own: number(11)? + number(12)?,
        ended: number(13)? + number(14)?,
    })
}
