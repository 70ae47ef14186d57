//! UUIDs.

use std::fmt;

use crate::random::Random;

/// A UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u128);

impl Id {
    pub(crate) const NIL: Id = Id(0);
    pub(crate) const LAST: Id = Id(u128::MAX);

    /// Generates a random UUID.
    pub(crate) fn random(random: &mut Random) -> Id {
        let bits = u128::from(random.next()) << 64 | u128::from(random.next());
        Id(bits & !(0xF << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62)
    }

    /// Reads a UUID in its usual form.
    pub(crate) fn parse(text: &str) -> Option<Id> {
        let dashes = [8, 13, 18, 23];
        let fits = text.len() == 36
            && text
                .bytes()
                .enumerate()
                .all(|(at, byte)| if dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() });
        if !fits {
            return None;
        }
        u128::from_str_radix(&text.replace('-', ""), 16).ok().map(Id)
    }

    /// Returns a number without a meaningful order, for generated values.
    pub(crate) fn low(self) -> u32 {
        (self.0 & 0xFFFF_FFFF) as u32
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_and_read() {
        let id = Id::random(&mut Random::new(1));
        let text = id.to_string();
        assert_eq!(Id::parse(&text), Some(id));
        assert_eq!(Id::parse(&text.to_uppercase()), Some(id));
        assert_eq!(&text[14..15], "4");
        assert!(Id::parse("ENG-12").is_none() && Id::parse(&text[1..]).is_none());
    }
}
