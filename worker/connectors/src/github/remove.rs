//! Closes and deletes issues.

use serde_json::json;
use syncline_engine::{
    Item,
    capability::Removal,
    ports::{Call, ConnectorError, Written},
    value::Fields,
};

use super::{
    draft::closing,
    issue::Issue,
    issues::{Issues, Seen, number},
};
use crate::http::Failed;

impl Issues {
    /// Succeeds if the issue was deleted already, or closed for whatever reason.
    pub(super) async fn remove(&self, id: &str, how: Removal, call: &Call<'_>) -> Written {
        let Some(number) = number(id) else {
            return Written::Refused(self.gone(id, "that is no number of an issue"));
        };
        let issue = match self.look(number, call).await {
            Ok(Seen::Here(issue)) => *issue,
            Ok(Seen::Deleted) => {
                return Written::item(Item { deleted: true, ..Item::new(number.to_string(), Fields::new()) });
            }
            _ => match self.read(number, call).await {
                Ok(issue) => issue,
                Err(outcome) => return *outcome,
            },
        };
        match how {
            Removal::Close if issue.state == "closed" => Written::item(self.item(&issue)),
            Removal::Close => self.apply(&closing(), number, call).await.unwrap_or_else(Failed::written),
            Removal::Delete => self.delete(&issue, call).await,
            Removal::Archive => {
                let text = format!("issue #{number}: GitHub has no archive of issues");
                Written::Refused(ConnectorError::permanent(text))
            }
        }
    }

    /// Deletes an issue, which only administrators may, and only through GraphQL.
    async fn delete(&self, issue: &Issue, call: &Call<'_>) -> Written {
        let Some(node) = &issue.node_id else {
            let text = format!("issue #{}: GitHub gives it no id by which it could be deleted", issue.number);
            return Written::Refused(ConnectorError::permanent(text));
        };
        let reply = match self.api.delete_issue(&json!({ "id": node }), call).await {
            Ok(reply) => reply,
            Err(failed) => return failed.written(),
        };
        match reply.errors.into_iter().next() {
            None => Written::item(Item { deleted: true, ..self.item(issue) }),
            Some(error) => error.failed.written(),
        }
    }
}
