use rstest::rstest;
use serde_json::json;

use super::*;
use crate::documents;

fn spec(source: Value, url: Value) -> SyncSpec {
    let document = json!({
        "name": "a", "source_platform": "csv", "source": source, "target_platform": "postgres",
        "target": { "url": url, "table": "t" },
        "field_mappings": [{ "source_field": "id", "target_field": "id" }],
    });
    assert_eq!(documents::shape(&document), []);
    documents::resolve(serde_json::from_value(document).unwrap(), None)
}

fn lists(paths: &str, variables: &str, hosts: &str) -> AllowLists {
    AllowLists {
        paths: paths.parse().unwrap(),
        variables: variables.parse().unwrap(),
        hosts: hosts.parse().unwrap(),
        ..AllowLists::default()
    }
}

/// The errors about the target's `url` of a document over HTTP.
fn of_url(url: &Value, lists: &AllowLists) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv").display().to_string();
    let paths = format!("{},{}", folder.path().display(), lists.paths);
    let paths = paths.trim_end_matches(",none").parse().unwrap();
    let spec = spec(json!({ "path": path }), url.clone());
    let findings = documents::check(&spec, Origin::Http(&AllowLists { paths, ..lists.clone() }));
    findings.into_iter().map(|finding| format!("{}: {}", finding.path, finding.message)).collect()
}

#[test]
fn the_command_line_may_name_everything() {
    for url in [json!("postgres:///x"), json!("sqlite://../../x.db"), json!({ "env": "ANY" })] {
        let spec = spec(json!({ "path": "/etc/passwd" }), url);
        assert_eq!(documents::check(&spec, Origin::CommandLine), []);
    }
}

#[rstest]
#[case(json!("sqlite:///etc/x.db"), "\"/etc/x.db\" is not inside a folder of SYNCLINE_ALLOW_PATHS")]
#[case(json!("sqlite://x.db"), "\"x.db\" is relative")]
#[case(json!({ "env": "TASKS_URL" }), "the variable \"TASKS_URL\" is not in SYNCLINE_ALLOW_VARIABLES")]
#[case(json!("postgres://u:hunter2@db/x"), "the host \"db:5432\" is not in SYNCLINE_ALLOW_HOSTS")]
#[case(json!("postgres://u:hunter2@[::1]:5433/x"), "the host \"[::1]:5433\" is not in SYNCLINE_ALLOW_HOSTS")]
#[case(json!("postgres:///x"), "names a Unix socket or no host; over HTTP it must name a host of SYNCLINE_ALLOW_HOSTS")]
#[case(json!("postgres://%2Frun%2Fpostgresql/x?password=hunter2"), "names a Unix socket")]
fn nothing_is_allowed_by_default(#[case] url: Value, #[case] told: &str) {
    let refused = of_url(&url, &AllowLists::default());
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].starts_with("target.url: ") && refused[0].contains(told), "{refused:?}");
    assert!(!refused[0].contains("hunter2"), "{refused:?}");
}

#[rstest]
#[case(json!({ "env": "TASKS_URL" }), ("", "TASKS_*", ""))]
#[case(json!("postgres://u:p@DB.example/x"), ("", "", "db.EXAMPLE"))]
#[case(json!("postgres://u:p@db/x"), ("", "", "db:5432"))]
#[case(json!("postgres://u:p@[0:0::1]:5433/x"), ("", "", "[::1]:5433"))]
#[case(json!("postgres:///x?host=a,B"), ("", "", "a,b"))]
#[case(json!("postgres://db/x?sslmode=verify-ca&sslrootcert=/usr/ca.pem"), ("/usr", "", "db"))]
#[case(json!("sqlite:///usr/%61.db?mode=rwc"), ("/usr", "", ""))]
fn what_is_listed_is_allowed(#[case] url: Value, #[case] (paths, variables, hosts): (&str, &str, &str)) {
    assert_eq!(of_url(&url, &lists(paths, variables, hosts)), [] as [String; 0]);
}

#[rstest]
#[case("postgres://u:hunter2@db:5433/x", "db:5433")]
#[case("postgres://u:hunter2@db/x?host=evil", "evil:5432")]
#[case("postgres://u:hunter2@db/x?hostaddr=10.0.0.1", "10.0.0.1:5432")]
#[case("postgres://u:hunter2@db/x?port=1", "db:1")]
#[case("postgres:///x?host=db,evil&password=hunter2", "evil:5432")]
#[case("postgres://u:hunter2@db/x?host=%2Frun", "Unix socket")]
#[case("postgres://u:hunter2@db/x?sslrootcert=/etc/ca.pem", "\"/etc/ca.pem\" is not inside")]
#[case("postgres://u:hunter2@db/x?sslkey=-----BEGIN%20KEY%20hunter2", "the path is relative")]
#[case("sqlite:///usr/%2e%2e/etc/x.db", "\"/usr/../etc/x.db\" is not inside")]
#[case("sqlite:///usr/%2e%2e%2fetc/x.db", "\"/usr/../etc/x.db\" is not inside")]
fn a_listed_name_opens_no_other(#[case] url: &str, #[case] told: &str) {
    let refused = of_url(&json!(url), &lists("/usr", "", "db:5432"));
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains(told) && !refused[0].contains("hunter2"), "{refused:?}");
}

