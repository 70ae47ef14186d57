//! A table.
use crate::{
    registry::{OpenOptions, Wire},
    scope::ScopeError,
};
use async_trait::async_trait;
use serde_json::Value as Json;
use std::path::Path;
use syncline_engine::ports::{Connector, ConnectorError};
/// The registry's way in.
pub(crate) struct Sql;

#[async_trait]
impl Wire for Sql {
    fn check(&self, _scope: &Json) -> Result<(), ScopeError> {
        Ok(())
    }
    fn resolve(&self, _scope: &mut Json, _base_dir: &Path) {}
    async fn open(&self, _scope: &Json, _: &OpenOptions) -> Result<Box<dyn Connector>, ConnectorError> {
        Err(ConnectorError::permanent("soon"))
    }
}
