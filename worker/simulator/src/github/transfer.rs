//! Transfers of issues to another repository of the same owner.

use super::{
    change::By,
    hooks,
    state::State,
    types::{Gone, Issue, Repo},
};

impl State {
    /// Transfers an issue and returns its new number. It also gets a new id; the old address redirects.
    ///
    /// Labels and milestones stay if the target has them, under the same names (and the same due date); with `make_labels`,
    /// missing labels are created there. Assignees stay if they can be assigned there.
    pub(crate) fn transfer(
        &mut self,
        (from, number): (u64, u64),
        to: u64,
        make_labels: bool,
        by: By,
    ) -> Result<u64, &'static str> {
        self.may_transfer((from, number), to)?;
        let before = hooks::shown(self, from, number);
        let (labels, milestone) = self.carried((from, number), to, make_labels);
        let id = self.fresh_id();
        let lag = i64::try_from(self.behaviour.search_lag_ms).unwrap_or(i64::MAX / 2);
        let gone = "the issue is gone";
        let source = self.repos.get_mut(&from).ok_or(gone)?;
        let mut issue = source.remove(number).ok_or(gone)?;
        let target = self.repos.get_mut(&to).ok_or("there is no such target")?;
        target.last_number += 1;
        let new = target.last_number;
        let old_id = std::mem::replace(&mut issue.id, id);
        issue.number = new;
        issue.updated = by.seconds();
        issue.content.labels = labels;
        issue.content.milestone = milestone;
        issue.content.assignees.retain(|account| target.may_be_assigned(*account));
        issue.indexed = None;
        issue.indexed_at = by.now + lag;
        issue.rendered.take();
        issue.empty_reads.set(self.behaviour.transfer_empty_reads);
        self.places.remove(&old_id);
        self.places.insert(id, (to, new));
        self.point_relations(&issue, old_id);
        if let Some(target) = self.repos.get_mut(&to) {
            target.insert(issue);
            // Numbers are not reused, so an issue that is transferred back gets a new one.
            target.gone.remove(&new);
        }
        if let Some(source) = self.repos.get_mut(&from) {
            source.gone.insert(number, Gone::Moved(to, new));
        }
        self.forward((from, number), (to, new));
        self.count_milestones(from);
        self.count_milestones(to);
        if let Some(before) = before {
            hooks::announce_transfer(self, from, &before, (to, new), by);
        }
        hooks::announce(self, to, new, "opened", serde_json::json!({}), by);
        Ok(new)
    }

    fn may_transfer(&self, (from, number): (u64, u64), to: u64) -> Result<(), &'static str> {
        let source = self.repos.get(&from).ok_or("there is no such repository")?;
        let target = self.repos.get(&to).ok_or("there is no such target")?;
        let issue = source.issues.get(&number).ok_or("there is no such issue")?;
        let refused = [
            (issue.pull_request, "pull requests cannot be transferred"),
            (from == to, "the issue is in that repository already"),
            (source.owner != target.owner, "the repositories must have the same owner"),
            (source.private && !target.private, "issues of private repositories cannot go to public ones"),
            (!target.has_issues, "issues are disabled in the target"),
            (target.archived, "the target is archived"),
        ];
        refused.into_iter().find(|(refused, _)| *refused).map_or(Ok(()), |(_, why)| Err(why))
    }

    /// Returns the labels and the milestone of an issue, in the target.
    fn carried(&mut self, (from, number): (u64, u64), to: u64, make: bool) -> (Vec<u64>, Option<u64>) {
        let (Some(source), Some(target)) = (self.repos.get(&from), self.repos.get(&to)) else {
            return (Vec::new(), None);
        };
        let Some(issue) = source.issues.get(&number) else { return (Vec::new(), None) };
        let labels: Vec<_> =
            issue.content.labels.iter().filter_map(|id| source.labels.get(id)).cloned().collect();
        let milestone = issue.content.milestone.and_then(|number| source.milestones.get(&number));
        let milestone =
            milestone.and_then(|milestone| target.milestone_like(&milestone.title, milestone.due));
        let mut kept = Vec::new();
        for label in labels {
            let known = self.repos.get(&to).and_then(|repo| repo.label_names.get(&label.name.to_lowercase()));
            match known.copied() {
                Some(id) => kept.push(id),
                None if make => kept.push(self.add_label(to, &label.name, &label.color, label.description)),
                None => {}
            }
        }
        (kept, milestone)
    }

    /// Updates redirects to the old place so that they lead to the new one.
    fn forward(&mut self, old: (u64, u64), new: (u64, u64)) {
        for repo in self.repos.values_mut() {
            for gone in repo.gone.values_mut().filter(|gone| **gone == Gone::Moved(old.0, old.1)) {
                *gone = Gone::Moved(new.0, new.1);
            }
        }
    }

    /// Replaces the id of an issue in the issues that are related to it.
    fn point_relations(&mut self, issue: &Issue, old: u64) {
        if let Some((repo, number)) = issue.parent.and_then(|id| self.places.get(&id)).copied()
            && let Some(parent) = self.repos.get_mut(&repo).and_then(|repo| repo.issues.get_mut(&number))
        {
            for child in parent.children.iter_mut().filter(|child| **child == old) {
                *child = issue.id;
            }
        }
        for child in &issue.children {
            if let Some((repo, number)) = self.places.get(child).copied()
                && let Some(child) = self.repos.get_mut(&repo).and_then(|repo| repo.issues.get_mut(&number))
            {
                child.parent = Some(issue.id);
                child.rendered.take();
            }
        }
    }
}

impl Repo {
    fn milestone_like(&self, title: &str, due: Option<i64>) -> Option<u64> {
        let mut found = self.milestones.values().filter(|one| one.title == title && one.due == due);
        found.next().map(|milestone| milestone.number)
    }
}
