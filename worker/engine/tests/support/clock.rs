//! A clock and a leave under the test's control.

use std::{sync::Mutex, time::Duration};

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use syncline_engine::ports::{Clock, Leave, Stopped};

/// A clock that moves only when a test moves it.
pub(crate) struct TestClock(Mutex<DateTime<Utc>>);

impl TestClock {
    pub(crate) fn new() -> TestClock {
        TestClock(Mutex::new(Utc.with_ymd_and_hms(2026, 3, 1, 12, 0, 0).unwrap()))
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// Leave that is lost after a number of checks.
pub(crate) struct TestLeave {
    left: Mutex<Option<usize>>,
}

impl TestLeave {
    pub(crate) fn granted() -> TestLeave {
        TestLeave { left: Mutex::new(None) }
    }

    /// Granted `times` times, then lost.
    pub(crate) fn lost_after(times: usize) -> TestLeave {
        TestLeave { left: Mutex::new(Some(times)) }
    }
}

impl Leave for TestLeave {
    fn check(&self) -> Result<(), Stopped> {
        match &mut *self.left.lock().unwrap() {
            None => Ok(()),
            Some(0) => Err(Stopped::LeaseLost),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    fn remaining(&self) -> Duration {
        Duration::from_secs(30)
    }
}
