//! Short hashes of ids, and sorted lists of them.

use crate::hash::Hash;

/// 96 bits of an id's hash: the chance that two of a million ids collide is one in 10^17.
pub(super) type IdKey = [u8; 12];

pub(super) fn id_key(id: &str) -> IdKey {
    let Hash(bytes) = Hash::of_bytes(id.as_bytes());
    std::array::from_fn(|place| bytes[place])
}

/// The position of the first entry that is not before `key`. Hashes are spread evenly, so it is near its share of the
/// list: a search from there reads a few neighbouring entries, where halving the list reads distant ones.
pub(super) fn first_of(by_id: &[(IdKey, u32)], key: IdKey) -> usize {
    let [a, b, c, d, ..] = key;
    let share = u64::from(u32::from_be_bytes([a, b, c, d]));
    // No list is longer than 2^32, the number of positions.
    let guess = ((by_id.len() as u64 * share) >> 32) as usize;
    let before = |place: usize| by_id.get(place).is_some_and(|(hash, _)| *hash < key);
    let (mut low, mut high, mut step) = (guess, guess, 16);
    while low > 0 && !before(low - 1) {
        low = low.saturating_sub(step);
        step *= 2;
    }
    step = 16;
    while high < by_id.len() && before(high) {
        high = (high + step).min(by_id.len());
        step *= 2;
    }
    low + by_id[low..high].partition_point(|(hash, _)| *hash < key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_wherever_it_stands() {
        let even = |count: u32| (0..count).map(|number| id_key(&number.to_string())).collect::<Vec<_>>();
        // Keys that are not spread at all, and several that are the same.
        let near: Vec<IdKey> = (0..200).map(|number| [250, 0, 0, 0, number, 0, 0, 0, 0, 0, 0, 0]).collect();
        let lists = [even(0), even(1), even(2), even(999), near, vec![[0; 12]; 90], vec![[255; 12]; 90]];
        for mut keys in lists {
            keys.sort_unstable();
            let by_id: Vec<(IdKey, u32)> = keys.iter().map(|key| (*key, 0)).collect();
            let others = even(1100).into_iter().chain([[0; 12], [255; 12], [250; 12]]);
            for key in others.chain(keys.clone()) {
                assert_eq!(first_of(&by_id, key), keys.partition_point(|other| *other < key));
            }
        }
    }
}
