//! A create that is to be sent, held against the screen of its type.

use serde_json::json;
use syncline_engine::{
    ports::{Answer, Call, ConnectorError, ErrorKind, Marker, Written},
    value::Fields,
};

use super::{
    body::{Create, Entries},
    dialect::refused_fields,
    draft::Draft,
    issue::NotMade,
    issues::Issues,
    marker,
    meta::{IssueType, ScreenField},
};

/// A create that is to be sent.
pub(super) struct Pending<'w> {
    /// Its position in the call.
    pub(super) position: usize,
    pub(super) marker: &'w Marker,
    pub(super) values: &'w Fields,
    pub(super) draft: Draft,
    pub(super) type_id: String,
    /// What is to be sent of it.
    fields: Entries,
}

impl Pending<'_> {
    pub(super) fn body(&self) -> Create<'_> {
        let fields = self.fields.iter().map(|(id, entry)| (id.as_str(), entry)).collect();
        Create { fields, properties: [marker::property(&self.marker.text)] }
    }
}

impl Issues {
    /// Reads a create, and holds it against the screen of its type.
    pub(super) async fn prepare<'w>(
        &self,
        position: usize,
        marker: &'w Marker,
        values: &'w Fields,
        call: &Call<'_>,
    ) -> Result<Pending<'w>, Box<Written>> {
        let refused = |error: ConnectorError| Box::new(Written::Refused(error));
        let mut draft = self.draft(values, call).await?;
        if !draft.values.contains_key("summary") {
            return Err(refused(ConnectorError::permanent(
                "an issue needs a summary; map the field summary",
            )));
        }
        let not_sent = |error: ConnectorError| Box::new(Written::NotSent(error));
        let name = draft.issue_type.clone().unwrap_or_else(|| self.scope.issue_type.clone());
        let types = self.api.known_types(call).await.map_err(not_sent)?;
        let same = |known: &&IssueType| known.name.to_lowercase() == name.to_lowercase();
        let Some(found) = types.iter().find(same) else {
            let names: Vec<&str> = types.iter().map(|known| known.name.as_str()).collect();
            let key = if draft.issue_type.is_some() { "field issuetype" } else { "issue_type of the scope" };
            let text = match names.is_empty() {
                true => format!("project {}: the account may not create issues there", self.scope.project),
                false => format!(
                    "{key}: the project {} has no issue type {name:?}; it has {}",
                    self.scope.project,
                    names.join(", ")
                ),
            };
            return Err(refused(ConnectorError::permanent(text)));
        };
        let mut fields = draft.create().map_err(refused)?;
        let screen = self.api.screen(&found.id, call).await.map_err(not_sent)?;
        self.fit(&mut fields, &mut draft, &found.id, &found.name, &screen).map_err(refused)?;
        fields.insert("project".to_owned(), json!({ "key": self.scope.project }).into());
        fields.insert("issuetype".to_owned(), json!({ "id": found.id }).into());
        Ok(Pending { position, marker, values, draft, type_id: found.id.clone(), fields })
    }

    /// Leaves out what the screen does not have. Fails if it insists on a field that has no value.
    fn fit(
        &self,
        fields: &mut Entries,
        draft: &mut Draft,
        type_id: &str,
        type_name: &str,
        screen: &[ScreenField],
    ) -> Result<(), ConnectorError> {
        let on_screen = |id: &str| screen.is_empty() || screen.iter().any(|field| field.id() == id);
        let left: Vec<String> = fields
            .keys()
            .filter(|id| !on_screen(id) || self.memo.is_not_settable(type_id, id))
            .cloned()
            .collect();
        for id in left {
            fields.remove(&id);
            let text = format!(
                "field {}: it is not on the screen on which issues of the type {type_name} are created in {}; add it there",
                draft.name_of(&id),
                self.scope.project
            );
            draft.left_out.push((draft.name_of(&id), ConnectorError::permanent(text)));
        }
        let given = |field: &&ScreenField| {
            ["project", "issuetype"].contains(&field.id())
                || field.has_default_value
                || fields.contains_key(field.id())
        };
        let missing: Vec<String> = screen
            .iter()
            .filter(|field| field.required && !given(field))
            // Jira itself names the person who creates an issue as its reporter.
            .filter(|field| field.id() != "reporter")
            .map(|field| format!("{} ({})", field.name, field.id()))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(ConnectorError::permanent(format!(
            "project {}: issues of the type {type_name} need a value for {}; map the field, or make it optional in Jira",
            self.scope.project,
            missing.join(", ")
        )))
    }

    /// Takes out of a create what Jira refused in it. The error if it cannot do without.
    pub(super) fn without_refused(
        &self,
        one: &mut Pending<'_>,
        refused: &NotMade,
    ) -> Result<(), ConnectorError> {
        let flaws = &refused.element_errors;
        let mut error =
            ConnectorError::permanent(format!("project {}: {}", self.scope.project, flaws.text()));
        let status = refused.status.unwrap_or(400);
        error.answer = Some(Box::new(Answer { status, code: flaws.code(), request_id: None }));
        if status == 429 || status >= 500 {
            error.kind = ErrorKind::Transient;
            return Err(error);
        }
        let ids = refused_fields(&error);
        let removable =
            |id: &&str| !["summary", "project", "issuetype"].contains(id) && one.fields.contains_key(*id);
        if ids.is_empty() || !ids.iter().all(removable) {
            // A screen that was kept may be another one by now.
            self.api.forget_screen(&one.type_id);
            return Err(error);
        }
        for id in ids {
            one.fields.remove(id);
            // Only that it cannot be set holds for other issues as well; another value may be taken.
            if flaws.says_not_settable(id) {
                self.memo.note_not_settable(&one.type_id, id);
            }
            one.draft.left_out.push((one.draft.name_of(id), error.clone()));
        }
        Ok(())
    }
}
