//! The lists of what documents over HTTP may name.

use std::{
    fmt,
    fs::{canonicalize, symlink_metadata},
    io::ErrorKind,
    net::IpAddr,
    path::{Component, Path, PathBuf},
    str::FromStr,
};

use syncline_connectors::address::may_hold_password;

/// What documents over HTTP may name; nothing by default. Each list is text with commas between its entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowLists {
    pub paths: Folders,
    pub variables: Variables,
    pub hosts: Hosts,
    pub vault: VaultSecrets,
}

/// Folders whose files may be named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folders(Vec<PathBuf>);

/// Names of environment variables; a `*` at the end of one stands for any rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables(Vec<String>);

/// Secrets of Vault, as `MOUNT/PATH`; a `*` at the end of one stands for any rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VaultSecrets(Vec<String>);

/// Servers in the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts(Vec<Host>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Host {
    /// As `same_host` spells it.
    name: String,
    /// None: every port.
    port: Option<u16>,
}

impl Folders {
    /// True if the file is inside one of the folders. Resolves links on the disk. A user with write access
    /// to a folder can still add a link there later; a document alone cannot.
    pub fn allow(&self, file: &Path) -> bool {
        let Some(file) = real(file) else { return false };
        let folders = self.0.iter().filter_map(|folder| canonicalize(folder).ok());
        folders.into_iter().any(|folder| file != folder && file.starts_with(folder))
    }
}

/// The path without links and `..`. Its last parts need not exist; none if it is relative or cannot be told.
fn real(path: &Path) -> Option<PathBuf> {
    if !path.is_absolute() {
        return None;
    }
    let parts: Vec<Component<'_>> = path.components().collect();
    for count in (1..=parts.len()).rev() {
        let (there, missing) = parts.split_at(count);
        let there = match canonicalize(there.iter().collect::<PathBuf>()) {
            Ok(there) => there,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            // Without the right to look, a link cannot be told from a folder.
            Err(_) => return None,
        };
        // A link to a file that does not exist yet leads elsewhere as soon as it is written to.
        let is_link = missing.first().is_some_and(|first| symlink_metadata(there.join(first)).is_ok());
        let is_plain = missing.iter().all(|part| matches!(part, Component::Normal(_)));
        return (is_plain && !is_link).then(|| there.join(missing.iter().collect::<PathBuf>()));
    }
    None
}

impl Variables {
    /// True if the variable is listed. Names are compared with case, as the system does.
    pub fn allow(&self, name: &str) -> bool {
        any(&self.0, name)
    }
}

impl VaultSecrets {
    /// True if the secret at this path of this mount is listed, whichever its key.
    pub fn allow(&self, mount: &str, path: &str) -> bool {
        any(&self.0, &format!("{mount}/{path}"))
    }
}

/// True if an entry is this name, or with a `*` its beginning.
fn any(entries: &[String], name: &str) -> bool {
    let fits = |entry: &String| match entry.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => entry == name,
    };
    entries.iter().any(fits)
}

impl Hosts {
    /// True if the server is listed, with this port or with all.
    pub fn allow(&self, host: &str, port: u16) -> bool {
        let name = same_host(host);
        self.0.iter().any(|entry| entry.name == name && entry.port.is_none_or(|only| only == port))
    }
}

/// One spelling for all of the same host: lower case, addresses without brackets in their shortest form. Looks no name
/// up, so a name and its address are two.
fn same_host(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().map_or_else(|_| host.to_ascii_lowercase(), |address| address.to_string())
}

/// True if the text may be the name of a variable.
pub(crate) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|letter: char| letter.is_ascii_digit())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Parses every entry of a list; the error names the first wrong one and what to write.
fn entries<T>(text: &str, wanted: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let parse = |entry: &str| {
        parse(entry).ok_or_else(|| match may_hold_password(entry) {
            true => format!("an entry is not {wanted}"),
            false => format!("{entry:?} is not {wanted}"),
        })
    };
    entries.map(parse).collect()
}

impl FromStr for Folders {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let folder = |entry: &str| Some(PathBuf::from(entry)).filter(|folder| folder.is_absolute());
        entries(text, "the absolute path of a folder, like /srv/syncline", folder).map(Folders)
    }
}

impl FromStr for Variables {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name =
            |entry: &str| is_variable(entry.strip_suffix('*').unwrap_or(entry)).then(|| entry.to_owned());
        entries(text, "the name of a variable, like TASKS_URL, or the start of one, like TASKS_*", name)
            .map(Variables)
    }
}

impl FromStr for VaultSecrets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A `*` in place of the mount would allow whatever Vault holds.
        let secret = |entry: &str| {
            let (mount, path) = entry.split_once('/')?;
            let (start, rest) = path.strip_suffix('*').map_or((path, false), |start| (start, true));
            let part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['?', '#', '%', '*']);
            let fits = match start.strip_suffix('/') {
                Some(folders) if rest => folders.split('/').all(part),
                _ if start.is_empty() => rest,
                _ => start.split('/').all(part),
            };
            (part(mount) && fits).then(|| entry.to_owned())
        };
        let wanted =
            "a secret of Vault, like secret/syncline/github, or the start of one, like secret/syncline/*";
        entries(text, wanted, secret).map(VaultSecrets)
    }
}

impl FromStr for Hosts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        entries(text, "a host, like db.example.org or [::1], or a host and a port, like db:5432", host)
            .map(Hosts)
    }
}

fn host(entry: &str) -> Option<Host> {
    let whole = same_host(entry);
    let (name, port) = match entry.rsplit_once(':') {
        // The colons of an address are not followed by a port.
        Some((name, port)) if whole.parse::<IpAddr>().is_err() => (same_host(name), Some(port.parse().ok()?)),
        _ => (whole, None),
    };
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-._".contains(c));
    (is_name || name.parse::<IpAddr>().is_ok()).then_some(Host { name, port })
}

impl fmt::Display for Folders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter().map(|folder| folder.display()))
    }
}

impl fmt::Display for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter())
    }
}

impl fmt::Display for VaultSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter())
    }
}

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Host { name, port } = self;
        match (name.contains(':'), port) {
            (true, Some(port)) => write!(f, "[{name}]:{port}"),
            (true, None) => write!(f, "[{name}]"),
            (false, Some(port)) => write!(f, "{name}:{port}"),
            (false, None) => f.write_str(name),
        }
    }
}

/// Writes the entries as they are read, or `none`.
fn list(f: &mut fmt::Formatter<'_>, entries: impl Iterator<Item = impl fmt::Display>) -> fmt::Result {
    let entries: Vec<String> = entries.map(|entry| entry.to_string()).collect();
    f.write_str(if entries.is_empty() { "none" } else { "" })?;
    f.write_str(&entries.join(","))
}

#[cfg(test)]
mod tests;
