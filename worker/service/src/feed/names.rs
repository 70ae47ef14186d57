//! The names of projects and syncs, for the sources of events. Neither ever changes, so each is read once.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use syncline_entity::{event, project, sync_config};

/// The most names that are kept; past it they are read anew.
const MOST: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Names(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    projects: HashMap<i64, String>,
    syncs: HashMap<i64, String>,
}

impl Names {
    /// Reads the names of what these events are about, if they are not known yet.
    pub(super) async fn learn(&self, db: &impl ConnectionTrait, rows: &[event::Model]) -> Result<(), DbErr> {
        let (projects, syncs) = {
            let mut known = self.known();
            if known.syncs.len() + known.projects.len() > MOST {
                *known = Known::default();
            }
            let projects = rows.iter().filter_map(|row| row.project_id);
            let projects: Vec<i64> = projects.filter(|id| !known.projects.contains_key(id)).collect();
            let syncs = rows.iter().filter_map(sync_of);
            (projects, syncs.filter(|id| !known.syncs.contains_key(id)).collect::<Vec<i64>>())
        };
        if !projects.is_empty() {
            let query = project::Entity::find().filter(project::Column::Id.is_in(projects));
            let query = query.select_only().columns([project::Column::Id, project::Column::Key]);
            let found: Vec<(i64, String)> = query.into_tuple().all(db).await?;
            self.known().projects.extend(found);
        }
        if !syncs.is_empty() {
            let query = sync_config::Entity::find().filter(sync_config::Column::Id.is_in(syncs));
            let query = query.select_only().columns([sync_config::Column::Id, sync_config::Column::Name]);
            let found: Vec<(i64, String)> = query.into_tuple().all(db).await?;
            self.known().syncs.extend(found);
        }
        Ok(())
    }

    /// What an event is about, as the source of a CloudEvent. Of what was purged, the numbers are left.
    pub(super) fn source(&self, row: &event::Model) -> String {
        let Some(project) = row.project_id else { return "/".to_owned() };
        let known = self.known();
        let name = |names: &HashMap<i64, String>, id: i64| {
            names.get(&id).map_or_else(|| id.to_string(), |name| escaped(name))
        };
        let project = name(&known.projects, project);
        match sync_of(row) {
            Some(sync) => format!("/projects/{project}/syncs/{}", name(&known.syncs, sync)),
            None => format!("/projects/{project}"),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn of(projects: &[(i64, &str)], syncs: &[(i64, &str)]) -> Names {
        let owned =
            |names: &[(i64, &str)]| names.iter().map(|(id, name)| (*id, (*name).to_owned())).collect();
        Names(Mutex::new(Known { projects: owned(projects), syncs: owned(syncs) }))
    }
}

/// The sync that an event is about.
fn sync_of(row: &event::Model) -> Option<i64> {
    row.rooms.split(' ').find_map(|room| room.strip_prefix("sync:")?.parse().ok())
}

/// A name as a segment of a path.
fn escaped(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(byte.into());
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
