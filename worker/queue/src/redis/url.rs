//! Parses the URL of Redis.

use std::{fmt, path::PathBuf};

/// Why a URL is invalid. The URL itself is not shown, since it may contain a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the URL of Redis is not understood: {0}. The forms are redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] (rediss:// with \
     TLS, valkey:// and valkeys:// are the same), redis+unix:///PATH[?db=DB], \
     redis+sentinel://[[USER]:PASSWORD@]HOST:PORT,HOST:PORT/SERVICE[/DB] and \
     redis+cluster://[[USER]:PASSWORD@]HOST:PORT,HOST:PORT (rediss+sentinel:// and rediss+cluster:// with TLS); \
     ?ca=FILE, ?cert=FILE and ?key=FILE name certificates, ?sentinel_user= and ?sentinel_password= are for the sentinels. \
     Special characters of a user name or password are percent-encoded: @ as %40, / as %2F, ? as %3F, # as %23, : as %3A, \
     % as %25"
)]
pub struct UrlError(pub(super) String);

/// The servers that a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Servers {
    One(Node),
    Unix(PathBuf),
    Sentinel { nodes: Vec<Node>, service: String },
    Cluster(Vec<Node>),
}

/// A host and a port.
pub(super) type Node = (String, u16);

/// A parsed URL.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) servers: Servers,
    pub(super) tls: bool,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) db: i64,
    pub(super) ca: Option<PathBuf>,
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) sentinel_user: Option<String>,
    pub(super) sentinel_password: Option<String>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("servers", &self.servers)
            .field("tls", &self.tls)
            .field("user", &self.user)
            .field("db", &self.db)
            .finish_non_exhaustive()
    }
}

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

impl Address {
    /// Returns the address without passwords and parameters.
    pub(super) fn shown(&self) -> String {
        let joined = |nodes: &[Node]| {
            let nodes = nodes.iter().map(|(host, port)| match host.contains(':') {
                true => format!("[{host}]:{port}"),
                false => format!("{host}:{port}"),
            });
            nodes.collect::<Vec<_>>().join(",")
        };
        let tls = if self.tls { "s" } else { "" };
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let db = if self.db == 0 { String::new() } else { format!("/{}", self.db) };
        match &self.servers {
            Servers::One(node) => format!("redis{tls}://{user}{}{db}", joined(std::slice::from_ref(node))),
            Servers::Unix(path) => format!("redis+unix://{}", path.display()),
            Servers::Sentinel { nodes, service } => {
                format!("redis{tls}+sentinel://{user}{}/{service}{db}", joined(nodes))
            }
            Servers::Cluster(nodes) => format!("redis{tls}+cluster://{user}{}", joined(nodes)),
        }
    }

