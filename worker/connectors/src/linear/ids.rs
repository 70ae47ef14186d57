//! Ids of issues. Linear lets the creator choose them, so that a create that is sent twice makes one issue.
//!
//! An id of ours is derived from the marker, and checks itself: a part of it follows from the rest. So an issue that this
//! connector made is known by its id, wherever it is met.

const CONTEXT: &str = "syncline linear 2026-11-30 the id of an issue";
const CHECK: &str = "syncline linear 2026-11-30 the check of an id";

/// How many of the bytes of an id check the others.
const CHECKED: usize = 12;

/// The id of the issue that a create with this marker makes: a UUID of version 4, since Linear asks for one.
pub(super) fn of_marker(marker: &str) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&blake3::derive_key(CONTEXT, marker.as_bytes())[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let check = check(&bytes);
    bytes[CHECKED..].copy_from_slice(&check);
    written(bytes)
}

/// True if this is the id of an issue that a create of this connector made.
pub(super) fn is_ours(id: &str) -> bool {
    read(id).is_some_and(|bytes| bytes[CHECKED..] == check(&bytes))
}

/// The id in the form in which Linear writes it; none if it is no UUID.
pub(super) fn canonical(id: &str) -> Option<String> {
    read(id.trim()).map(written)
}

fn check(bytes: &[u8; 16]) -> [u8; 4] {
    let derived = blake3::derive_key(CHECK, &bytes[..CHECKED]);
    [derived[0], derived[1], derived[2], derived[3]]
}

fn read(id: &str) -> Option<[u8; 16]> {
    let groups: Vec<&str> = id.split('-').collect();
    if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) {
        return None;
    }
    let digits: Vec<u8> = groups
        .concat()
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let [high, low] = pair else { return None };
        *byte = high << 4 | low;
    }
    Some(bytes)
}

fn written(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            text.push('-');
        }
        text += &format!("{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_has_one_id_that_knows_itself() {
        let id = of_marker("sl-abc");
        assert_eq!(id, of_marker("sl-abc"));
        assert_ne!(id, of_marker("sl-abd"));
        assert!(is_ours(&id) && is_ours(&id.to_uppercase()));
        assert_eq!(canonical(&format!(" {} ", id.to_uppercase())).as_ref(), Some(&id));
        let (version, variant) = (&id[14..15], &id[19..20]);
        assert!(version == "4" && ["8", "9", "a", "b"].contains(&variant), "{id}");
    }

    #[test]
    fn other_ids_are_not_ours() {
        for id in [
            "3f0d4f4e-7c0d-4a3e-9d3e-0d4f4e7c0d4a",
            "ENG-12",
            "",
            "3f0d4f4e7c0d4a3e9d3e0d4f4e7c0d4a",
            "3f0d4f4e-7c0d-4a3e-9d3e-0d4f4e7c0dßa",
        ] {
            assert!(!is_ours(id), "{id}");
        }
        assert_eq!(canonical("ENG-12"), None);
        assert_eq!(canonical("zf0d4f4e-7c0d-4a3e-9d3e-0d4f4e7c0d4a"), None);
    }
}
