use std::collections::BTreeMap;

use super::{
    super::{environment::Variables, reader::matches},
    *,
};

type Settings = BTreeMap<&'static str, (String, String)>;

fn of(variables: &[(&str, &str)]) -> Result<(HttpConfig, Settings), String> {
    let (matches, variables) = (matches(&["up"]), Variables(variables));
    let mut reader = Reader::new(&matches, &variables);
    let config = read(&mut reader).map_err(|fault| fault.message)?;
    let settings = reader.into_settings().into_iter();
    Ok((config, settings.map(|one| (one.variable, (one.value, one.origin.to_string()))).collect()))
}

#[test]
fn nothing_private_is_reached_and_no_proxy_used_unless_told_otherwise() {
    let (config, settings) = of(&[]).unwrap();
    let usual = HttpConfig::default();
    assert_eq!(config.allow_private, usual.allow_private);
    assert_eq!((config.connect_timeout, config.read_timeout), (usual.connect_timeout, usual.read_timeout));
    assert_eq!((config.total_timeout, config.largest_body), (usual.total_timeout, usual.largest_body));
    assert!(config.proxy.is_none() && config.ca_file.is_none());
    assert_eq!(config.patience, usual.patience);
    for (name, value) in [
        ("SYNCLINE_ALLOW_PRIVATE_HOSTS", "none"),
        ("SYNCLINE_CA_FILE", "not set"),
        ("SYNCLINE_HTTP_PROXY", "not set"),
        ("SYNCLINE_HTTP_CONNECT_MS", "10000"),
        ("SYNCLINE_HTTP_READ_MS", "30000"),
        ("SYNCLINE_HTTP_TOTAL_MS", "60000"),
        ("SYNCLINE_HTTP_LARGEST_BODY", "33554432"),
    ] {
        assert_eq!(settings[name], (value.to_owned(), "default".to_owned()), "{name}");
    }
}

#[test]
fn what_is_set_is_used_and_shown_without_passwords() {
    let (config, settings) = of(&[
        ("SYNCLINE_ALLOW_PRIVATE_HOSTS", "gitlab.lan, 10.0.0.0/8"),
        ("SYNCLINE_HTTP_PROXY", "http://ann:hunter2@proxy.lan:3128"),
        ("HTTPS_PROXY", "http://other.lan"),
        ("no_proxy", ".lan"),
        ("SYNCLINE_HTTP_READ_MS", "15000"),
    ])
    .unwrap();
    assert_eq!(config.allow_private.to_string(), "gitlab.lan,10.0.0.0/8");
    assert_eq!(config.read_timeout, Duration::from_secs(15));
    assert_eq!(config.proxy.unwrap().to_string(), "http://proxy.lan:3128");
    let proxy = ("http://proxy.lan:3128".to_owned(), "environment: SYNCLINE_HTTP_PROXY".to_owned());
    assert_eq!(settings["SYNCLINE_HTTP_PROXY"], proxy);
    assert_eq!(settings["NO_PROXY"], (".lan".to_owned(), "environment: no_proxy".to_owned()));
    assert!(!format!("{settings:?}").contains("hunter2"));
}

#[test]
fn the_usual_variables_of_proxies_are_read() {
    for name in ["HTTPS_PROXY", "https_proxy"] {
        let (config, settings) = of(&[(name, "http://proxy.lan:3128")]).unwrap();
        assert_eq!(config.proxy.unwrap().to_string(), "http://proxy.lan:3128");
        assert_eq!(settings["SYNCLINE_HTTP_PROXY"].1, format!("environment: {name}"));
    }
}

#[test]
fn a_wrong_setting_is_named_but_not_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("ca.pem");
    std::fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    for (name, value, told) in [
        (
            "SYNCLINE_ALLOW_PRIVATE_HOSTS",
            "gitlab.lan,10.0.0.0/64",
            "SYNCLINE_ALLOW_PRIVATE_HOSTS: \"10.0.0.0/64\" is not a host",
        ),
        (
            "SYNCLINE_HTTP_PROXY",
            "ann:hunter2@proxy.lan",
            "SYNCLINE_HTTP_PROXY is not the address of an HTTP proxy",
        ),
        ("HTTPS_PROXY", "socks5://u:hunter2@h", "HTTPS_PROXY is not the address of an HTTP proxy"),
        ("SYNCLINE_CA_FILE", empty, "has no certificate"),
        ("SYNCLINE_CA_FILE", "/nowhere/ca.pem", "SYNCLINE_CA_FILE: \"/nowhere/ca.pem\" cannot be read"),
        ("SYNCLINE_HTTP_LARGEST_BODY", "7", "\"7\" is not a whole number from 1048576"),
        (
            "SYNCLINE_HTTP_READ_MS",
            "60000",
            "SYNCLINE_HTTP_READ_MS 60000 is not less than SYNCLINE_HTTP_TOTAL_MS 60000",
        ),
        (
            "SYNCLINE_HTTP_CONNECT_MS",
            "30000",
            "SYNCLINE_HTTP_CONNECT_MS 30000 is not less than SYNCLINE_HTTP_READ_MS 30000",
        ),
    ] {
        let refused = of(&[(name, value)]).unwrap_err();
        assert!(refused.contains(told) && !refused.contains("hunter2"), "{refused}");
    }
}
