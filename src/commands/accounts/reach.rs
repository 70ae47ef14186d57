//! Requests of a command to an account's platform, within its limits.

use std::{sync::Arc, time::Duration};

use chrono::Utc;
use sea_orm::DatabaseConnection;
use syncline_connectors::{Account, Catalogue, Discover, Identity, Platform, platform};
use syncline_engine::{
    ports::{Call, ConnectorError, Leave, Meter, Stopped},
    side::Pair,
};
use syncline_limits::Lane;
use syncline_service::accounts::KnownAccount;
use syncline_worker::{
    Environment,
    admission::{Accounts, Admitted, admit},
};

use crate::{app, config::Config, fault::Fault};

/// An account that was logged in to.
pub(crate) struct Reach {
    pub(crate) platform: &'static dyn Platform,
    pub(crate) account: Account,
    admitted: Admitted,
    clock: Arc<dyn syncline_engine::ports::Clock>,
}

impl Reach {
    /// Gets the secret, and the permit of the account's limits.
    pub(crate) async fn of(
        config: &Config,
        db: &DatabaseConnection,
        known: &KnownAccount,
    ) -> Result<Reach, Fault> {
        Self::within(&app::environment(config, db.clone())?, known).await
    }

    /// The same in an environment that there is already.
    pub(crate) async fn within(environment: &Environment, known: &KnownAccount) -> Result<Reach, Fault> {
        let name = &*known.row.platform;
        let platform = platform(name).ok_or_else(|| {
            Fault::usage(format!("account {known}: this version knows no platform {name:?}"))
        })?;
        let account = environment.broker.account(&environment.db, &known.row).await;
        let account = account.map_err(|error| Fault::failed(error.to_string()))?;
        let id = Some(known.row.id).filter(|id| *id != 0);
        let accounts = Accounts::new(Pair::new(id, None), Pair::new(name, ""));
        let admitted = admit(&environment.limits, accounts, Lane::Edit).await;
        let admitted = admitted.map_err(|not_now| Fault::failed(format!("account {known}: {not_now}")))?;
        Ok(Reach { platform, account, admitted, clock: Arc::clone(&environment.clock) })
    }

    /// Asks who the account is.
    pub(crate) async fn identify(&self) -> Result<Identity, ConnectorError> {
        let (gates, meter) = (self.admitted.gates(&self.clock), Meter::default());
        let call = Call::new(&Always, &*gates.source, &meter, Utc::now());
        self.platform.identify(&self.account, &call).await
    }

    /// Asks what the account can see.
    pub(crate) async fn discover(&self, what: Discover<'_>) -> Result<Catalogue, ConnectorError> {
        let (gates, meter) = (self.admitted.gates(&self.clock), Meter::default());
        let call = Call::new(&Always, &*gates.source, &meter, Utc::now());
        self.platform.discover(&self.account, what, &call).await
    }

    /// Returns the permit.
    pub(crate) async fn release(self) {
        self.admitted.release().await;
    }
}

/// These requests write nothing, and no lease ends.
struct Always;

impl Leave for Always {
    fn check(&self) -> Result<(), Stopped> {
        Ok(())
    }

    fn remaining(&self) -> Duration {
        Duration::from_secs(60)
    }
}
