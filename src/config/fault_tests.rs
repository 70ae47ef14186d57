//! The variables of tests with a crash or a panic.

use std::sync::Arc;

use syncline_worker::steps::StopAt;

use super::reader::Reader;
use crate::fault::Fault;

/// The variable of crash tests.
const NAME: &str = "SYNCLINE_TEST_STOP_AT";
/// The variable of tests with a panic.
const PANIC: &str = "SYNCLINE_TEST_PANIC_IN";

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
}
