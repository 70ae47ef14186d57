//! The pool of connections to Syncline's own database.

use std::time::Duration;

use super::reader::Reader;
use crate::fault::Fault;

/// The limits of the connection pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolLimits {
    /// Connections opened at the start; a file's are opened as they are needed. `SYNCLINE_DB_POOL_MIN`; default 2, or 1
    /// for SQLite and for commands that are no servers.
    pub(crate) min: u32,
    /// Connections at most. `SYNCLINE_DB_POOL_MAX`; default 10, or 4 for SQLite, which lets one
    /// connection write at a time.
    pub(crate) max: u32,
    /// Timeout of waiting for a free connection. `SYNCLINE_DB_POOL_ACQUIRE_MS`; default 30000.
    pub(crate) acquire: Duration,
}

impl PoolLimits {
    /// Reads `SYNCLINE_DB_POOL_*`. `most` is the default of the maximum.
    pub(super) fn read(needs_one: bool, most: u32, reader: &mut Reader<'_>) -> Result<PoolLimits, Fault> {
        let max = reader.number("SYNCLINE_DB_POOL_MAX", most, 1..=1000)?;
        let usual: u32 = if needs_one { 1 } else { 2 };
        let min = reader.number("SYNCLINE_DB_POOL_MIN", usual.min(max), 0..=1000)?;
        if min > max {
            return Err(Fault::usage(format!(
                "SYNCLINE_DB_POOL_MIN {min} is more than SYNCLINE_DB_POOL_MAX {max}; lower the one or raise the other"
            )));
        }
        let acquire = reader.number("SYNCLINE_DB_POOL_ACQUIRE_MS", 30_000, 100..=3_600_000)?;
        Ok(PoolLimits { min, max, acquire: Duration::from_millis(acquire) })
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{environment::Variables, reader::matches},
        *,
    };

    fn limits(variables: &[(&str, &str)]) -> Result<PoolLimits, String> {
        let matches = matches(&["up"]);
        PoolLimits::read(false, 10, &mut Reader::new(&matches, &Variables(variables)))
            .map_err(|fault| fault.message)
    }

    #[test]
    fn a_pool_has_from_two_to_ten_connections_unless_told_otherwise() {
        let half_a_minute = Duration::from_secs(30);
        let usual = PoolLimits { min: 2, max: 10, acquire: half_a_minute };
        assert_eq!(limits(&[]), Ok(usual));
        assert_eq!(limits(&[("SYNCLINE_DB_POOL_MAX", "1")]), Ok(PoolLimits { min: 1, max: 1, ..usual }));
        let told = limits(&[
            ("SYNCLINE_DB_POOL_MIN", "0"),
            ("SYNCLINE_DB_POOL_MAX", "50"),
            ("SYNCLINE_DB_POOL_ACQUIRE_MS", "500"),
        ]);
        assert_eq!(told, Ok(PoolLimits { min: 0, max: 50, acquire: Duration::from_millis(500) }));
    }

    #[test]
    fn a_pool_that_cannot_be_is_refused_with_the_setting_and_its_value() {
        for (name, value, told) in [
            ("MAX", "0", "\"0\" is not a whole number from 1 to 1000"),
            ("MAX", "many", "\"many\""),
            ("MIN", "-1", "\"-1\" is not a whole number from 0"),
            ("MIN", "11", "11 is more than SYNCLINE_DB_POOL_MAX 10"),
            ("ACQUIRE_MS", "0", "\"0\" is not a whole number from 100"),
        ] {
            let name = format!("SYNCLINE_DB_POOL_{name}");
            let refused = limits(&[(&name, value)]).expect_err("a pool that cannot be");
            assert!(refused.contains(&format!("{name} {told}")), "{refused}");
        }
    }
}
