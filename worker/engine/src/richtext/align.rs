//! Finds out which block of a text is which of another.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
};

use super::tree::{Block, Item};

/// What became of a block, in the order of both texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Same(usize, usize),
    Changed(usize, usize),
    Removed(usize),
    Added(usize),
}

/// Tables of comparisons have at most so many cells; larger parts that have nothing in common count as changed.
const CELLS: usize = 160_000;

/// What is compared.
pub(super) trait Part: PartialEq + Hash {
    /// Calls `see` with the texts in it.
    fn each_text<'a>(&'a self, see: &mut impl FnMut(&'a str));
}

impl Part for Block {
    fn each_text<'a>(&'a self, see: &mut impl FnMut(&'a str)) {
        self.texts(see);
    }
}

impl<T: Part> Part for &T {
    fn each_text<'a>(&'a self, see: &mut impl FnMut(&'a str)) {
        (**self).each_text(see);
    }
}

impl Part for Item {
    fn each_text<'a>(&'a self, see: &mut impl FnMut(&'a str)) {
        self.blocks.iter().for_each(|block| block.texts(see));
    }
}

struct Side<'a, T> {
    parts: &'a [T],
    hashes: Vec<u64>,
}

impl<'a, T: Part> Side<'a, T> {
    fn new(parts: &'a [T]) -> Side<'a, T> {
        Side { parts, hashes: parts.iter().map(hash_of).collect() }
    }
}

fn hash_of(of: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = Quick::default();
    of.hash(&mut hasher);
    hasher.finish()
}

/// Hashes quickly. What has the same hash is compared, so nothing depends on who wrote the text.
#[derive(Debug, Default)]
pub(super) struct Quick(u64);

impl Quick {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.add(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            self.add(rest.iter().fold(rest.len() as u64, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.add(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// Aligns two sequences.
pub(super) fn align<T: Part>(before: &[T], after: &[T]) -> Vec<Step> {
    if before.is_empty() {
        return (0..after.len()).map(Step::Added).collect();
    }
    let (before, after) = (Side::new(before), Side::new(after));
    let mut same = Vec::new();
    let ends = (0..before.parts.len(), 0..after.parts.len());
    matches(&before, &after, ends.0, ends.1, &mut same);
    let mut steps = Vec::with_capacity(before.parts.len().max(after.parts.len()));
    let (mut i, mut j) = (0, 0);
    for (a, b) in same {
        changed(&before, &after, i..a, j..b, &mut steps);
        steps.push(Step::Same(a, b));
        (i, j) = (a + 1, b + 1);
    }
    changed(&before, &after, i..before.parts.len(), j..after.parts.len(), &mut steps);
    steps
}

type Range = std::ops::Range<usize>;

/// Finds equal parts in the same order.
fn matches<T: Part>(
    a: &Side<'_, T>,
    b: &Side<'_, T>,
    mut i: Range,
    mut j: Range,
    out: &mut Vec<(usize, usize)>,
) {
    let equal = |x: usize, y: usize| a.hashes[x] == b.hashes[y] && a.parts[x] == b.parts[y];
    while !i.is_empty() && !j.is_empty() && equal(i.start, j.start) {
        out.push((i.start, j.start));
        (i.start, j.start) = (i.start + 1, j.start + 1);
    }
    let mut tail = Vec::new();
    while !i.is_empty() && !j.is_empty() && equal(i.end - 1, j.end - 1) {
        (i.end, j.end) = (i.end - 1, j.end - 1);
        tail.push((i.end, j.end));
    }
    if !i.is_empty() && !j.is_empty() {
        if i.len().saturating_mul(j.len()) <= CELLS {
            longest(&equal, i, j, out);
        } else {
            for (i, j) in between(a, b, i, j, out) {
                if i.len().saturating_mul(j.len()) <= CELLS {
                    longest(&equal, i, j, out);
                }
            }
            out.sort_unstable();
        }
    }
    out.extend(tail.into_iter().rev());
}

/// Pairs what occurs once in each part, in the longest common order; returns what lies between.
fn between<T: Part>(
    a: &Side<'_, T>,
    b: &Side<'_, T>,
    i: Range,
    j: Range,
    out: &mut Vec<(usize, usize)>,
) -> Vec<(Range, Range)> {
    let once = |hashes: &[u64], range: Range| {
        let mut seen: HashMap<u64, Option<usize>> = HashMap::new();
        for at in range {
            seen.entry(hashes[at]).and_modify(|place| *place = None).or_insert(Some(at));
        }
        seen
    };
    let (in_a, in_b) = (once(&a.hashes, i.clone()), once(&b.hashes, j.clone()));
    let mut pairs: Vec<(usize, usize)> = in_a
        .iter()
        .filter_map(|(hash, x)| Some(((*x)?, (*in_b.get(hash)?)?)))
        .filter(|(x, y)| a.parts[*x] == b.parts[*y])
        .collect();
    pairs.sort_unstable();
    let pairs = rising(&pairs);
    let mut gaps = Vec::with_capacity(pairs.len() + 1);
    let (mut x, mut y) = (i.start, j.start);
    for (at, to) in &pairs {
        gaps.push((x..*at, y..*to));
        (x, y) = (at + 1, to + 1);
    }
    gaps.push((x..i.end, y..j.end));
    out.extend(pairs);
    gaps
}

/// The longest run of pairs, sorted by their first number, whose second numbers rise.
fn rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, (_, value)) in pairs.iter().enumerate() {
        let at = ends.partition_point(|end| pairs[*end].1 < *value);
        previous.push(at.checked_sub(1).map(|before| ends[before]));
        if at == ends.len() {
            ends.push(index);
        } else {
            ends[at] = index;
        }
    }
    let mut chain = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(index) = next {
        chain.push(pairs[index]);
        next = previous[index];
    }
    chain.reverse();
    chain
}

/// The longest common subsequence.
fn longest(equal: &impl Fn(usize, usize) -> bool, i: Range, j: Range, out: &mut Vec<(usize, usize)>) {
    let (rows, columns) = (i.len(), j.len());
    let width = columns + 1;
    let mut lengths = vec![0_u32; (rows + 1) * width];
    for x in (0..rows).rev() {
        for y in (0..columns).rev() {
            lengths[x * width + y] = if equal(i.start + x, j.start + y) {
                lengths[(x + 1) * width + y + 1] + 1
            } else {
                lengths[(x + 1) * width + y].max(lengths[x * width + y + 1])
            };
        }
    }
    let (mut x, mut y) = (0, 0);
    while x < rows && y < columns {
        if equal(i.start + x, j.start + y) {
            out.push((i.start + x, j.start + y));
            (x, y) = (x + 1, y + 1);
        } else if lengths[(x + 1) * width + y] >= lengths[x * width + y + 1] {
            x += 1;
        } else {
            y += 1;
        }
    }
}

/// Pairs parts that differ by how many words they share. Where as many went as came, they are taken for each other.
fn changed<T: Part>(a: &Side<'_, T>, b: &Side<'_, T>, i: Range, j: Range, steps: &mut Vec<Step>) {
    if i.is_empty() && j.is_empty() {
        return;
    }
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    let is_plain = i.is_empty() || j.is_empty() || (i.len() == 1 && j.len() == 1);
    if !is_plain && i.len().saturating_mul(j.len()) <= CELLS {
        pairs = alike(a, b, &i, &j);
    }
    let (mut x, mut y) = (i.start, j.start);
    pairs.push((i.end, j.end));
    for (at, to) in pairs {
        let (gone, come) = (x..at, y..to);
        if gone.len() == come.len() {
            steps.extend(gone.zip(come).map(|(x, y)| Step::Changed(x, y)));
        } else {
            steps.extend(gone.map(Step::Removed));
            steps.extend(come.map(Step::Added));
        }
        if at < i.end && to < j.end {
            steps.push(Step::Changed(at, to));
        }
        (x, y) = (at + 1, to + 1);
    }
}

/// Pairs in order that share at least a third of their words.
fn alike<T: Part>(a: &Side<'_, T>, b: &Side<'_, T>, i: &Range, j: &Range) -> Vec<(usize, usize)> {
    let words = |side: &Side<'_, T>, range: &Range| -> Vec<Vec<u64>> {
        range.clone().map(|at| words_of(&side.parts[at])).collect()
    };
    let (in_a, in_b) = (words(a, i), words(b, j));
    let (rows, columns) = (in_a.len(), in_b.len());
    let width = columns + 1;
    let mut best = vec![0_u32; (rows + 1) * width];
    let mut score = vec![0_u32; rows * columns];
    for x in (0..rows).rev() {
        for y in (0..columns).rev() {
            let alike = likeness(&in_a[x], &in_b[y]);
            score[x * columns + y] = alike;
            let pair = if alike > 0 { best[(x + 1) * width + y + 1] + alike } else { 0 };
            best[x * width + y] = pair.max(best[(x + 1) * width + y]).max(best[x * width + y + 1]);
        }
    }
    let (mut x, mut y) = (0, 0);
    let mut pairs = Vec::new();
    while x < rows && y < columns {
        let alike = score[x * columns + y];
        if alike > 0 && best[x * width + y] == best[(x + 1) * width + y + 1] + alike {
            pairs.push((i.start + x, j.start + y));
            (x, y) = (x + 1, y + 1);
        } else if best[(x + 1) * width + y] >= best[x * width + y + 1] {
            x += 1;
        } else {
            y += 1;
        }
    }
    pairs
}

/// True if two parts share most of their words.
pub(super) fn are_alike<T: Part>(a: &T, b: &T) -> bool {
    likeness(&words_of(a), &words_of(b)) > 500
}

/// The words of a part, sorted; those of a long one are cut, since some of them are enough.
fn words_of(part: &impl Part) -> Vec<u64> {
    let mut words = Vec::new();
    part.each_text(&mut |text| {
        let room = 64_usize.saturating_sub(words.len());
        words.extend(
            text.split(|letter: char| !letter.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .take(room)
                .map(hash_of),
        );
    });
    words.sort_unstable();
    words
}

/// The share of common words, of 1,000; 0 below a third.
fn likeness(a: &[u64], b: &[u64]) -> u32 {
    let (mut x, mut y, mut common) = (0, 0, 0_usize);
    while x < a.len() && y < b.len() {
        match a[x].cmp(&b[y]) {
            std::cmp::Ordering::Less => x += 1,
            std::cmp::Ordering::Greater => y += 1,
            std::cmp::Ordering::Equal => (x, y, common) = (x + 1, y + 1, common + 1),
        }
    }
    let all = a.len() + b.len();
    let share = (2 * common * 1000).checked_div(all).unwrap_or(0);
    if share < 333 { 0 } else { share as u32 }
}
