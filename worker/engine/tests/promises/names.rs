//! Every name and alias that input accepts.

use rstest::rstest;
use serde_json::json;
use syncline_engine::{
    Side,
    spec::{Direction, Strategy},
};

use crate::support::World;

#[rstest]
#[case(Strategy::LastWriteWins, &["last_write_wins", "last_modified_wins", "timestamp_based", "lww"])]
#[case(Strategy::SourceWins, &["source_wins", "local_wins", "elder_wins", "prefer_local"])]
#[case(
    Strategy::TargetWins,
    &["target_wins", "jira_wins", "remote_wins", "external_wins", "prefer_remote"]
)]
#[case(Strategy::Manual, &["manual", "manual_review", "Manual "])]
fn a_strategy_goes_by_its_name_and_its_aliases(#[case] strategy: Strategy, #[case] names: &[&str]) {
    for name in names {
        assert_eq!(
            World::new(json!({ "conflict_strategy": name })).spec.conflict_strategy,
            strategy,
            "{name}"
        );
    }
}

#[rstest]
#[case(Direction::Bidirectional, &["bidirectional", "both", "two_way"])]
#[case(Direction::SourceToTarget, &["source_to_target", "push", "local_to_remote"])]
#[case(Direction::TargetToSource, &["target_to_source", "pull", "remote_to_local"])]
fn a_direction_goes_by_its_name_and_its_aliases(#[case] direction: Direction, #[case] names: &[&str]) {
    for name in names {
        assert_eq!(World::new(json!({ "direction": name })).spec.direction, direction, "{name}");
    }
}

#[rstest]
#[case("source", Side::Source)]
#[case("local", Side::Source)]
#[case("elder", Side::Source)]
#[case("target", Side::Target)]
#[case("remote", Side::Target)]
#[case("external", Side::Target)]
#[case("jira", Side::Target)]
fn a_side_goes_by_its_name_and_its_aliases(#[case] name: &str, #[case] side: Side) {
    assert_eq!(Side::parse(name), Some(side));
}

#[test]
fn an_unknown_name_is_answered_with_the_names_there_are() {
    let message = Strategy::parse("newest").unwrap_err();
    assert!(message.contains("\"newest\""), "{message}");
    assert!(Strategy::ALL.iter().all(|strategy| message.contains(strategy.as_str())), "{message}");
}