    pub(super) fn parse(url: &str) -> Result<Self, UrlError> {
        let wrong = |what: &str| UrlError(what.to_owned());
        let (scheme, rest) = url.trim().split_once("://").ok_or_else(|| wrong("there is no `://` in it"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (tls, form) = match scheme {
            "redis" | "valkey" => (false, ""),
            "rediss" | "valkeys" => (true, ""),
            "redis+unix" | "unix" => (false, "unix"),
            "redis+sentinel" | "valkey+sentinel" => (false, "sentinel"),
            "rediss+sentinel" | "valkeys+sentinel" => (true, "sentinel"),
            "redis+cluster" | "valkey+cluster" => (false, "cluster"),
            "rediss+cluster" | "valkeys+cluster" => (true, "cluster"),
            _ => return Err(UrlError(format!("{scheme}:// is no scheme of it"))),
        };
        let mut address = Address {
            servers: Servers::Cluster(Vec::new()),
            tls,
            user: None,
            password: None,
            db: 0,
            ca: None,
            cert: None,
            key: None,
            sentinel_user: None,
            sentinel_password: None,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value).ok_or_else(|| wrong("a parameter is not well encoded"))?;
            match name {
                "db" => address.db = db(&value)?,
                "ca" => address.ca = Some(value.into()),
                "cert" => address.cert = Some(value.into()),
                "key" => address.key = Some(value.into()),
                "sentinel_user" => address.sentinel_user = Some(value),
                "sentinel_password" => address.sentinel_password = Some(value),
                // With an at-sign after it, the name may be part of a password and is not shown.
                _ if query.contains('@') => return Err(wrong("it has an unknown parameter")),
                _ => return Err(UrlError(format!("unknown parameter {name:?}"))),
            }
        }
        if address.cert.is_some() != address.key.is_some() {
            return Err(wrong("a certificate needs its key, and a key its certificate"));
        }
        // A password may contain an at-sign that was not encoded; a host cannot.
        let (who, rest) = rest.rsplit_once('@').map_or((None, rest), |(who, rest)| (Some(who), rest));
        if who.is_none() && query.contains('@') {
            // The question mark is part of the password.
            return Err(wrong("user or password is not well encoded"));
        }
        if let Some(who) = who {
            let (user, password) = who.split_once(':').unwrap_or((who, ""));
            let part = |text: &str| decode(text).ok_or_else(|| wrong("user or password is not well encoded"));
            address.user = Some(part(user)?).filter(|user| !user.is_empty());
            address.password = Some(part(password)?).filter(|password| !password.is_empty());
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let no_path = || if path.is_empty() { Ok(()) } else { Err(wrong("a cluster has one database only")) };
        address.servers = match form {
            "unix" => {
                let path = decode(path).ok_or_else(|| wrong("the path is not well encoded"))?;
                if path.is_empty() || !hosts.is_empty() {
                    return Err(wrong("a socket has a path and no host"));
                }
                Servers::Unix(format!("/{path}").into())
            }
            "sentinel" => {
                let (service, number) = path.split_once('/').unwrap_or((path, ""));
                if service.is_empty() {
                    return Err(wrong("it does not name the service that the sentinels watch"));
                }
                if !number.is_empty() {
                    address.db = db(number)?;
                }
                let service = decode(service).ok_or_else(|| wrong("the service is not well encoded"))?;
                Servers::Sentinel { nodes: nodes(hosts, SENTINEL_PORT)?, service }
            }
            "cluster" => {
                no_path()?;
                Servers::Cluster(nodes(hosts, PORT)?)
            }
            _ => {
                if !path.is_empty() {
                    address.db = db(path)?;
                }
                let mut nodes = nodes(hosts, PORT)?;
                if nodes.len() > 1 {
                    return Err(wrong("several hosts are for redis+sentinel:// and redis+cluster://"));
                }
                Servers::One(nodes.remove(0))
            }
        };
        Ok(address)
    }
}

fn db(text: &str) -> Result<i64, UrlError> {
    text.parse().ok().filter(|db| *db >= 0).ok_or_else(|| UrlError("the database is not a number".to_owned()))
}

fn nodes(text: &str, usual: u16) -> Result<Vec<Node>, UrlError> {
    text.split(',').map(|node| self::node(node, usual)).collect()
}

fn node(text: &str, usual: u16) -> Result<Node, UrlError> {
    let wrong = |what: &str| UrlError(what.to_owned());
    // An IPv6 address is in brackets, which separate its colons from that of the port.
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(|| wrong("a bracket is not closed"))?;
            (host, port.strip_prefix(':'))
        }
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(wrong("there is no host in it"));
    }
    let port = match port {
        Some(port) => {
            port.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong("a port is not a number"))?
        }
        None => usual,
    };
    Ok((host.to_owned(), port))
}

