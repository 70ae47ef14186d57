//! Labels by name. One that does not exist is made, as people expect who write it.

use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use syncline_engine::ports::{Call, ConnectorError};

use super::{
    documents::Step,
    issues::Issues,
    label::{Label, Labels},
};
use crate::sets;

/// What labels are called, and why some could not be made.
pub(super) struct Named {
    labels: Arc<Labels>,
    refused: HashMap<String, ConnectorError>,
}

impl Named {
    /// The ids of labels by their names.
    pub(super) fn ids(&self, names: &[String]) -> Result<Vec<String>, ConnectorError> {
        let mut found: Vec<&Label> = Vec::with_capacity(names.len());
        for name in names {
            match (self.labels.by_name(name), self.refused.get(&name.to_lowercase())) {
                (Some(label), _) => found.push(label),
                (None, Some(error)) => return Err(error.clone()),
                (None, None) => {
                    let text = format!("field labels: the team has no label {name:?}");
                    return Err(ConnectorError::permanent(text));
                }
            }
        }
        let fit = self.labels.fit_together(&found);
        fit.map_err(|why| ConnectorError::permanent(format!("field labels: {why}")))?;
        Ok(found.into_iter().map(|label| label.id.clone()).collect())
    }
}

impl Issues {
    /// The labels of these names; those that do not exist are made for the team. An error is about all of them.
    pub(super) async fn named(
        &self,
        names: impl Iterator<Item = &String>,
        call: &Call<'_>,
    ) -> Result<Named, ConnectorError> {
        let names = sets::canonical(names.cloned().collect());
        let mut refused = HashMap::new();
        let labels = self
            .change_labels(call, async |labels| {
                let missing: Vec<String> =
                    names.into_iter().filter(|name| labels.by_name(name).is_none()).collect();
                for some in missing.chunks(MOST) {
                    self.make_labels(some, labels, &mut refused, call).await?;
                }
                Ok(!missing.is_empty())
            })
            .await?;
        Ok(Named { labels, refused })
    }

    async fn make_labels(
        &self,
        names: &[String],
        labels: &mut Labels,
        refused: &mut HashMap<String, ConnectorError>,
        call: &Call<'_>,
    ) -> Result<(), ConnectorError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Made {
            issue_label: Label,
        }
        let team = self.team(call).await?;
        let step = |name: &String| (Step::Label, None, json!({ "name": name, "teamId": team.id }));
        let steps: Vec<(Step, Option<&str>, Json)> = names.iter().map(step).collect();
        let about = |name: &str, error: &ConnectorError| {
            let message = format!("field labels: the label {name:?} cannot be made: {error}");
            ConnectorError { message, ..error.clone() }
        };
        let mut reply = match self.api.mutate(&steps, call).await {
            Ok(reply) => reply,
            Err(failed) if failed.error.stops_the_batch() || names.is_empty() => return Err(failed.error),
            Err(failed) => {
                let all = names.iter().map(|name| (name.to_lowercase(), about(name, &failed.error)));
                refused.extend(all);
                return Ok(());
            }
        };
        // Where one fails, there is no data, although others were made.
        let is_void = reply.data.is_null();
        for (n, name) in names.iter().enumerate() {
            let part = format!("m{n}");
            let failed = reply.errors.iter().find(|error| error.path.first() == Some(&part));
            match failed.map(|error| error.failed.error.clone()) {
                Some(error) => _ = refused.insert(name.to_lowercase(), about(name, &error)),
                None if is_void => {}
                None => labels.add(vec![reply.part::<Made>(&part)?.issue_label]),
            }
        }
        if is_void {
            *labels = Labels::read(&self.api, call).await?;
        }
        Ok(())
    }
}

/// Labels made in one document.
const MOST: usize = 20;
