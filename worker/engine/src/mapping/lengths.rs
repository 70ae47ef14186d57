//! Texts that are too long for a side.

use super::{Rule, read_as};
use crate::{
    Side, Value,
    richtext::{self, TextForm},
    side::Pair,
};

impl Rule {
    /// A text in the length that a side can hold, with a note that says where the whole one is: on `page`. None if it fits
    /// as it is.
    pub fn shortened(&self, side: Side, value: &Value, page: Option<&str>) -> Option<Value> {
        let TextForm { dialect, limit } = *self.forms.get(side);
        let (limit, Value::Text(text)) = (limit?, value) else { return None };
        let note = || richtext::note(page, dialect);
        richtext::shortened(text, dialect, limit.longest, limit.measure, note).map(Value::Text)
    }

    pub fn is_too_long(&self, side: Side, value: &Value) -> bool {
        match (self.forms.get(side).limit, value) {
            (Some(limit), Value::Text(text)) => limit.measure.of(text) > limit.longest,
            _ => false,
        }
    }

    /// A value as a side can hold it.
    pub fn fitted(&self, side: Side, value: Value, page: Option<&str>) -> Value {
        self.shortened(side, &value, page).unwrap_or(value)
    }

    /// True if a side's value is a shortened copy.
    fn is_shortened(&self, side: Side, value: &Value) -> bool {
        matches!(value, Value::Text(text) if richtext::is_shortened(text, self.dialect(side)))
    }

    /// The side that has a shortened copy of the other side's text. If both have a note, the whole text is somewhere else.
    pub fn shortened_side(&self, base: Option<Pair<&Value>>, now: Pair<&Value>) -> Option<Side> {
        let of = base.unwrap_or(now);
        let has_note = |side: Side| self.is_shortened(side, of.get(side));
        Side::BOTH.into_iter().find(|side| has_note(*side) && !has_note(side.other()))
    }

    /// True if the edits of both sides are both kept.
    pub fn merges(&self, base: Pair<&Value>, now: Pair<&Value>) -> bool {
        match self.shortened_side(Some(base), now) {
            Some(copy) => self.merge_into_whole(base, now, copy.other()).is_some(),
            None => self.merge_texts(base, now).is_some(),
        }
    }

    /// True if a side's value is the shortened copy that this value is there.
    pub(super) fn is_copy_of(&self, side: Side, copy: &Value, whole: &Value) -> bool {
        match (copy, self.shortened(side, whole, None)) {
            (Value::Text(copy), Some(Value::Text(short))) => {
                richtext::same_copies(copy, &short, self.dialect(side))
            }
            _ => false,
        }
    }

    /// Merges both texts into the whole one. None if they are no texts, or if the edit of the copy does not fit in there.
    pub fn merge_into_whole(&self, base: Pair<&Value>, now: Pair<&Value>, whole: Side) -> Option<Value> {
        if !self.is_rich_text() {
            return None;
        }
        let (base, now) = (self.texts(base)?, self.texts(now)?);
        let base = Pair::new(base.source.as_str(), base.target.as_str());
        let now = Pair::new(now.source.as_str(), now.target.as_str());
        let merged = richtext::merge_into_whole(base, now, self.dialects(), whole).ok()?;
        read_as(&Value::Text(merged), *self.field_type.get(whole)).ok()
    }
}
