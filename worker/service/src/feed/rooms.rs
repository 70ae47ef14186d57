//! What a reader wants, and may have: rooms, and types of events.

use std::str::FromStr;

use sea_orm::{DatabaseConnection, DbErr, EntityTrait, Iterable};
use syncline_engine::nearest::alternatives;
use syncline_entity::{project, sync_config, sync_metadata, types::EventType};

use super::Delivery;
use crate::{Caller, pauses::known_queues};

/// Rooms that one reader may be in.
pub const MOST_ROOMS: usize = 50;

/// What events are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Room {
    /// All that the reader may see.
    All,
    Project(i64),
    /// `sync:ID`, `entity:LINK` or `queue:NAME`, as on rows.
    Named(String),
}

/// Why a room cannot be entered.
#[derive(Debug, thiserror::Error)]
pub enum RoomRefused {
    #[error("{0:?} is no room; rooms are project:KEY, sync:ID, entity:ID, queue:NAME and all")]
    Malformed(String),
    /// It does not exist, or the caller does not see it.
    #[error("there is no {0}")]
    Unknown(String),
    #[error("{0} is about all projects, and the token is for one of them; use one without a project")]
    OneProject(String),
    #[error(transparent)]
    Database(#[from] DbErr),
}

impl RoomRefused {
    /// The name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            RoomRefused::Malformed(_) => "invalid-room",
            RoomRefused::Unknown(_) => "unknown-room",
            RoomRefused::OneProject(_) => "one-project",
            RoomRefused::Database(_) => "internal",
        }
    }
}

impl Room {
    /// Reads a room and checks that the caller may be in it. What they do not see is as unknown as what does not exist.
    pub async fn enter(db: &DatabaseConnection, caller: &Caller, text: &str) -> Result<Room, RoomRefused> {
        if text == "all" {
            return Ok(Room::All);
        }
        let malformed = || RoomRefused::Malformed(text.chars().take(100).collect());
        let unknown = || RoomRefused::Unknown(text.to_owned());
        let (kind, name) = text.split_once(':').filter(|(_, name)| !name.is_empty()).ok_or_else(malformed)?;
        let id = || name.parse::<i64>().ok().filter(|id| *id > 0).ok_or_else(malformed);
        match kind {
            "project" => {
                let project = project::by_key(db, name).await?.filter(|row| caller.sees(row.id));
                project.map(|row| Room::Project(row.id)).ok_or_else(unknown)
            }
            "sync" => {
                let sync = sync_config::Entity::find_by_id(id()?).one(db).await?;
                let sync = sync.filter(|row| caller.sees(row.project_id)).ok_or_else(unknown)?;
                Ok(Room::Named(format!("sync:{}", sync.id)))
            }
            "entity" => {
                let found = sync_metadata::Entity::find_by_id(id()?).one(db).await?.ok_or_else(unknown)?;
                let sync = sync_config::Entity::find_by_id(found.sync_config_id).one(db).await?;
                sync.filter(|row| caller.sees(row.project_id)).ok_or_else(unknown)?;
                Ok(Room::Named(format!("entity:{}", found.id)))
            }
            "queue" if caller.project.is_some() => Err(RoomRefused::OneProject(text.to_owned())),
            "queue" => {
                let known = known_queues(db).await?.contains(name);
                known.then(|| Room::Named(text.to_owned())).ok_or_else(unknown)
            }
            _ => Err(malformed()),
        }
    }

    fn takes(&self, event: &Delivery) -> bool {
        match self {
            Room::All => true,
            Room::Project(id) => event.project == Some(*id),
            Room::Named(name) => event.is_in(name),
        }
    }
}

/// Types of events: all, or `run.completed`, `run.*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Types(Vec<String>);

impl FromStr for Types {
    type Err = String;

    /// Reads a list with commas.
    fn from_str(text: &str) -> Result<Types, String> {
        let given = text.split(',').map(str::trim).filter(|one| !one.is_empty() && *one != "*");
        Types::of(given.map(str::to_owned))
    }
}

impl Types {
    /// A type that does not exist is refused: it would never come.
    pub fn of(given: impl IntoIterator<Item = String>) -> Result<Types, String> {
        let given: Vec<String> = given.into_iter().filter(|one| one != "*").collect();
        let known = || EventType::iter().map(EventType::as_str);
        for one in &given {
            let fits = match one.strip_suffix('*').filter(|group| group.ends_with('.')) {
                Some(group) => known().any(|known| known.starts_with(group)),
                None => known().any(|known| known == one),
            };
            if !fits {
                let one: String = one.chars().take(100).collect();
                let hint = alternatives(&one, known(), "the types are:");
                return Err(format!("{one:?} is no type of event, nor a group such as run.*; {hint}"));
            }
        }
        Ok(Types(given))
    }

