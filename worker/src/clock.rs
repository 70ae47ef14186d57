//! The system's clock.

use chrono::{DateTime, SubsecRound, Utc};
use syncline_engine::ports::Clock;

/// The present, to the microsecond, which is the precision that every database stores.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }
}
