//! The migrations as steps: each with the oldest program that may run on its schema.

use sea_orm_migration::MigrationTrait;

use crate::{Compatibility, in_order};

/// A migration, and the programs that may run on its schema.
pub struct Step {
    pub(crate) migration: Box<dyn MigrationTrait>,
    /// A program must know at least this migration to run on this schema. A step that only adds keeps the value of the
    /// step before it; one that changes or removes what programs use names itself, or the step since which programs
    /// have been prepared for it.
    pub(crate) compatible_from: String,
}

impl Step {
    /// Names sort by age.
    pub fn name(&self) -> &str {
        self.migration.name()
    }

    /// Returns the oldest migration that a program must know to run on this schema.
    pub fn compatible_from(&self) -> &str {
        &self.compatible_from
    }

    /// Returns every step that this program knows, oldest first.
    pub(crate) fn all() -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for (migration, compatibility) in in_order() {
            let before = steps.last().map(|step| step.compatible_from.clone());
            let compatible_from = match (compatibility, before) {
                (Compatibility::Expands, Some(before)) => before,
                (Compatibility::RequiresSince(known), _) => known.to_owned(),
                _ => migration.name().to_owned(),
            };
            steps.push(Step { migration, compatible_from });
        }
        steps
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Step({}, compatible from {})", self.name(), self.compatible_from)
    }
}
