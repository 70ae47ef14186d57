//! Checks the address of a PostgreSQL server before a driver sees it, and shows it without its secrets.
//!
//! A driver logs unknown parameters and quotes what it cannot parse; the rest of a password with a `?` or a `/` in it
//! looks like either.

/// The parameters allowed after the `?`.
const PARAMETERS: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Those of them that name a file.
const CERTIFICATES: &[&str] =
    &["sslrootcert", "ssl-root-cert", "ssl-ca", "sslcert", "ssl-cert", "sslkey", "ssl-key"];

/// What stands in place of a password in an address that is shown and may be sent back.
pub const MASK: &str = "***";

/// Why an address is refused. Never quotes a part of it that may belong to a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The address cannot be split into its parts.
    #[error(
        "the address cannot be read; special characters of a user name or password must be percent-encoded: @ as %40, \
         / as %2F, ? as %3F, # as %23, : as %3A, % as %25"
    )]
    Malformed,
    /// A parameter that PostgreSQL addresses do not have.
    #[error("unknown parameter {0:?} after the ?; allowed are {allowed}", allowed = PARAMETERS.join(", "))]
    UnknownParameter(String),
}

/// The parts of `SCHEME://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE][?NAME=VALUE&...]`.
struct Parts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    host: &'a str,
    path: &'a str,
    query: &'a str,
}

/// Checks a PostgreSQL address without connecting.
pub fn check(url: &str) -> Result<(), AddressError> {
    let parts = Parts::of(url)?;
    for (name, _) in parts.parameters() {
        if PARAMETERS.contains(&name) || name.starts_with("options[") {
            continue;
        }
        let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        return Err(if is_word && !parts.query.contains('@') {
            AddressError::UnknownParameter(name.to_owned())
        } else {
            AddressError::Malformed
        });
    }
    Ok(())
}

/// The address without its password, and without its parameters, which may contain a password as well.
pub fn shown(url: &str) -> Result<String, AddressError> {
    let parts = Parts::of(url)?;
    let user =
        parts.user.map(|user| &user[..user.find(':').or_else(|| encoded_colon(user)).unwrap_or(user.len())]);
    let user = user.filter(|user| !user.is_empty()).map(|user| format!("{user}@")).unwrap_or_default();
    Ok(format!("{}://{user}{}{}", parts.scheme, parts.host, parts.path))
}

/// The address with [`MASK`] in place of each password, and otherwise as it is. A text that cannot be split into the parts
/// of an address and may hold a password is replaced as a whole.
pub fn masked(url: &str) -> String {
    if !may_hold_password(url) && encoded_colon(url).is_none() {
        return url.to_owned();
    }
    let Ok(parts) = Parts::of(url) else { return MASK.to_owned() };
    let user = match parts.user {
        Some(user) => match user.find(':').or_else(|| encoded_colon(user)) {
            Some(colon) => format!("{}:{MASK}@", &user[..colon]),
            None => format!("{user}@"),
        },
        None => String::new(),
    };
    let parameter = |(name, value): (&str, &str)| match name {
        "password" => format!("{name}={MASK}"),
        _ => format!("{name}={value}"),
    };
    let query = parts.parameters().map(parameter).collect::<Vec<_>>().join("&");
    let query = if query.is_empty() { query } else { format!("?{query}") };
    format!("{}://{user}{}{}{query}", parts.scheme, parts.host, parts.path)
}

/// True if a text has [`MASK`] where an address has a password.
pub fn is_masked(text: &str) -> bool {
    text == MASK || text.contains(":***@") || text.contains("password=***")
}

impl<'a> Parts<'a> {
    /// The names of the parameters as they are written, and their values.
    fn parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }
}

impl Parts<'_> {
    fn of(url: &str) -> Result<Parts<'_>, AddressError> {
        let (scheme, rest) = url.trim_ascii().split_once("://").ok_or(AddressError::Malformed)?;
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = before.split_at(before.find('/').unwrap_or(before.len()));
        let (user, host) =
            authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let database = path.trim_start_matches('/');
        // Each of these suggests an unencoded password that was cut at its first special character.
        let malformed = scheme.is_empty()
            || rest.contains('#')
            // The driver's parser drops some of these, and would read another address than this one.
            || rest.contains(|letter: char| letter.is_control())
            || database.contains(['@', '/', ';', '='])
            || (user.is_none() && query.contains('@'))
            || !is_host(host);
        if malformed { Err(AddressError::Malformed) } else { Ok(Parts { scheme, user, host, path, query }) }
    }
}

/// True if a checked address names a host. Without one the driver takes a socket, or what the machine's settings name.
pub(crate) fn names_host(url: &str) -> bool {
    let Ok(parts) = Parts::of(url) else { return false };
    let in_front = !parts.host.is_empty() && !parts.host.starts_with(':');
    in_front
        || parts.parameters().any(|(name, value)| ["host", "hostaddr"].contains(&name) && !value.is_empty())
}

/// The files of certificates and keys that the parameters of a checked address name.
pub(crate) fn certificates(url: &str) -> Vec<String> {
    let Ok(parts) = Parts::of(url) else { return Vec::new() };
    let files = parts.parameters().filter(|(name, _)| CERTIFICATES.contains(name));
    files.map(|(_, value)| decoded(value)).collect()
}

/// A parameter's value as a driver decodes it.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let is_code = |digits: &&[u8]| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit);
        let digits = after.get(..2).filter(is_code).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = if byte.is_some() { &after[2..] } else { after };
        bytes.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn encoded_colon(text: &str) -> Option<usize> {
    text.to_ascii_lowercase().find("%3a")
}

