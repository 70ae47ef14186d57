//! Statuses by their category.

use std::sync::{Arc, OnceLock};

use crate::spec::{Category, StatusNames};

/// The statuses of one side, those that are preferred first.
#[derive(Debug, Clone, Default)]
pub(super) struct Statuses {
    /// Of the document.
    stated: Vec<(String, Category)>,
    /// Of the platform, whatever the place.
    known: Vec<(String, Category)>,
    /// Of the place, once it was asked; empty if it has none of its own. Clones learn together.
    learned: Arc<OnceLock<Vec<(String, Category)>>>,
}

impl Statuses {
    pub(super) fn new(stated: &StatusNames) -> Statuses {
        let of = |(category, names): (&Category, &crate::spec::Names)| {
            names.iter().map(|name| (name.to_owned(), *category)).collect::<Vec<_>>()
        };
        let known = Category::ALL.iter().map(|category| (category.as_str().to_owned(), *category));
        Statuses {
            stated: stated.iter().flat_map(of).collect(),
            known: known.collect(),
            learned: Arc::default(),
        }
    }

    /// Replaces Syncline's own words by the statuses that the platform has.
    pub(super) fn learn(&mut self, known: Vec<(String, Category)>) {
        self.known = known;
    }

    /// Sets what the place has, which goes before what is known of its platform. Only the first answer counts.
    pub(super) fn learn_from_place(&self, own: Vec<(String, Category)>) {
        let _ = self.learned.set(own);
    }

    /// True if the place was asked.
    pub(super) fn has_asked(&self) -> bool {
        self.learned.get().is_some()
    }

    /// The statuses of the place, or else of its platform.
    fn own(&self) -> &[(String, Category)] {
        self.learned.get().filter(|own| !own.is_empty()).unwrap_or(&self.known)
    }

    fn all(&self) -> impl Iterator<Item = &(String, Category)> {
        self.stated.iter().chain(self.own())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.all().map(|(name, _)| name.as_str())
    }

    /// The category of a status. "In Progress" and "in_progress" are one, unless both are known.
    pub(super) fn category(&self, status: &str) -> Option<Category> {
        let exact = self.all().find(|(name, _)| name == status);
        let alike = || self.all().find(|(name, _)| plain(name) == plain(status));
        exact.or_else(alike).map(|(_, category)| *category)
    }

    /// The status to be written for a status of a category: the preferred one of it, else the one of the same name, else the
    /// first; without any, of the nearest category that is as open or as closed.
    pub(super) fn name(&self, category: Category, status: &str) -> Option<&str> {
        let of = |wanted: Category| {
            let is = move |(_, category): &&(String, Category)| *category == wanted;
            let stated = self.stated.iter().find(is);
            let same = || self.own().iter().filter(is).find(|(name, _)| name == status);
            stated.or_else(same).or_else(|| self.own().iter().find(is)).map(|(name, _)| name.as_str())
        };
        let nearest: &[Category] = match category {
            Category::Todo => &[Category::Todo, Category::InProgress, Category::InReview],
            Category::InProgress => &[Category::InProgress, Category::Todo, Category::InReview],
            Category::InReview => &[Category::InReview, Category::InProgress, Category::Todo],
            Category::Done => &[Category::Done, Category::Cancelled],
            Category::Cancelled => &[Category::Cancelled, Category::Done],
        };
        nearest.iter().find_map(|category| of(*category))
    }
}

/// Letters and digits in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn statuses(stated: serde_json::Value) -> Statuses {
        Statuses::new(&serde_json::from_value(stated).unwrap())
    }

    #[test]
    fn without_names_of_its_own_a_side_has_the_categories() {
        let plain = statuses(json!({}));
        assert_eq!(plain.category("In Progress"), Some(Category::InProgress));
        assert_eq!(plain.category("Waiting"), None);
        assert_eq!(plain.name(Category::InReview, "Review"), Some("in_review"));
    }

    #[test]
    fn the_first_name_of_the_document_is_preferred_and_the_platforms_follow() {
        let mut github = statuses(json!({ "cancelled": "not_planned", "in_review": ["Review", "QA"] }));
        github.learn(vec![
            ("open".to_owned(), Category::Todo),
            ("duplicate".to_owned(), Category::Cancelled),
            ("completed".to_owned(), Category::Done),
        ]);
        assert_eq!(github.name(Category::Cancelled, "duplicate"), Some("not_planned"));
        assert_eq!(github.name(Category::InReview, "x"), Some("Review"));
        assert_eq!(github.category("qa"), Some(Category::InReview));
        assert_eq!(github.category("duplicate"), Some(Category::Cancelled));
        assert_eq!(github.name(Category::InProgress, "x"), Some("open"));
        assert_eq!(github.category("in_progress"), None);
    }

    #[test]
    fn what_the_place_has_goes_before_what_its_platform_has() {
        let jira = statuses(json!({}));
        let clone = jira.clone();
        assert!(!jira.has_asked());
        clone.learn_from_place(vec![("Erledigt".to_owned(), Category::Done)]);
        assert!(jira.has_asked());
        assert_eq!(jira.name(Category::Cancelled, "x"), Some("Erledigt"));
        assert_eq!(jira.category("done"), None);
        let csv = statuses(json!({}));
        csv.learn_from_place(Vec::new());
        assert_eq!(csv.category("Done"), Some(Category::Done));
    }

    #[test]
    fn without_a_preference_the_same_name_keeps_the_detail() {
        let mut github = statuses(json!({}));
        github.learn(vec![
            ("not_planned".to_owned(), Category::Cancelled),
            ("duplicate".to_owned(), Category::Cancelled),
        ]);
        assert_eq!(github.name(Category::Cancelled, "duplicate"), Some("duplicate"));
        assert_eq!(github.name(Category::Cancelled, "Wontfix"), Some("not_planned"));
    }

    #[test]
    fn what_is_open_never_becomes_closed() {
        let mut closed = statuses(json!({}));
        closed.learn(vec![("Done".to_owned(), Category::Done)]);
        assert_eq!(closed.name(Category::InReview, "x"), None);
        assert_eq!(closed.name(Category::Cancelled, "x"), Some("Done"));
    }
}
