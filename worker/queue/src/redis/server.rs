//! Checks the server's version and settings.

use std::sync::atomic::{AtomicBool, Ordering};

use redis::{ErrorKind, RedisError, Value};

/// Set after the first warning: a process has several connections to a server.
static WARNED: AtomicBool = AtomicBool::new(false);

/// The oldest version that has all commands.
const OLDEST: (u32, u32) = (6, 2);

/// Returns an error for a server that is too old, and warns of one that evicts keys when memory is short.
pub(super) fn check(told: &Value) -> Result<(), RedisError> {
    let mut lines = Vec::new();
    gather(told, &mut lines);
    // Valkey reports the Redis version that it is compatible with.
    if let Some(version) = lines.iter().find_map(|line| line.strip_prefix("redis_version:"))
        && let Some(found) = parse(version)
        && found < OLDEST
    {
        let what = format!("it is {version}; Redis 6.2 or later, or Valkey, is needed: upgrade the server");
        return Err(RedisError::from((ErrorKind::InvalidClientConfig, "the Redis server is too old", what)));
    }
    if let Some(policy) = lines.iter().find_map(|line| line.strip_prefix("maxmemory_policy:"))
        && policy != "noeviction"
        && !WARNED.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(
            policy,
            "Redis may throw jobs away when memory is short; set maxmemory-policy to noeviction"
        );
    }
    Ok(())
}

/// Collects the lines of the answer; a cluster answers with a text per node.
fn gather<'a>(told: &'a Value, lines: &mut Vec<&'a str>) {
    match told {
        Value::BulkString(text) => lines.extend(std::str::from_utf8(text).unwrap_or_default().lines()),
        Value::SimpleString(text) => lines.extend(text.lines()),
        Value::VerbatimString { text, .. } => lines.extend(text.lines()),
        Value::Map(pairs) => pairs.iter().for_each(|(_, text)| gather(text, lines)),
        Value::Array(texts) => texts.iter().for_each(|text| gather(text, lines)),
        _ => {}
    }
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim().split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_server_is_refused_with_the_remedy() {
        let told =
            |version: &str| Value::BulkString(format!("# Server\r\nredis_version:{version}\r\n").into());
        for good in ["6.2.0", "7.0.15", "8.0.1", "255.255.255", "odd"] {
            assert!(check(&told(good)).is_ok(), "{good}");
        }
        for old in ["6.0.16", "5.0.14", "2.8"] {
            let refused = check(&told(old)).map_err(|error| error.to_string());
            assert!(refused.is_err_and(|text| text.contains(old) && text.contains("upgrade")), "{old}");
        }
    }
}
