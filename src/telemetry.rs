//! Logging to standard error.

use tracing_subscriber::EnvFilter;

use crate::config::TelemetryConfig;

/// Starts logging.
pub(crate) fn init(config: &TelemetryConfig) {
    // The directives were checked when they were read.
    let filter = EnvFilter::new(&config.directives);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // In tests of this crate a second call keeps the first subscriber.
    let _ = if config.json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.with_ansi(false).try_init()
    };
}
