//! Keeps requests from hosts that are not public, unless the operator allows them.
//!
//! Addresses of platforms come from people. Without a guard one of them could make the server call a neighbour in its
//! network or the metadata service of its cloud, with whatever that answers in an error message. The check is made where
//! it cannot be evaded: names are resolved here, and only addresses that passed are dialled, so that a name which changes
//! its address between check and use gains nothing. Hosts written as addresses are never resolved; they are checked
//! before the request.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::{
    HttpConfig,
    ranges::{Network, Reach, reach},
};

/// Hosts and networks that are reached although they are not public; none by default. Text with commas between the
/// entries: names, addresses, and networks like `10.0.0.0/8`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowPrivate {
    /// In lower case, without a dot at the end.
    names: Vec<String>,
    networks: Vec<Network>,
}

impl AllowPrivate {
    fn has_name(&self, name: &str) -> bool {
        let name = plain(name);
        self.names.contains(&name)
    }

    fn has_address(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

impl FromStr for AllowPrivate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut allow = AllowPrivate::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let is_name = entry.chars().all(|c| c.is_alphanumeric() || "-._".contains(c))
                && entry.chars().any(|c| c.is_alphabetic());
            match entry.parse::<Network>() {
                Ok(network) => allow.networks.push(network),
                Err(()) if is_name => allow.names.push(plain(entry)),
                Err(()) => {
                    let wanted = "a host, like gitlab.example.org, an address, or a network, like 10.0.0.0/8";
                    return Err(match entry.contains('@') {
                        true => format!("an entry is not {wanted}"),
                        false => format!("{entry:?} is not {wanted}"),
                    });
                }
            }
        }
        Ok(allow)
    }
}

impl fmt::Display for AllowPrivate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names.iter().cloned();
        let all: Vec<String> = names.chain(self.networks.iter().map(ToString::to_string)).collect();
        f.write_str(if all.is_empty() { "none" } else { "" })?;
        f.write_str(&all.join(","))
    }
}

/// Decides which addresses may be dialled.
#[derive(Debug)]
pub(super) struct Guard {
    allow: AllowPrivate,
    /// The proxy may be private: the operator has named it.
    proxy: Option<String>,
}

/// A host that must not be called, with the remedy.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct Blocked(String);

impl Guard {
    pub(super) fn new(config: &HttpConfig) -> Guard {
        let proxy = config.proxy.as_ref().map(|proxy| plain(proxy.host()));
        Guard { allow: config.allow_private.clone(), proxy }
    }

    /// True if the operator listed this very host, so that requests to it may go without TLS.
    pub(super) fn allows_plain(&self, host: &Host<&str>) -> bool {
        match host {
            Host::Domain(name) => self.allow.has_name(name),
            Host::Ipv4(address) => self.allow.has_address(IpAddr::V4(*address)),
            Host::Ipv6(address) => self.allow.has_address(IpAddr::V6(*address)),
        }
    }

    /// Checks a host that is written as an address. Names are checked when they are resolved.
    pub(super) fn check(&self, url: &Url) -> Result<(), Blocked> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(Blocked("the address names no host".to_owned())),
        };
        if self.allow.has_address(address) || reach(address) == Reach::Public {
            return Ok(());
        }
        Err(Blocked(format!(
            "{address} is not a public address; if it is meant, add it to SYNCLINE_ALLOW_PRIVATE_HOSTS"
        )))
    }

    /// The addresses of a name that may be dialled.
    fn filter(&self, name: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Blocked> {
        if self.proxy.as_ref().is_some_and(|proxy| *proxy == plain(name)) {
            return Ok(found);
        }
        let listed = self.allow.has_name(name);
        let passes = |address: &SocketAddr| match reach(address.ip()) {
            Reach::Public => true,
            _ if self.allow.has_address(address.ip()) => true,
            Reach::Private => listed,
            // The owner of a name could point it to such an address.
            Reach::Special => false,
        };
        let first = found.first().copied();
        let passed: Vec<SocketAddr> = found.into_iter().filter(passes).collect();
        match first {
            Some(first) if passed.is_empty() => {
                let what = match reach(first.ip()) {
                    Reach::Special => "the address or its network",
                    _ => "the host",
                };
                Err(Blocked(format!(
                    "{name} has the address {}, which is not public; if that is meant, add {what} to \
                     SYNCLINE_ALLOW_PRIVATE_HOSTS",
                    first.ip()
                )))
            }
            _ => Ok(passed),
        }
    }
}

/// Resolves names to the addresses that the guard lets pass.
pub(super) struct Resolver(pub(super) Arc<Guard>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.0);
        Box::pin(async move {
            let name = name.as_str();
            let found = tokio::net::lookup_host((name, 0)).await?.collect();
            let addresses: Addrs = Box::new(guard.filter(name, found)?.into_iter());
            Ok(addresses)
        })
    }
}