    fn take(&self, kind: &str) -> bool {
        let fits = |one: &String| one.strip_suffix('*').map_or(one == kind, |group| kind.starts_with(group));
        self.0.is_empty() || self.0.iter().any(fits)
    }
}

/// What a reader gets: of each room the types that were asked for, and never what their project hides.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The only project that they see; none: all.
    project: Option<i64>,
    rooms: Vec<(Room, Types)>,
}

impl Filter {
    /// A filter that takes nothing yet.
    pub fn of(caller: &Caller) -> Filter {
        Filter { project: caller.project, rooms: Vec::new() }
    }

    /// Takes these types of a room, whatever was taken of it before. False: there are too many rooms.
    pub fn add(&mut self, room: Room, types: Types) -> bool {
        self.remove(&room);
        if self.rooms.len() >= MOST_ROOMS {
            return false;
        }
        self.rooms.push((room, types));
        true
    }

    /// Takes what another filter takes, too. False: there are too many rooms.
    pub fn add_all(&mut self, other: Filter) -> bool {
        other.rooms.into_iter().all(|(room, types)| self.add(room, types))
    }

    pub fn remove(&mut self, room: &Room) {
        self.rooms.retain(|(own, _)| own != room);
    }

    pub(super) fn takes(&self, event: &Delivery) -> bool {
        let seen = self.project.is_none_or(|own| event.project == Some(own));
        seen && self.rooms.iter().any(|(room, types)| types.take(&event.kind) && room.takes(event))
    }
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use serde_json::json;
    use syncline_entity::event;

    use super::{super::names::Names, *};

    fn event(project: Option<i64>, rooms: &str, kind: &str) -> Delivery {
        let row = event::Model {
            seq: 1,
            id: uuid::Uuid::nil(),
            project_id: project,
            rooms: rooms.to_owned(),
            kind: kind.to_owned(),
            subject: None,
            time: Utc::now(),
            data: json!({}),
        };
        Delivery::of(row, &Names::default())
    }

    #[test]
    fn a_reader_of_one_project_gets_nothing_else() {
        let mut filter = Filter::of(&Caller { project: Some(1), ..Caller::person("mia") });
        assert!(!filter.takes(&event(Some(1), "", "run.started")), "no room, no event");
        assert!(filter.add(Room::All, Types::default()));
        assert!(filter.takes(&event(Some(1), "sync:1", "run.started")));
        for foreign in [Some(2), None] {
            assert!(!filter.takes(&event(foreign, "sync:1", "worker.joined")));
        }
    }

    #[test]
    fn rooms_and_types_go_together() {
        let mut filter = Filter::of(&Caller::person("mia"));
        filter.add(Room::Named("sync:1".to_owned()), "run.*, conflict.detected".parse().unwrap());
        filter.add(Room::Project(2), Types::default());
        assert!(filter.takes(&event(Some(1), "sync:1", "run.held")));
        assert!(filter.takes(&event(Some(1), "sync:1 entity:4", "conflict.detected")));
        assert!(!filter.takes(&event(Some(1), "sync:1", "conflict.resolved")));
        assert!(!filter.takes(&event(Some(1), "sync:11", "run.held")));
        assert!(filter.takes(&event(Some(2), "", "conflict.resolved")));
        filter.remove(&Room::Project(2));
        assert!(!filter.takes(&event(Some(2), "", "conflict.resolved")));
        for room in 0..MOST_ROOMS - 1 {
            assert!(filter.add(Room::Named(format!("entity:{room}")), Types::default()));
        }
        assert!(!filter.add(Room::All, Types::default()));
        assert!(filter.add(Room::Named("entity:3".to_owned()), Types::default()), "it has that room");
    }

    #[test]
    fn a_type_that_never_comes_is_refused() {
        for text in ["rum.completed", "run", "run.", "run.*.x", "nothing.*", "*.*"] {
            let told = text.parse::<Types>().unwrap_err();
            assert!(told.starts_with(&format!("{text:?}")), "{told}");
        }
        for text in ["", "*", "run.*", "job.dead,run.*", " item.failed , "] {
            text.parse::<Types>().unwrap();
        }
    }
}
