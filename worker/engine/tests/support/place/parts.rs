//! Writes that are carried out in part.

use syncline_engine::{
    Value,
    ports::{ConnectorError, Done, Write, WriteOp, Written, changed_since_read},
    value::Fields,
};

use super::{FakePlace, Overwritten};

/// Values that a status has on its way to another one, by side.
const STEPS: [(&str, [&str; 3]); 2] =
    [("status", ["To Do", "In Progress", "Done"]), ("state", ["open", "closed", ""])];

impl FakePlace {
    /// Carries out a write without one of its fields; one that takes steps is led through one of them. Without a number it
    /// is such a field, if there is one, and nothing tells what became of the write.
    pub(super) fn answer_in_part(&self, write: &Write, number: Option<usize>) -> Written {
        let lost = || Written::Unknown(ConnectorError::transient(format!("{} was cut off", self.name)));
        let mut write = write.clone();
        let known = match &write.op {
            WriteOp::Create { marker, .. } => self.find_marked(marker).is_some(),
            WriteOp::Update { .. } | WriteOp::Remove { .. } => false,
        };
        let name = match &write.op {
            WriteOp::Create { fields, .. } | WriteOp::Update { fields, .. } if !known => {
                self.left_out_one(fields, number)
            }
            _ => None,
        };
        let Some(name) = name else {
            let outcome = self.answer(&write);
            return if number.is_some() { outcome } else { lost() };
        };
        let mut halfway = Fields::new();
        match &mut write.op {
            WriteOp::Create { fields, .. } => {
                // What a new item has there by itself.
                fields.insert(name.clone(), self.step(&name, &[]).unwrap_or(Value::Null));
            }
            WriteOp::Update { id, fields } => {
                let now = self.get(id).and_then(|now| now.get(&name).cloned()).unwrap_or(Value::Null);
                let sent = fields.remove(&name).unwrap_or(Value::Null);
                halfway.extend(self.step(&name, &[&now, &sent]).map(|step| (name.clone(), step)));
            }
            WriteOp::Remove { .. } => {}
        }
        let overwritten = self.about_to_overwrite(&write);
        let mut item = match self.write_one(&write) {
            Ok(item) => item,
            Err(error) => return Written::Refused(error),
        };
        if !halfway.is_empty() {
            let mut fields = self.get(&item.id).unwrap_or_default();
            fields.extend(halfway.clone());
            self.put(&item.id, fields, None);
            self.rows().ours.insert((item.id.clone(), name.clone()));
            item = self.find(&item.id).unwrap_or(item);
        }
        if number.is_none() {
            return lost();
        }
        self.note_overwritten(&write, &overwritten);
        let silent = self.manners.silent && matches!(write.op, WriteOp::Update { .. });
        let error = ConnectorError::transient(format!("{} did not answer", self.name));
        Written::Done(Done {
            item: (!silent).then_some(item),
            left_out: vec![(name, error)],
            halfway,
            overwritten,
        })
    }

    /// What others have made of the fields of an update since they were read, by the history.
    pub(super) fn about_to_overwrite(&self, write: &Write) -> Fields {
        let WriteOp::Update { id, fields } = &write.op else { return Fields::new() };
        let now = self.get(id).unwrap_or_default();
        let changed = changed_since_read(&write.expected, &now).into_iter();
        let theirs = changed.filter(|(field, _)| self.manners.history && fields.contains_key(*field));
        theirs.map(|(field, (_, now))| (field.to_owned(), now.clone())).collect()
    }

    pub(super) fn note_overwritten(&self, write: &Write, overwritten: &Fields) {
        let WriteOp::Update { fields, .. } = &write.op else { return };
        let note = |(field, edit): (&String, &Value)| Overwritten {
            field: field.clone(),
            edit: edit.clone(),
            sent: fields.get(field).cloned().unwrap_or(Value::Null),
        };
        self.rows().overwritten.extend(overwritten.iter().map(note));
    }

    /// Edits that writes have overwritten, and told of.
    pub(crate) fn overwritten(&self) -> Vec<Overwritten> {
        self.rows().overwritten.clone()
    }

    /// The field that is left out.
    fn left_out_one(&self, fields: &Fields, number: Option<usize>) -> Option<String> {
        let names: Vec<&String> = match number {
            Some(_) => {
                let own = |name: &&String| *name != "tag" && Some(*name) != self.manners.key_field.as_ref();
                fields.keys().filter(own).collect()
            }
            None => {
                fields.keys().filter(|name| self.capabilities.stepwise.contains(&name.as_str())).collect()
            }
        };
        let number = number.unwrap_or(0) % names.len().max(1);
        names.get(number).map(|name| (*name).clone())
    }

    /// A value on the way of a field that takes steps, other than these.
    fn step(&self, name: &str, others: &[&Value]) -> Option<Value> {
        let of_name = |(of, _): &&(&str, [&str; 3])| *of == name && self.capabilities.stepwise.contains(of);
        let (_, steps) = STEPS.iter().find(of_name)?;
        let values = steps.iter().map(|step| Value::text(*step));
        values.into_iter().find(|value| others.iter().all(|other| !other.same(value)))
    }
}
