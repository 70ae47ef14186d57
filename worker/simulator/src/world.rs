//! The whole state of one simulator, behind one lock.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    clock::Clock,
    fault::Faults,
    log::Log,
    platform::{self, Platform, Scene},
    settings::{Common, Settings},
};

/// The state of a simulator.
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) common: Common,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
    pub(crate) platforms: Vec<Box<dyn Platform>>,
    seed: u64,
    /// The number of requests in progress, by their credentials.
    running: BTreeMap<String, usize>,
}

impl World {
    pub(crate) fn new(settings: &Settings) -> std::io::Result<World> {
        Ok(World {
            clock: Clock::default(),
            common: Common { limits: settings.limits, ..Common::default() },
            faults: Faults::default(),
            log: Log::open(settings.log.as_deref())?,
            platforms: platform::all(settings.seed),
            seed: settings.seed,
            running: BTreeMap::new(),
        })
    }

    /// Empties the platforms, the faults and the log. Settings and the clock stay.
    pub(crate) fn reset(&mut self) {
        self.platforms = platform::all(self.seed);
        self.faults.clear(None);
        self.log.clear();
    }

    /// Returns the context of a request at this moment; `credentials` are empty for requests to no platform.
    pub(crate) fn scene(&self, credentials: &str) -> Scene {
        Scene {
            now: self.clock.now(),
            limits: self.common.limits,
            concurrent: self.running.get(credentials).copied().unwrap_or(1),
        }
    }
}

/// A world shared by several connections.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(world: World) -> Shared {
        Shared(Arc::new(Mutex::new(world)))
    }

    /// Locks the world. A panic elsewhere does not end the simulator: each change is made in one step.
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request as in progress until the result is dropped.
    pub(crate) fn enter(&self, credentials: &str) -> Serving {
        *self.lock().running.entry(credentials.to_owned()).or_default() += 1;
        Serving { shared: self.clone(), credentials: credentials.to_owned() }
    }
}

/// A request in progress.
pub(crate) struct Serving {
    shared: Shared,
    pub(crate) credentials: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let mut world = self.shared.lock();
        if let Some(count) = world.running.get_mut(&self.credentials) {
            *count -= 1;
            if *count == 0 {
                world.running.remove(&self.credentials);
            }
        }
    }
}
