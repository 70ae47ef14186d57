//! The control API below `/_control`: clock, settings, faults, the log, and each platform's own routes.

use serde_json::{Value, json};

use crate::{
    fault::Plan,
    http::{Call, Reply},
    log::Filter,
    world::World,
};

/// Handles a request; its path is the one below `/_control`.
pub(crate) fn answer(world: &mut World, call: &Call) -> Reply {
    let parts = call.parts();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", []) => overview(world),
        ("POST", ["reset"]) => {
            world.reset();
            Reply::empty(204)
        }
        ("POST", ["example"]) => example(world, call),
        ("GET", ["state"]) => state(world),
        ("GET", ["settings"]) => Reply::json(200, &world.common),
        ("PATCH", ["settings"]) => settings(world, call),
        ("GET", ["clock"]) => clock(world),
        ("POST", ["clock"]) => set_clock(world, call),
        ("GET", ["faults"]) => Reply::json(200, &world.faults.all()),
        ("POST", ["faults"]) => set_faults(world, call),
        ("DELETE", ["faults"]) => Reply::json(200, &json!({ "removed": world.faults.clear(None) })),
        ("DELETE", ["faults", id]) => match id.parse().map(|id| world.faults.clear(Some(id))) {
            Ok(1) => Reply::empty(204),
            _ => Reply::refused(404, format!("there is no fault {id}")),
        },
        ("GET", ["log"]) => log(world, call),
        ("DELETE", ["log"]) => {
            world.log.clear();
            Reply::empty(204)
        }
        (_, [prefix, ..]) => of_platform(world, call, prefix),
        _ => Reply::refused(404, "no such control; GET /_control lists them"),
    }
}

fn of_platform(world: &mut World, call: &Call, prefix: &str) -> Reply {
    let scene = world.scene("");
    let platform = world.platforms.iter_mut().find(|platform| platform.prefix() == prefix);
    match (platform, call.below(prefix)) {
        (Some(platform), Some(call)) => platform.control(&call, &scene),
        _ => Reply::refused(404, "no such control; GET /_control lists them"),
    }
}

fn overview(world: &World) -> Reply {
    let platforms: Vec<_> = world.platforms.iter().map(|platform| platform.prefix()).collect();
    Reply::json(
        200,
        &json!({
            "platforms": platforms,
            "control": [
                "POST /_control/reset", "POST /_control/example", "GET /_control/state",
                "GET|PATCH /_control/settings", "GET|POST /_control/clock",
                "GET|POST|DELETE /_control/faults", "DELETE /_control/faults/ID",
                "GET|DELETE /_control/log", "ANY /_control/PLATFORM/...",
            ],
        }),
    )
}

fn example(world: &mut World, call: &Call) -> Reply {
    let items = match call.json() {
        Ok(Value::Null) => 25,
        Ok(body) => body["items"].as_u64().and_then(|items| usize::try_from(items).ok()).unwrap_or(25),
        Err(error) => return Reply::refused(400, error.to_string()),
    };
    let scene = world.scene("");
    let made: serde_json::Map<_, _> = world
        .platforms
        .iter_mut()
        .map(|platform| (platform.prefix().to_owned(), platform.example(items, &scene)))
        .collect();
    Reply::json(201, &made)
}

fn state(world: &World) -> Reply {
    let state: serde_json::Map<_, _> =
        world.platforms.iter().map(|platform| (platform.prefix().to_owned(), platform.state())).collect();
    Reply::json(200, &state)
}

fn settings(world: &mut World, call: &Call) -> Reply {
    match patched(&world.common, call) {
        Ok(common) => {
            world.common = common;
            world.log.responses = world.common.log_responses;
            Reply::json(200, &world.common)
        }
        Err(refused) => refused,
    }
}

/// Returns the settings with the keys of the body replaced.
pub(crate) fn patched<T>(settings: &T, call: &Call) -> Result<T, Reply>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    let change = call.json().map_err(|error| Reply::refused(400, error.to_string()))?;
    let mut whole = serde_json::to_value(settings).map_err(|error| Reply::refused(500, error.to_string()))?;
    match (whole.as_object_mut(), change) {
        (Some(whole), Value::Object(change)) => whole.extend(change),
        _ => return Err(Reply::refused(400, "the body is an object of settings")),
    }
    serde_json::from_value(whole).map_err(|error| Reply::refused(422, error.to_string()))
}

fn clock(world: &World) -> Reply {
    let now = world.clock.now();
    Reply::json(
        200,
        &json!({ "now": crate::clock::stamp(now / 1000), "now_ms": now, "stopped": world.clock.is_stopped() }),
    )
}

/// Takes `{"advance": SECONDS}` and `{"stop": true|false}`.
fn set_clock(world: &mut World, call: &Call) -> Reply {
    let body = match call.json() {
        Ok(Value::Object(body)) => body,
        _ => return Reply::refused(400, "the body is an object with `advance` (seconds) or `stop`"),
    };
    for (key, value) in &body {
        match (key.as_str(), value.as_f64(), value.as_bool()) {
            ("advance", Some(seconds), _) => {
                world.clock.advance(
                    std::time::Duration::from_secs_f64(seconds.max(0.0)).as_millis().try_into().unwrap_or(0),
                );
            }
            ("stop", _, Some(stop)) => world.clock.stop(stop),
            _ => {
                return Reply::refused(
                    422,
                    format!("`{key}` is not understood: `advance` takes seconds, `stop` true or false"),
                );
            }
        }
    }
    clock(world)
}

/// Takes one fault or a list of them.
fn set_faults(world: &mut World, call: &Call) -> Reply {
    let body = match call.json() {
        Ok(body) => body,
        Err(error) => return Reply::refused(400, error.to_string()),
    };
    let many = body.is_array();
    let list = if let Value::Array(list) = body { list } else { vec![body] };
    let plans: Result<Vec<Plan>, _> = list.into_iter().map(Plan::read).collect();
    match plans {
        Ok(plans) => {
            let ids: Vec<u64> = plans.into_iter().map(|plan| world.faults.set(plan)).collect();
            let only = ids.first().copied();
            Reply::json(201, &if many { json!({ "ids": ids }) } else { json!({ "id": only }) })
        }
        Err(error) => Reply::refused(422, error),
    }
}

fn log(world: &World, call: &Call) -> Reply {
    let after = call.query("after").and_then(|after| after.parse().ok()).unwrap_or(0);
    let filter = Filter { method: call.query("method"), path: call.query("path"), after };
    let entries = world.log.matching(&filter);
    Reply::json(200, &json!({ "last": world.log.last(), "count": entries.len(), "entries": entries }))
}
