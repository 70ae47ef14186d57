//! Dependencies between our crates point one way only (docs/architecture.md).

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate may depend on, among our own.
fn allowed() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    BTreeMap::from([
        ("syncline-engine", BTreeSet::from([])),
        ("syncline-migration", BTreeSet::from([])),
        ("syncline-sql", BTreeSet::from([])),
        ("syncline-entity", BTreeSet::from(["syncline-sql"])),
        ("syncline-queue", BTreeSet::from(["syncline-sql"])),
        ("syncline-connectors", BTreeSet::from(["syncline-engine"])),
        ("syncline-accounts", BTreeSet::from(["syncline-connectors", "syncline-engine", "syncline-entity"])),
        ("syncline-limits", BTreeSet::from(["syncline-engine", "syncline-queue", "syncline-sql"])),
        (
            "syncline-runs",
            BTreeSet::from(["syncline-engine", "syncline-entity", "syncline-queue", "syncline-sql"]),
        ),
        (
            "syncline-service",
            BTreeSet::from([
                "syncline-accounts",
                "syncline-connectors",
                "syncline-engine",
                "syncline-entity",
                "syncline-queue",
                "syncline-runs",
                "syncline-sql",
            ]),
        ),
        ("syncline-upkeep", BTreeSet::from(["syncline-entity", "syncline-runs", "syncline-sql"])),
        (
            "syncline-worker",
            BTreeSet::from([
                "syncline-accounts",
                "syncline-connectors",
                "syncline-engine",
                "syncline-entity",
                "syncline-limits",
                "syncline-queue",
                "syncline-runs",
                "syncline-service",
                "syncline-sql",
                "syncline-upkeep",
            ]),
        ),
        (
            "syncline-api",
            BTreeSet::from([
                "syncline-connectors",
                "syncline-engine",
                "syncline-entity",
                "syncline-queue",
                "syncline-runs",
                "syncline-service",
            ]),
        ),
        // Shares no code with the connectors, so that a misunderstanding on one side shows up in a test.
        ("syncline-simulator", BTreeSet::from([])),
        ("syncline-support", BTreeSet::from([])),
        (
            "syncline-bench",
            BTreeSet::from([
                "syncline-engine",
                "syncline-entity",
                "syncline-migration",
                "syncline-queue",
                "syncline-runs",
                "syncline-support",
                "syncline-worker",
            ]),
        ),
        (
            "syncline-faults",
            BTreeSet::from(["syncline-limits", "syncline-migration", "syncline-queue", "syncline-support"]),
        ),
    ])
}

#[test]
fn dependencies_point_one_way() {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata");
    let allowed = allowed();
    let mut checked = 0;
    for package in metadata.packages.iter().filter(|package| package.name.as_str() != "syncline") {
        let may = allowed.get(package.name.as_str()).unwrap_or_else(|| {
            panic!("{} is not listed in this test: say what it may depend on", package.name)
        });
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            if dependency.name.starts_with("syncline") {
                assert!(
                    may.contains(dependency.name.as_str()),
                    "{} depends on {}, which docs/architecture.md does not allow",
                    package.name,
                    dependency.name
                );
            }
        }
        checked += 1;
    }
    assert_eq!(checked, allowed.len(), "a crate left the workspace but not this test");
}

/// The engine does no I/O: nothing that could do any is among its dependencies.
#[test]
fn the_engine_has_no_runtime_http_client_or_orm() {
    let metadata = MetadataCommand::new().no_deps().exec().expect("cargo metadata");
    let engine = metadata.packages.iter().find(|p| p.name.as_str() == "syncline-engine").expect("the engine");
    for dependency in engine.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
        let name = dependency.name.as_str();
        assert!(
            !["tokio", "reqwest", "hyper", "sea-orm", "sqlx", "apalis"].contains(&name),
            "engine depends on {name}"
        );
    }
}

/// What other services build to enqueue: the crate as it comes, without the worker's and the database's part.
#[test]
fn the_queues_client_brings_no_orm() {
    let tree = |features: &[&str]| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args([
                "tree",
                "--offline",
                "--locked",
                "-p",
                "syncline-queue",
                "-e",
                "normal,build",
                "--prefix",
                "none",
            ])
            .args(["-f", "{p}"])
            .args(features)
            .output()
            .expect("cargo tree");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let is_orm = |name: &&String| {
        ["sea-", "sqlx", "apalis", "syncline-entity", "syncline-migration"]
            .iter()
            .any(|one| name.starts_with(one))
    };
    let client = tree(&[]);
    assert!(client.contains("redis"), "the default client speaks to Redis: {client:?}");
    let orm: Vec<_> = client.iter().filter(is_orm).collect();
    assert!(orm.is_empty(), "syncline-queue with its default features brings {orm:?}");
    // The same look finds them where they are.
    assert!(tree(&["--all-features"]).iter().any(|name| is_orm(&name)), "this test sees no ORM anywhere");
}
