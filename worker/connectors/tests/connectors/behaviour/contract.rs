//! The recorded traffic of the suite against the platforms' own descriptions of their APIs.
//!
//! Without a [checker](contracts::checker) the test says so and passes.

use std::{path::Path, process::Command};

use syncline_support::contracts;

use super::{CASES, kinds, stage::Kind};

/// Runs every case that applies, and records what is sent.
async fn record(kind: &dyn Kind, file: &Path) {
    for case in CASES {
        let stage = kind.open(Some(file)).await;
        if (case.applies)(&*stage) {
            (case.run)(&*stage).await;
        }
    }
}

fn is_refusal(warning: &str) -> bool {
    ["401", "403", "404", "429", "503"]
        .iter()
        .any(|status| warning.contains(&format!("response status {status} is not in the contract")))
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the test says aloud what it did not check, and shows the warnings")]
async fn recorded_traffic_fits_the_contracts() {
    let checker = match contracts::checker() {
        Ok(checker) => checker,
        Err(why) => return println!("NOT CHECKED: {why}"),
    };
    let folder = tempfile::tempdir().unwrap();
    for (number, kind) in kinds().into_iter().enumerate() {
        let Some(platform) = kind.recorded() else { continue };
        let file = folder.path().join(format!("{number}.jsonl"));
        record(kind, &file).await;
        let checked =
            Command::new(&checker).args(["--quiet", "--only", platform]).arg(&file).output().unwrap();
        let (told, errors) =
            (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
        println!("{}:\n{told}{errors}", kind.name());
        assert!(checked.status.success(), "{}: an exchange does not fit the contract", kind.name());
        assert!(told.lines().any(|line| line.contains(platform)), "nothing was checked:\n{told}{errors}");
        // The descriptions leave out that any request may be limited, refused for its token, be about something hidden, or
        // meet an outage.
        let warnings = told.lines().filter(|line| line.trim_start().starts_with('~'));
        let others: Vec<&str> = warnings.filter(|line| !is_refusal(line)).collect();
        assert!(others.is_empty(), "{}: warnings that nothing explains: {others:#?}", kind.name());
    }
}