/// The reason if a connection was refused here.
pub(super) fn blocked<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Blocked> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(blocked) = error.downcast_ref::<Blocked>() {
            return Some(blocked);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn guard(allowed: &str) -> Guard {
        Guard::new(&HttpConfig { allow_private: allowed.parse().unwrap(), ..HttpConfig::default() })
    }

    fn dialled(guard: &Guard, name: &str, found: &[&str]) -> Result<Vec<String>, String> {
        let found = found.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect();
        let passed = guard.filter(name, found).map_err(|blocked| blocked.to_string())?;
        Ok(passed.into_iter().map(|address| address.ip().to_string()).collect())
    }

    /// Every spelling of an address that a URL may have.
    #[rstest]
    #[case("https://127.0.0.1/")]
    #[case("https://127.1/")]
    #[case("https://0x7f000001/")]
    #[case("https://2130706433/")]
    #[case("https://0177.0.0.1/")]
    #[case("https://0/")]
    #[case("https://127.0.0.1./")]
    #[case("https://[::1]/")]
    #[case("https://[0:0:0:0:0:0:0:1]/")]
    #[case("https://[::ffff:127.0.0.1]/")]
    #[case("https://[::ffff:7f00:1]/")]
    #[case("https://[64:ff9b::7f00:1]/")]
    #[case("https://[fe80::1]/")]
    #[case("https://10.0.0.1:8443/x")]
    #[case("https://169.254.169.254/latest/meta-data")]
    #[case("https://[fd00:ec2::254]/")]
    #[case("https://\u{ff11}27.0.0.1/")]
    #[case("https://127\u{3002}0\u{3002}0\u{3002}1/")]
    fn a_private_address_is_refused_in_every_spelling(#[case] url: &str) {
        let url = Url::parse(url).unwrap();
        let refused = guard("").check(&url).unwrap_err().to_string();
        assert!(refused.contains("add it to SYNCLINE_ALLOW_PRIVATE_HOSTS"), "{refused}");
        assert!(guard("gitlab.lan").check(&url).is_err());
    }

    #[test]
    fn a_listed_address_or_network_passes() {
        let check = |allowed: &str, url: &str| guard(allowed).check(&Url::parse(url).unwrap()).is_ok();
        assert!(check("127.0.0.1", "https://0x7f.1/"));
        assert!(check("10.0.0.0/8", "https://[::ffff:10.1.1.1]/"));
        assert!(!check("10.0.0.0/8", "https://192.168.1.1/"));
        assert!(check("", "https://140.82.121.6/"));
    }

    #[test]
    fn of_a_names_addresses_only_public_ones_are_dialled() {
        let none = guard("");
        assert_eq!(dialled(&none, "h", &["10.0.0.1", "8.8.8.8", "::1"]), Ok(vec!["8.8.8.8".to_owned()]));
        let refused = dialled(&none, "gitlab.lan", &["10.0.0.5"]).unwrap_err();
        let told = "gitlab.lan has the address 10.0.0.5, which is not public; if that is meant, add the host to \
                    SYNCLINE_ALLOW_PRIVATE_HOSTS";
        assert_eq!(refused, told);
        assert_eq!(dialled(&none, "h", &[]), Ok(Vec::new()));
    }

    #[test]
    fn a_listed_name_reaches_private_hosts_but_no_metadata_service() {
        let listed = guard("GitLab.lan., 192.168.0.0/16");
        for name in ["gitlab.lan", "GITLAB.LAN", "gitlab.lan."] {
            assert_eq!(dialled(&listed, name, &["10.0.0.5"]), Ok(vec!["10.0.0.5".to_owned()]));
        }
        assert!(dialled(&listed, "other.lan", &["10.0.0.5"]).is_err());
        assert!(dialled(&listed, "other.lan", &["192.168.0.5"]).is_ok());
        let refused = dialled(&listed, "gitlab.lan", &["169.254.169.254"]).unwrap_err();
        assert!(refused.contains("add the address or its network"), "{refused}");
        assert!(dialled(&guard("169.254.0.0/16"), "x", &["169.254.169.254"]).is_ok());
    }

    #[rstest]
    #[case("a host:80")]
    #[case("http://gitlab.lan")]
    #[case("10.0.0.0/64")]
    #[case("*.lan")]
    fn a_wrong_entry_is_named(#[case] text: &str) {
        let error = format!("gitlab.lan,{text}").parse::<AllowPrivate>().unwrap_err();
        assert_eq!(
            error,
            format!(
                "{text:?} is not a host, like gitlab.example.org, an address, or a network, like 10.0.0.0/8"
            )
        );
    }

    #[test]
    fn the_list_is_shown_as_it_is_read() {
        let list: AllowPrivate = " GitLab.lan, 10.0.0.0/8,::1 ,".parse().unwrap();
        assert_eq!(list.to_string(), "gitlab.lan,10.0.0.0/8,::1/128");
        assert_eq!(list.to_string().parse(), Ok(list));
        assert_eq!(AllowPrivate::default().to_string(), "none");
        assert!(!"u:hunter2@h".parse::<AllowPrivate>().unwrap_err().contains("hunter2"));
    }
}
