//! The variables of tests with a crash or a panic.

use std::{sync::Arc, time::Duration};

use syncline_worker::steps::StopAt;

use super::reader::Reader;
use crate::fault::Fault;

/// The variable of crash tests.
const NAME: &str = "SYNCLINE_TEST_STOP_AT";
/// The variable of tests with a panic.
const PANIC: &str = "SYNCLINE_TEST_PANIC_IN";
/// The variable of tests whose platforms do everything at once.
const PATIENCE: &str = "SYNCLINE_TEST_PATIENCE_MS";

/// Reads the step at which a crash test stops, written `STEP` or `STEP:N`. It is no user setting, so it is not listed.
pub(super) fn stop_at(reader: &Reader<'_>) -> Result<Option<Arc<StopAt>>, Fault> {
    let Some(step) = reader.environment.text(NAME)? else { return Ok(None) };
    let stop_at = StopAt::parse(&step)
        .ok_or_else(|| Fault::usage(format!("{NAME} {step:?} is not STEP or STEP:N; unset it")))?;
    Ok(Some(Arc::new(stop_at)))
}

/// Reads the name of the background task that panics once.
pub(super) fn panic_in(reader: &Reader<'_>) -> Result<Option<String>, Fault> {
    reader.environment.text(PANIC)
}

/// Reads the longest that a platform is waited for after a crash, in milliseconds.
pub(super) fn patience(reader: &Reader<'_>) -> Result<Option<Duration>, Fault> {
    let Some(text) = reader.environment.text(PATIENCE)? else { return Ok(None) };
    let millis = text
        .parse()
        .map_err(|_| Fault::usage(format!("{PATIENCE} {text:?} is no number of milliseconds; unset it")))?;
    Ok(Some(Duration::from_millis(millis)))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{environment::Variables, reader::matches},
        *,
    };

    #[test]
    fn a_step_that_is_none_is_refused() {
        let stop_at = |text| stop_at(&Reader::new(&matches(&["sync", "x"]), &Variables(&[(NAME, text)])));
        assert!(stop_at("").unwrap().is_none());
        assert!(stop_at("remote_written:2").unwrap().is_some());
        assert!(stop_at("remote_written:0").unwrap_err().message.contains("STEP:N"));
    }

    #[test]
    fn a_patience_that_is_no_number_is_refused() {
        let read = |text| patience(&Reader::new(&matches(&["sync", "x"]), &Variables(&[(PATIENCE, text)])));
        assert_eq!(read("").unwrap(), None);
        assert_eq!(read("2000").unwrap(), Some(Duration::from_secs(2)));
        assert!(read("2s").unwrap_err().message.contains("milliseconds"));
    }
}