/// True if a text that should name a file is probably a server's address with a password. Such a text is not shown.
pub fn may_hold_password(text: &str) -> bool {
    let start = text.split_once("//").map_or(text, |(_, rest)| rest);
    let first = start.split_once('@').map(|(first, _)| first);
    let userinfo = first.is_some_and(|first| !first.contains('/') && first.contains(':'));
    // A scheme with too few slashes: `postgres:/u:PW@h/db`.
    let with_scheme = text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.chars().all(|letter| letter.is_ascii_alphabetic()) && rest.contains(':') && rest.contains('@')
    });
    userinfo || with_scheme || text.to_ascii_lowercase().contains("password=")
}

fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) if host.chars().all(|c| c.is_ascii_hexdigit() || ":.".contains(c)) => ("", port),
        Some(_) => return false,
        None => text.find(':').map_or((text, ""), |colon| text.split_at(colon)),
    };
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    is_port && host.chars().all(|c| c.is_alphanumeric() || "-._%".contains(c))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("postgres://app:hunter2@db/x", "postgres://app@db/x")]
    #[case("postgres://app:hunter%402@[::1]:5433/x?sslmode=require", "postgres://app@[::1]:5433/x")]
    #[case("postgres://app:hun@ter2@db/x", "postgres://app@db/x")]
    #[case("postgresql://db", "postgresql://db")]
    #[case("postgres://%2Frun%2Fpostgresql/x", "postgres://%2Frun%2Fpostgresql/x")]
    #[case("postgres://u%3Ahunter2@db/x", "postgres://u@db/x")]
    #[case("postgres:///x?host=/run&password=hunter2&user=app", "postgres:///x")]
    fn an_address_is_shown_without_its_secrets(#[case] url: &str, #[case] expected: &str) {
        assert_eq!(check(url), Ok(()));
        assert_eq!(shown(url).as_deref(), Ok(expected));
    }

    #[rstest]
    #[case(
        "postgres://app:hunter2@db:5432/x?sslmode=require",
        "postgres://app:***@db:5432/x?sslmode=require"
    )]
    #[case("postgres://app%3Ahunter2@db/x", "postgres://app:***@db/x")]
    #[case(
        "postgres:///x?host=/run&password=hunter2&user=app",
        "postgres:///x?host=/run&password=***&user=app"
    )]
    #[case("postgres://app:hun/ter2@db/x", "***")]
    #[case("Server=db;Password=hunter2", "***")]
    fn a_masked_address_is_itself_without_the_password(#[case] url: &str, #[case] shown: &str) {
        assert_eq!(masked(url), shown);
        assert!(is_masked(shown) && !is_masked(url), "{url}");
        assert_eq!(masked(shown), shown);
    }

    #[test]
    fn what_holds_no_password_is_not_masked() {
        for text in ["sqlite://tasks.db", "postgres://app@db/x", "backlog.csv", "", "a:b"] {
            assert_eq!(masked(text), text);
            assert!(!is_masked(text));
        }
    }

    /// Every position of a special character in a password, with different surroundings.
    #[rstest]
    fn no_part_of_a_password_is_named(
        #[values(
            "hun@ter2/More",
            "hun/ter2",
            "hun?ter2",
            "hun#ter2",
            "1?ter2=ter2",
            "1/ter2",
            "1?sslmode=ter2",
            "1#ter2",
            "@/ter2",
            "@db/x;password=ter2",
            "ter2:/"
        )]
        password: &str,
    ) {
        let url = format!("postgres://app:{password}@127.0.0.1:1/x");
        let error = check(&url).expect_err("an address that cannot be read");
        assert_eq!(error, AddressError::Malformed);
        assert!(error.to_string().contains("percent-encoded"));
        assert_eq!(shown(&url), Err(AddressError::Malformed));
    }

    #[rstest]
    #[case("u:hunter2@h/db", true)]
    #[case("//u:hunter2@h/db", true)]
    #[case("postgres:u:hunter2@h/db", true)]
    #[case("postgres:/u:hunter2@h/db", true)]
    #[case("postgres//u:hunter2@h/db", true)]
    #[case("sqlite://u:hunter2@h/db", true)]
    #[case("host=h password=hunter2", true)]
    #[case("/srv/exports/team@work.csv", false)]
    #[case("sqlite://data/10:30.db", false)]
    fn a_text_that_names_no_file_may_hold_a_password(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(may_hold_password(text), expected);
    }

    #[rstest]
    #[case("postgres://db/x?sslrootcert=/srv/.\t./x")]
    #[case("postgres://db/x?sslkey=/srv/x\u{1}")]
    #[case("postgres://d\nb/x")]
    fn what_a_parser_would_drop_is_refused(#[case] url: &str) {
        assert_eq!(check(url), Err(AddressError::Malformed));
        assert_eq!(check("postgres://db/x\n"), Ok(()));
    }

    #[test]
    fn an_unknown_parameter_is_named() {
        let error = check("postgres://app:hunter2@db/x?sslmode=require&foo=bar").expect_err("unknown");
        assert_eq!(error, AddressError::UnknownParameter("foo".to_owned()));
        assert!(!error.to_string().contains("bar"));
        assert_eq!(check("postgres://db/x?options=-c%20search_path=a&options[work_mem]=1MB"), Ok(()));
    }
}
