//! The names under which the server is addressed.
//!
//! A web page may point a name of its own at this server (DNS rebinding) and then count as the same origin. Such a
//! request has the page's name in its Host header, so names that are not listed are refused. An address of digits
//! cannot be rebound; it is refused only where the server listens on loopback alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::{Uri, uri::Authority};

/// Which hosts are this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// Only this machine can ask.
    local: bool,
    /// A host, and a port where only that one counts.
    names: Vec<(String, Option<u16>)>,
    /// The path before all routes, without a slash at its end; empty if there is none.
    prefix: String,
}

impl Hosts {
    /// Reads `SYNCLINE_PUBLIC_URL` and `SYNCLINE_ALLOWED_HOSTS`. `loopback`: it listens on an address of this machine.
    /// With either of them others reach even such an address, through a proxy.
    pub fn new(loopback: bool, public_url: Option<&str>, allowed: Option<&str>) -> Result<Hosts, String> {
        let mut hosts = Hosts { local: loopback, names: Vec::new(), prefix: String::new() };
        if let Some(url) = public_url {
            let (name, prefix) = of_url(url).ok_or_else(|| {
                format!(
                    "SYNCLINE_PUBLIC_URL {url:?} is no address; write it as people see it, such as \
                     https://syncline.example.com or https://example.com/syncline"
                )
            })?;
            hosts.names.push(name);
            hosts.prefix = prefix;
        }
        for entry in allowed.unwrap_or_default().split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let name = of_authority(entry).ok_or_else(|| {
                format!("SYNCLINE_ALLOWED_HOSTS: {entry:?} is no host; write HOST or HOST:PORT, with commas between")
            })?;
            hosts.names.push(name);
        }
        hosts.local &= hosts.names.is_empty();
        Ok(hosts)
    }

    /// A server that only this machine reaches.
    pub fn local() -> Hosts {
        Hosts { local: true, names: Vec::new(), prefix: String::new() }
    }

    /// True if the server listens on loopback alone.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// The path before all routes.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// True if a request with this host is meant for this server.
    pub(crate) fn answer_for(&self, authority: &str) -> bool {
        let Some(name) = of_authority(authority) else { return false };
        self.lists(&name)
            || name.0 == "localhost"
            || ip(&name.0).is_some_and(|ip| is_loopback(ip) || !self.local)
    }

    /// True if pages of this origin are the server's own, or run on the only machine that may ask. `host` is the one that
    /// the request names.
    pub(crate) fn are_own_pages(&self, origin: &str, host: Option<&str>) -> bool {
        let Some(name) = of_authority(origin) else { return false };
        self.lists(&name)
            || host.is_some_and(|host| origin.eq_ignore_ascii_case(host))
            || (self.local && self.answer_for(origin))
    }

    fn lists(&self, (host, port): &(String, Option<u16>)) -> bool {
        let fits = |only: &Option<u16>| only.is_none_or(|only| *port == Some(only));
        self.names.iter().any(|(name, only)| name == host && fits(only))
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip == Ipv6Addr::LOCALHOST,
    }
}

/// An address in its usual form. Other forms, such as one number, are names for some programs and addresses for others.
fn ip(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inside) => inside.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// The host in lower case, and the port.
fn of_authority(text: &str) -> Option<(String, Option<u16>)> {
    let authority: Authority = text.parse().ok().filter(|_| !text.contains('@'))?;
    let host = authority.host();
    // `HOST:` and a port that is none.
    let port = authority.as_str().get(host.len()..).filter(|rest| !rest.is_empty());
    let port = match port {
        Some(rest) => Some(rest.strip_prefix(':')?.parse().ok()?),
        None => None,
    };
    // A dot at the end makes no other host.
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    (!host.is_empty()).then_some((host, port))
}

fn of_url(url: &str) -> Option<((String, Option<u16>), String)> {
    let uri: Uri = url.trim().parse().ok()?;
    let known = matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none();
    let name = of_authority(uri.authority().filter(|_| known)?.as_str())?;
    Some((name, uri.path().trim_end_matches('/').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(loopback: bool, url: &str, allowed: &str) -> Hosts {
        let some = |text| Some(text).filter(|text: &&str| !text.is_empty());
        Hosts::new(loopback, some(url), some(allowed)).unwrap()
    }

    #[test]
    fn loopback_has_few_names() {
        let local = hosts(true, "", "");
        assert_eq!(local, Hosts::local());
        for good in ["localhost", "LocalHost:80", "127.0.0.1", "127.1.2.3:9", "[::1]", "[::1]:8000"] {
            assert!(local.answer_for(good), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "localhost.example.com",
            "example.com@localhost",
            "localhost@example.com",
            "127.0.0.1.nip.io",
            "[::]",
            "[::2]:80",
            "::1",
            "0.0.0.0",
            "10.0.0.1:8000",
            "2130706433",
            "127.1",
            "localhost:",
            "localhost:99999",
        ] {
            assert!(!local.answer_for(bad), "{bad}");
        }
    }

    #[test]
    fn a_public_server_answers_for_addresses_and_listed_names() {
        let public = hosts(false, "", "");
        assert!(!public.is_local());
        for good in ["10.0.0.1:8000", "192.0.2.7", "[2001:db8::1]:80", "localhost", "127.0.0.1"] {
            assert!(public.answer_for(good), "{good}");
        }
        for bad in ["example.com", "2130706433", "0x7f.1", "127.1", "10.0.0.1.nip.io", "a@10.0.0.1"] {
            assert!(!public.answer_for(bad), "{bad}");
        }
        let named = hosts(false, "https://Sync.example.com/tools/sync/", "syncline, api.example.com:8443");
        assert_eq!(named.prefix(), "/tools/sync");
        for good in ["sync.example.com", "SYNC.EXAMPLE.COM.:1", "syncline:80", "api.example.com:8443"] {
            assert!(named.answer_for(good), "{good}");
        }
        for bad in ["example.com", "evil.sync.example.com", "api.example.com", "api.example.com:80"] {
            assert!(!named.answer_for(bad), "{bad}");
        }
    }

    #[test]
    fn a_page_of_another_address_is_foreign() {
        let public = hosts(false, "https://sync.example.com", "");
        assert!(public.are_own_pages("sync.example.com", Some("10.0.0.1")), "behind a proxy");
        assert!(public.are_own_pages("10.0.0.1:8080", Some("10.0.0.1:8080")));
        for foreign in ["10.0.0.2:8080", "localhost:3000", "127.0.0.1", "example.com", ""] {
            assert!(!public.are_own_pages(foreign, Some("10.0.0.1:8080")), "{foreign}");
        }
        assert!(Hosts::local().are_own_pages("localhost:3000", Some("127.0.0.1:8080")));
    }

    #[test]
    fn a_name_of_others_makes_loopback_public() {
        assert!(!hosts(true, "https://sync.example.com", "").is_local(), "a proxy stands before it");
        assert!(!hosts(true, "", "syncline").is_local());
        assert!(hosts(true, "", " , ").is_local());
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for url in ["sync.example.com", "ftp://a", "https://", "https://a?b=c", "https://u:p@a"] {
            let told = Hosts::new(true, Some(url), None).unwrap_err();
            assert!(told.starts_with("SYNCLINE_PUBLIC_URL"), "{told}");
        }
        for allowed in ["https://a", "a b", "a:b", "u@a"] {
            let told = Hosts::new(true, None, Some(allowed)).unwrap_err();
            assert!(told.starts_with("SYNCLINE_ALLOWED_HOSTS"), "{allowed}: {told}");
        }
    }
}
