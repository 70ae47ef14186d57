use std::fs;

use rstest::rstest;

use super::*;

fn folders(folder: &Path) -> Folders {
    folder.display().to_string().parse().unwrap()
}

#[test]
fn a_file_is_allowed_inside_a_folder_only() {
    let root = tempfile::tempdir().unwrap();
    let inside = root.path().join("in");
    fs::create_dir(&inside).unwrap();
    fs::write(inside.join("a.csv"), "").unwrap();
    fs::write(root.path().join("in.csv"), "").unwrap();
    let allow = |file: &str| folders(&inside).allow(&root.path().join(file));
    for file in
        ["in/a.csv", "in/new.csv", "in/new/new.csv", "in/./a.csv", "in/../in/a.csv", "other/../in/a.csv"]
    {
        // `..` behind what does not exist cannot be resolved.
        assert_eq!(allow(file), !file.starts_with("other"), "{file}");
    }
    for file in
        ["in.csv", "in/../in.csv", "in/new/../../in.csv", "in/new/../a.csv", "in", "in/", "in/a.csv/b", ""]
    {
        assert!(!allow(file), "{file}");
    }
    assert!(!folders(&inside).allow(Path::new("a.csv")));
    assert!(!folders(&inside).allow(&inside.join("a\0.csv")));
    assert!(!folders(&root.path().join("absent")).allow(&root.path().join("absent/a.csv")));
    assert!(!Folders::default().allow(&inside.join("a.csv")));
}

#[cfg(unix)]
#[test]
fn a_link_counts_as_what_it_leads_to() {
    use std::os::unix::fs::symlink;
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    fs::create_dir(path("in")).unwrap();
    fs::create_dir(path("out")).unwrap();
    fs::write(path("out/a.csv"), "").unwrap();
    symlink(path("out"), path("in/folder")).unwrap();
    symlink(path("out/a.csv"), path("in/file.csv")).unwrap();
    symlink(path("out/new.csv"), path("in/dangling.csv")).unwrap();
    symlink(path("in/loop.csv"), path("in/loop.csv")).unwrap();
    symlink(path("in"), path("alias")).unwrap();
    for file in [
        "in/folder/a.csv",
        "in/folder/new.csv",
        "in/file.csv",
        "in/dangling.csv",
        "in/loop.csv",
        "in/folder/../a.csv",
    ] {
        assert!(!folders(&path("in")).allow(&path(file)), "{file}");
    }
    assert!(folders(&path("in")).allow(&path("alias/new.csv")), "another name of the folder");
    assert!(folders(&path("alias")).allow(&path("in/new.csv")), "a folder that is listed by another name");
    assert!(folders(&path("out")).allow(&path("in/file.csv")));
}

#[test]
fn a_variable_is_allowed_by_its_name_or_its_start() {
    let variables: Variables = "TASKS_URL, CRM_*".parse().unwrap();
    for (name, allowed) in [
        ("TASKS_URL", true),
        ("CRM_", true),
        ("CRM_URL", true),
        ("TASKS_URL2", false),
        ("tasks_url", false),
        ("MY_CRM_URL", false),
        ("", false),
    ] {
        assert_eq!(variables.allow(name), allowed, "{name}");
    }
    assert!(!Variables::default().allow("TASKS_URL"));
}

#[test]
fn a_host_is_allowed_whole_and_in_any_case() {
    let hosts: Hosts = "db.Example,other:5433,[::1]:5432,fe80::1,10.0.0.1".parse().unwrap();
    for (host, port, allowed) in [
        ("db.example", 5432, true),
        ("DB.EXAMPLE", 1, true),
        ("other", 5433, true),
        ("other", 5432, false),
        ("[::1]", 5432, true),
        ("[0:0::1]", 5432, true),
        ("::1", 5433, false),
        ("[FE80::1]", 7, true),
        ("10.0.0.1", 7, true),
        ("10.0.0.10", 7, false),
        ("x.db.example", 5432, false),
        ("db", 5432, false),
        ("", 5432, false),
    ] {
        assert_eq!(hosts.allow(host, port), allowed, "{host} {port}");
    }
    assert!(!Hosts::default().allow("db", 5432));
}

#[rstest]
#[case("data", "\"data\" is not the absolute path of a folder")]
#[case("/srv,../data", "\"../data\"")]
fn a_wrong_folder_is_named(#[case] text: &str, #[case] told: &str) {
    assert!(text.parse::<Folders>().unwrap_err().contains(told));
}

#[rstest]
#[case("*", "\"*\" is not the name of a variable")]
#[case("A,B C", "\"B C\"")]
#[case("A*B", "\"A*B\"")]
#[case("1A", "\"1A\"")]
fn a_wrong_variable_is_named(#[case] text: &str, #[case] told: &str) {
    assert!(text.parse::<Variables>().unwrap_err().contains(told));
}

#[rstest]
#[case("*.example", "\"*.example\" is not a host")]
#[case("db:http", "\"db:http\"")]
#[case("db:70000", "\"db:70000\"")]
#[case(":5432", "\":5432\"")]
#[case("/run/postgresql", "\"/run/postgresql\"")]
#[case("postgres://u:hunter2@db", "an entry is not a host")]
fn a_wrong_host_is_named(#[case] text: &str, #[case] told: &str) {
    let error = text.parse::<Hosts>().unwrap_err();
    assert!(error.contains(told) && !error.contains("hunter2"), "{error}");
}

#[test]
fn lists_are_shown_as_they_are_read() {
    assert_eq!("".parse::<Folders>().unwrap().to_string(), "none");
    assert_eq!(" /srv/a ,, /srv/b,".parse::<Folders>().unwrap().to_string(), "/srv/a,/srv/b");
    assert_eq!("A,B_*".parse::<Variables>().unwrap().to_string(), "A,B_*");
    let hosts = "DB, db:5432, ::1, [::1]:80, [::2]".parse::<Hosts>().unwrap();
    assert_eq!(hosts.to_string(), "db,db:5432,[::1],[::1]:80,[::2]");
}