/// The check of addresses refuses these before any list is asked.
#[rstest]
#[case("postgres://u:hunter2@a,b/db")]
#[case("postgres://u:hunter2@a%2Cb/db#x")]
#[case("postgres://u:hunter2@db/x?sslrootcert=/usr/.\t./etc/ca.pem")]
fn an_address_that_cannot_be_read_is_refused(#[case] url: &str) {
    let document = json!({
        "name": "a", "source_platform": "sql", "source": { "url": url, "table": "t" }, "target_platform": "sql",
        "target": { "url": { "env": "T" }, "table": "t" },
        "field_mappings": [{ "source_field": "id", "target_field": "id" }],
    });
    let findings = documents::shape(&document);
    assert_eq!(findings.iter().map(|finding| &*finding.path).collect::<Vec<_>>(), ["source.url"]);
    assert!(!findings[0].message.contains("hunter2"));
    let spec = serde_json::from_value(document).unwrap();
    assert_eq!(Origin::Http(&lists("/", "T", "a,b,db")).refusals(&spec), findings);
}

#[rstest]
#[case(json!({ "path": "/etc/passwd" }), "source.path: \"/etc/passwd\" is not inside a folder")]
#[case(json!({ "path": "a.csv" }), "source.path: \"a.csv\" is relative; over HTTP a path is absolute")]
#[case(json!({ "path": "postgres://u:hunter2@db/x" }), "source.path: the path is relative")]
fn both_sides_are_checked(#[case] source: Value, #[case] told: &str) {
    let spec = spec(source, json!({ "env": "postgres://u:hunter2@db/x" }));
    let findings = documents::check(&spec, Origin::Http(&AllowLists::default()));
    let refused: Vec<String> =
        findings.into_iter().map(|finding| format!("{}: {}", finding.path, finding.message)).collect();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].contains(told), "{refused:?}");
    assert!(refused[1].starts_with("target.url: env is not the name of a variable"), "{refused:?}");
    assert!(!refused.concat().contains("hunter2"), "{refused:?}");
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let paths = [
        ("openproject", json!({ "url": "http://internal" }), "source"),
        ("csv", json!({ "path": "/usr/a.csv", "later": "/etc/passwd" }), "source.later"),
        ("fax", json!({}), "source_platform"),
    ];
    for (platform, scope, path) in paths {
        let spec: SyncSpec = serde_json::from_value(json!({
            "name": "a", "source_platform": platform, "source": scope, "target_platform": "csv",
            "target": { "path": "/usr/b.csv" },
            "field_mappings": [{ "source_field": "id", "target_field": "id" }],
        }))
        .unwrap();
        let refused = Origin::Http(&lists("/usr", "", "")).refusals(&spec);
        assert_eq!(refused.iter().map(|finding| &*finding.path).collect::<Vec<_>>(), [path]);
    }
}

#[test]
fn accounts_over_http_name_secrets_and_hosts_of_the_lists_only() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap().display().to_string();
    let vault = "secret/crm,kv/syncline/*".parse().unwrap();
    let lists = AllowLists { vault, ..lists(&folder, "CRM_*", "jira.example:8443,[::1]") };
    let check = |base_url: Option<&str>, secret: &str| {
        let secret = NewSecret::Reference(secret.parse().unwrap());
        Origin::Http(&lists).check_account(base_url, &secret).map_err(|error| error.to_string())
    };
    assert_eq!(check(None, "env:CRM_TOKEN"), Ok(()));
    assert_eq!(check(None, &format!("file:{folder}/crm")), Ok(()));
    for vault in ["vault:secret/crm#token", "vault:secret/crm#other", "vault:kv/syncline/jira#token"] {
        assert_eq!(check(None, vault), Ok(()), "{vault}");
        let sent = check(Some("https://evil.example"), vault).unwrap_err();
        assert!(sent.contains("SYNCLINE_ALLOW_HOSTS"), "{sent}");
    }
    for (secret, told) in [
        ("env:HOME", "SYNCLINE_ALLOW_VARIABLES"),
        ("file:/etc/shadow", "SYNCLINE_ALLOW_PATHS"),
        (&format!("file:{folder}/../other/shadow"), "SYNCLINE_ALLOW_PATHS"),
        ("vault:secret/crm2#token", "SYNCLINE_ALLOW_VAULT"),
        ("vault:secret/crm/other#token", "SYNCLINE_ALLOW_VAULT"),
        ("vault:kv/synclined#token", "SYNCLINE_ALLOW_VAULT"),
    ] {
        let error = check(None, secret).unwrap_err();
        assert!(error.contains(told), "{secret}: {error}");
    }
    for good in ["https://jira.example:8443", "https://JIRA.example:8443/base", "http://[::1]:7"] {
        assert_eq!(check(Some(good), "env:CRM_TOKEN"), Ok(()), "{good}");
    }
    for bad in [
        "https://jira.example",
        "https://evil.example:8443",
        "https://jira.example:8443@evil.example",
        "https://jira.example:8443\\@evil.example",
        "https:\\\\jira.example:8443",
        "https:///jira.example:8443",
        "https://jira.example:8443?x",
        "https://jira.example:",
        "ftp://jira.example:8443",
        "https://jira.example:8443\t",
    ] {
        let error = check(Some(bad), "env:CRM_TOKEN").unwrap_err();
        assert!(error.contains("SYNCLINE_ALLOW_HOSTS"), "{bad}: {error}");
    }
    // The caller's own secret may go where the caller says; whoever dials checks the address.
    let own = NewSecret::Value(syncline_connectors::Token::new("t"));
    assert!(Origin::Http(&lists).check_account(Some("https://any.example"), &own).is_ok());
    let named = NewSecret::Reference("env:HOME".parse().unwrap());
    assert!(Origin::CommandLine.check_account(None, &named).is_ok());
}
