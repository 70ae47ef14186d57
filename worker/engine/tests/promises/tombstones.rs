//! Items that come back after their link has ended.

use rstest::rstest;
use serde_json::json;
use syncline_engine::{Side, ports::LinkState, run::Options};

use crate::support::{World, fields};

fn world(policy: &str) -> (World, String, String) {
    let world = World::new(json!({ "delete_policy": policy }));
    world.paired(json!({ "title": "bystander" }));
    let (s, t) = world.paired(json!({ "title": "one", "body": "text" }));
    (world, s, t)
}

fn delete(world: &World, side: Side, id: &str) {
    world.place(side).remove(id);
    world.sync_with(Options { confirm_deletes: true, ..Options::default() });
    assert_eq!(world.tables().links[&2].state, LinkState::Tombstone);
    world.wait(1);
}

#[test]
fn an_item_restored_after_its_counterpart_was_deleted_gets_a_new_counterpart() {
    let (world, s, t) = world("delete");
    delete(&world, Side::Source, &s);
    assert_eq!(world.target.get(&t), None);
    world.source.restore(&s, fields(json!({ "title": "one again" })));
    world.sync();
    assert!(world.target.all().iter().any(|(_, item)| item == &fields(json!({ "name": "one again" }))));
    world.assert_quiet();
    world.source.edit(&s, "title", "edited");
    world.sync();
    assert!(world.target.all().iter().any(|(_, item)| item["name"].to_json() == "edited"));
    assert_eq!(world.target.ids().len(), 2);
}

#[test]
fn a_restored_item_whose_counterpart_is_refused_is_tried_again_and_deletes_nothing() {
    let (world, s, _) = world("delete");
    delete(&world, Side::Source, &s);
    world.source.restore(&s, fields(json!({ "title": "one again" })));
    world.target.refuse(|_| true);
    for _ in 0..3 {
        assert_eq!(world.sync().counts.failed, 1);
    }
    assert!(world.source.get(&s).is_some());
    world.target.refuse_nothing();
    world.sync();
    assert_eq!(world.target.ids().len(), 2);
    world.assert_quiet();
}

#[rstest]
#[case(Side::Source)]
#[case(Side::Target)]
fn an_item_restored_beside_its_counterpart_is_in_step_with_it_again(#[case] side: Side) {
    let (world, s, t) = world("ignore");
    let (gone, stays) = if side == Side::Source { (&s, &t) } else { (&t, &s) };
    let (name, other) = if side == Side::Source { ("title", "name") } else { ("name", "title") };
    let before = world.place(side).get(gone).unwrap();
    delete(&world, side, gone);
    world.place(side.other()).edit(stays, other, "edited meanwhile");
    world.sync();
    world.place(side).restore(gone, before);
    world.sync();
    assert_eq!(world.place(side).value(gone, name), json!("edited meanwhile"));
    assert_eq!(world.tables().links[&2].state, LinkState::Linked);
    world.assert_quiet();
}

#[test]
fn a_counterpart_that_a_lagging_listing_still_shows_brings_nothing_back() {
    let (world, s, t) = world("delete");
    let lagging = world.target.get(&t).unwrap();
    delete(&world, Side::Source, &s);
    world.target.restore(&t, lagging);
    world.sync();
    assert_eq!(world.source.get(&s), None);
    assert_eq!(world.source.ids().len(), 1);
    world.assert_quiet();
}

#[rstest]
#[case(Side::Source)]
#[case(Side::Target)]
fn an_item_deleted_on_both_sides_may_come_back_on_either(#[case] side: Side) {
    let (mut world, s, t) = world("delete");
    world.target.remove(&t);
    delete(&world, Side::Source, &s);
    world.revise(json!({ "delete_policy": "delete", "two_way_create": true }));
    world.sync();
    let (id, name) = if side == Side::Source { (&s, "title") } else { (&t, "name") };
    world.place(side).restore(id, fields(json!({ name: "back" })));
    world.sync();
    assert_eq!((world.source.ids().len(), world.target.ids().len()), (2, 2));
    world.assert_quiet();
}

#[test]
fn a_field_that_did_not_cross_has_no_base_left_from_the_item_before() {
    let (world, s, t) = world("delete");
    world.target.edit(&t, "state", "open");
    world.sync();
    delete(&world, Side::Source, &s);
    world.source.restore(&s, fields(json!({ "title": "again", "status": "Unheard of" })));
    world.sync();
    world.source.edit(&s, "status", "Done");
    world.sync();
    let (_, item) =
        world.target.all().into_iter().find(|(_, item)| item["name"].to_json() == "again").unwrap();
    assert_eq!(item["state"].to_json(), "closed");
    world.assert_quiet();
}