/// Decodes percent-encoding; `None` if it is incomplete.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        if *first == b'%' {
            let (digits, others) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = others;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(url: &str) -> Address {
        Address::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    fn one(host: &str, port: u16) -> Servers {
        Servers::One((host.to_owned(), port))
    }

    #[test]
    fn all_forms_are_understood() {
        let plain = parsed("redis://cache");
        assert_eq!((plain.servers, plain.tls, plain.db), (one("cache", 6379), false, 0));
        let full = parsed("rediss://app:p%40ss%3Aword@cache.example:6380/3?ca=/etc/ca.pem");
        assert_eq!((full.servers, full.tls, full.db), (one("cache.example", 6380), true, 3));
        assert_eq!((full.user.as_deref(), full.password.as_deref()), (Some("app"), Some("p@ss:word")));
        assert_eq!(full.ca, Some("/etc/ca.pem".into()));
        assert_eq!(parsed("redis://:secret@cache").password.as_deref(), Some("secret"));
        assert_eq!(parsed("redis://:odd@word@cache").password.as_deref(), Some("odd@word"));
        assert_eq!(parsed("redis://[::1]:7000").servers, one("::1", 7000));
        assert_eq!(parsed("valkey://cache"), parsed("redis://cache"));
        assert_eq!(
            parsed("redis+unix:///run/redis.sock?db=2").servers,
            Servers::Unix("/run/redis.sock".into())
        );
        let nodes = vec![("a".to_owned(), 1), ("b".to_owned(), 2)];
        assert_eq!(parsed("rediss+cluster://a:1,b:2").servers, Servers::Cluster(nodes.clone()));
        let watched = parsed("redis+sentinel://:secret@a:1,b:2/main/4?sentinel_password=other");
        assert_eq!(watched.servers, Servers::Sentinel { nodes, service: "main".to_owned() });
        assert_eq!((watched.db, watched.sentinel_password.as_deref()), (4, Some("other")));
        let usual = parsed("redis+sentinel://a/main").servers;
        assert_eq!(
            usual,
            Servers::Sentinel { nodes: vec![("a".to_owned(), 26379)], service: "main".to_owned() }
        );
    }

    #[test]
    fn what_is_not_understood_is_refused_with_the_forms_and_without_the_password() {
        let wrong = [
            "cache:6379",
            "http://:hunter2@cache",
            "redis://:hunter2@",
            "redis://:hunter2@cache:port",
            "redis://:hunter2@cache:0",
            "redis://:hunter2@cache:70000",
            "redis://:hunter2@cache/first",
            "redis://:hunter2@cache/-1",
            "redis://:hunter2@a,b",
            "redis://:hunter2%4@cache",
            "redis://:hunter2%ff@cache",
            "redis://:hunter2@[::1",
            "redis://:hunter2@cache?colour=red",
            "redis://me:1?ca=hunter2@cache",
            "redis://me:pass?hunter2@cache",
            "rediss://:hunter2@cache?cert=/a.pem",
            "redis+sentinel://:hunter2@a:1",
            "redis+cluster://:hunter2@a:1/2",
            "redis+unix://:hunter2@host/path",
            "redis+unix://",
        ];
        for url in wrong {
            let Err(error) = Address::parse(url) else { panic!("{url} was taken") };
            let text = error.to_string();
            assert!(text.contains("redis+sentinel://") && !text.contains("hunter2"), "{url}: {text}");
        }
        let shown = format!("{:?}", parsed("redis://app:hunter2@cache?sentinel_password=hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        for (url, expected) in [
            ("redis://me:s3cret@h/0?sentinel_password=s3cret", "redis://me@h:6379"),
            ("rediss://:s3/cr@et@h:1/2", "rediss://h:1/2"),
            ("redis+sentinel://me:s3cret@a:1,b/main/4", "redis+sentinel://me@a:1,b:26379/main/4"),
            ("rediss+cluster://:s3cret@[::1]:7,b:2", "rediss+cluster://[::1]:7,b:2"),
            ("redis+unix:///run/r.sock", "redis+unix:///run/r.sock"),
        ] {
            assert_eq!(parsed(url).shown(), expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_for_the_parser(url in "(rediss?(\\+[a-z]{4,8})?://)?.{0,60}") {
            let _ = Address::parse(&url);
        }

        #[test]
        fn any_password_can_be_written(password in "\\PC{1,20}") {
            let encoded: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(parsed(&format!("redis://u:{encoded}@h")).password, Some(password));
        }
    }
}
