//! Which addresses the server may listen on.

use std::net::SocketAddr;

/// Refuses an address that other machines can reach: there are no tokens yet, so any client may do everything.
pub fn check_bind(addr: SocketAddr) -> Result<(), String> {
    if addr.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(format!(
        "{addr} can be reached by other machines, and the API has no tokens yet. Listen on 127.0.0.1:{port} or \
         [::1]:{port}, and let others in through a proxy that authenticates them",
        port = addr.port()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_allowed() {
        for good in ["127.0.0.1:8000", "127.8.9.1:1", "[::1]:8080", "[::ffff:127.0.0.1]:80"] {
            assert_eq!(check_bind(good.parse().unwrap()), Ok(()), "{good}");
        }
        for bad in ["0.0.0.0:8000", "[::]:8000", "192.168.1.4:8000", "169.254.0.1:1", "[fe80::1]:9"] {
            let message = check_bind(bad.parse().unwrap()).unwrap_err();
            assert!(message.starts_with(bad) && message.contains("127.0.0.1:"), "{message}");
        }
    }
}
