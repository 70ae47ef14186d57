//! One file per resource. The types are the bodies of requests and responses.

pub mod accounts;
pub mod announce;
pub mod audit;
pub mod configs;
pub mod conflicts;
pub mod dead;
pub mod dead_groups;
pub(crate) mod docs;
pub mod health;
pub mod history;
pub mod index;
pub mod jobs;
pub mod mappings;
pub(crate) mod metrics;
pub mod operations;
pub(crate) mod overall;
pub mod pauses;
pub mod people;
pub mod platforms;
pub mod projects;
pub mod queues;
pub mod schedules;
pub mod start;
pub(crate) mod stats;
pub mod status;
pub mod tokens;
pub mod workers;

use syncline_service::Scope;
use utoipa::openapi::OpenApi;
use utoipa_axum::routes;

use crate::{access::Need, document, live, table::Table};

const READ: Need = Need::of(Scope::Read);
const DATA_READ: Need = Need::of(Scope::DataRead);
const ENQUEUE: Need = Need::of(Scope::Enqueue);
const OPERATE: Need = Need::of(Scope::Operate);
const ADMIN: Need = Need::of(Scope::Admin);
const READ_ALL: Need = Need::of_all_projects(Scope::Read);
const OPERATE_ALL: Need = Need::of_all_projects(Scope::Operate);
/// What probes and people of this machine may ask without a token.
const OPEN_HERE: Need = READ_ALL.open_here();

/// Routes about the process and the installation, for probes, scrapers and monitors.
pub(crate) fn ops() -> Table {
    Table::default()
        .add(OPEN_HERE, routes!(health::healthz))
        .add(OPEN_HERE, routes!(health::readyz))
        .add(OPEN_HERE, routes!(metrics::metrics))
        .add(OPEN_HERE, routes!(overall::health))
        .add(OPEN_HERE, routes!(overall::alerts))
}

/// All other routes that the document has.
pub(crate) fn api() -> Table {
    Table::default()
        .add(READ, routes!(index::index))
        .add(READ.open_here(), routes!(index::document))
        // Jobs and dead letters.
        .add(READ, routes!(jobs::list::list))
        .add(ENQUEUE, routes!(jobs::create::create))
        .add(READ, routes!(jobs::show::show))
        .add(OPERATE, routes!(jobs::cancel::cancel))
        .add(OPERATE, routes!(jobs::priority::set_priority))
        .add(READ, routes!(jobs::list::list_dead))
        .add(READ.long(), routes!(jobs::list::count_dead))
        .add(OPERATE.long(), routes!(dead::replay))
        .add(ADMIN.long(), routes!(dead::discard))
        .add(READ, routes!(dead_groups::list))
        .add(READ, routes!(dead_groups::show))
        // Changes of many.
        .add(OPERATE, routes!(operations::preview))
        .add(OPERATE, routes!(operations::start))
        .add(READ, routes!(operations::list))
        .add(READ, routes!(operations::show))
        .add(OPERATE, routes!(operations::cancel))
        // Queues, schedules, workers.
        .add(READ_ALL, routes!(queues::list))
        .add(OPERATE_ALL, routes!(queues::pause))
        .add(OPERATE_ALL, routes!(queues::resume))
        .add(READ_ALL, routes!(queues::scale))
        .add(READ, routes!(pauses::list))
        .add(OPERATE_ALL, routes!(platforms::pause))
        .add(OPERATE_ALL, routes!(platforms::resume))
        .add(READ, routes!(schedules::list))
        .add(OPERATE, routes!(schedules::run))
        .add(OPERATE, routes!(schedules::pause))
        .add(OPERATE, routes!(schedules::resume))
        .add(READ_ALL, routes!(workers::list))
        .add(OPERATE_ALL, routes!(workers::drain))
        // Syncs.
        .add(READ, routes!(configs::list::list))
        .add(ADMIN, routes!(configs::change::create))
        .add(READ, routes!(configs::list::show))
        .add(ADMIN, routes!(configs::change::patch))
        .add(ADMIN, routes!(configs::change::delete))
        .add(READ, routes!(configs::text::export))
        .add(ADMIN, routes!(configs::text::apply))
        .add(READ, routes!(configs::validate::posted))
        .add(READ, routes!(configs::validate::stored))
        .add(ENQUEUE, routes!(configs::run::run))
        .add(ENQUEUE, routes!(configs::run::dry_run))
        .add(OPERATE, routes!(configs::pause::pause))
        .add(OPERATE, routes!(configs::pause::resume))
        .add(READ, routes!(configs::revisions::list))
        .add(READ, routes!(configs::revisions::show))
        .add(ADMIN, routes!(configs::revisions::restore))
        .add(READ, routes!(configs::revisions::diff))
        .add(ENQUEUE.long(), routes!(start::start))
        .add(ENQUEUE.long(), routes!(start::start_at_older_address))
        .add(ENQUEUE, routes!(announce::update))
        .add(READ, routes!(status::show))
        .add(READ, routes!(stats::show))
        .add(READ, routes!(stats::series))
        // What happened.
        .add(READ, routes!(history::list::list))
        .add(READ, routes!(history::of_run::one))
        .add(READ, routes!(history::of_run::changes))
        .add(READ, routes!(history::of_run::items))
        .add(READ, routes!(history::plan::plan))
        .add(READ, routes!(mappings::list))
        .add(READ, routes!(mappings::show))
        .add(READ, routes!(mappings::history))
        .add(READ, routes!(conflicts::list::list))
        .add(READ, routes!(conflicts::list::groups))
        .add(READ, routes!(conflicts::list::show))
        .add(OPERATE, routes!(conflicts::resolve::resolve))
        // Accounts and people.
        .add(READ, routes!(accounts::list))
        .add(READ, routes!(accounts::show))
        .add(ADMIN, routes!(accounts::change::create))
        .add(ADMIN, routes!(accounts::change::change))
        .add(ADMIN, routes!(accounts::change::remove))
        .add(ADMIN, routes!(accounts::change::rotate))
        .add(OPERATE, routes!(accounts::change::pause))
        .add(OPERATE, routes!(accounts::change::resume))
        .add(ADMIN, routes!(accounts::reach::check))
        .add(ADMIN, routes!(accounts::reach::discover))
        .add(DATA_READ, routes!(people::list))
        .add(DATA_READ, routes!(people::show))
        .add(DATA_READ, routes!(people::export))
        .add(ADMIN, routes!(people::map))
        .add(ADMIN, routes!(people::unmap))
        .add(ADMIN, routes!(people::sync))
        .add(ADMIN, routes!(people::import))
        // The live feed. `/ws` is beside the document.
        .add(READ, routes!(live::sse::events))
        // Access.
        .add(READ, routes!(projects::list))
        .add(ADMIN, routes!(projects::create))
        .add(ADMIN, routes!(tokens::create))
        .add(ADMIN, routes!(audit::list))
        .add(ADMIN, routes!(tokens::list))
        .add(ADMIN, routes!(tokens::revoke))
}

/// The document of a server of this version, whose paths have a prefix.
pub(crate) fn document(version: &str, prefix: &str) -> OpenApi {
    document::of_server(ops().and(api()).document(), version, prefix)
}
