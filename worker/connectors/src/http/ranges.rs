//! Which addresses are public.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// A host of the Internet.
    Public,
    /// A host of this machine or of a private network.
    Private,
    /// A metadata service of a cloud, or an address that names no single host. A host's name never stands for these.
    Special,
}

/// Services that hand out credentials to whoever asks.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Where an address leads; an IPv6 address that stands for an IPv4 address leads where that one does.
pub(super) fn reach(address: IpAddr) -> Reach {
    if METADATA.contains(&address) {
        return Reach::Special;
    }
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(v4) => reach(IpAddr::V4(v4)),
            None => reach_v6(address),
        },
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [10, ..] | [127, ..] | [192, 168, ..] => Reach::Private,
        [172, second, ..] if (16..32).contains(&second) => Reach::Private,
        // Carriers' networks and benchmarks.
        [100, second, ..] if (64..128).contains(&second) => Reach::Private,
        [198, 18 | 19, ..] => Reach::Private,
        // "This" network, link-local, and what is reserved for protocols and documentation.
        [0, ..] | [169, 254, ..] | [192, 0, 0 | 2, _] | [192, 88, 99, _] => Reach::Special,
        [198, 51, 100, _] | [203, 0, 113, _] => Reach::Special,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => Reach::Special,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private,
        [first, ..] if first & 0xfe00 == 0xfc00 => Reach::Private,
        // Protocols (Teredo among them) and documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => Reach::Special,
        [0x3fff, second, ..] if second < 0x1000 => Reach::Special,
        [first, ..] if first & 0xe000 == 0x2000 => Reach::Public,
        // Link-local, multicast, and what is not assigned.
        _ => Reach::Special,
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64 or 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0, 0, 0, 0, 0xffff, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if (high, low) > (0, 1) => Some(v4(high, low)),
        _ => None,
    }
}

/// A network, such as `10.0.0.0/8`; an address alone is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// True if the address is in the network. A mapped IPv4 address counts as the IPv4 address.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        let same = |own: u128, other: u128, bits: u8| {
            let shift = u32::from(bits - self.prefix);
            own.checked_shr(shift) == other.checked_shr(shift)
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same(own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, prefix)| (a, Some(prefix)));
        let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        let address: IpAddr = bare.parse().map_err(drop)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), str::parse).map_err(drop)?;
        if prefix > longest { Err(()) } else { Ok(Network { address, prefix }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2606:4700::1111", Reach::Public)]
    #[case("2a00:1450:4001::1", Reach::Public)]
    #[case("64:ff9b::8.8.8.8", Reach::Public)]
    #[case("::ffff:8.8.8.8", Reach::Public)]
    #[case("2002:808:808::1", Reach::Public)]
    #[case("127.0.0.1", Reach::Private)]
    #[case("127.255.255.254", Reach::Private)]
    #[case("10.1.2.3", Reach::Private)]
    #[case("172.16.0.1", Reach::Private)]
    #[case("172.31.255.255", Reach::Private)]
    #[case("192.168.1.1", Reach::Private)]
    #[case("100.64.0.1", Reach::Private)]
    #[case("198.19.0.1", Reach::Private)]
    #[case("::1", Reach::Private)]
    #[case("fd12:3456::1", Reach::Private)]
    #[case("fc00::1", Reach::Private)]
    #[case("::ffff:127.0.0.1", Reach::Private)]
    #[case("::127.0.0.1", Reach::Private)]
    #[case("::ffff:0:10.0.0.1", Reach::Private)]
    #[case("64:ff9b::192.168.0.1", Reach::Private)]
    #[case("2002:7f00:1::", Reach::Private)]
    #[case("169.254.169.254", Reach::Special)]
    #[case("169.254.0.1", Reach::Special)]
    #[case("::ffff:169.254.169.254", Reach::Special)]
    #[case("64:ff9b::a9fe:a9fe", Reach::Special)]
    #[case("168.63.129.16", Reach::Special)]
    #[case("100.100.100.200", Reach::Special)]
    #[case("fd00:ec2::254", Reach::Special)]
    #[case("0.0.0.0", Reach::Special)]
    #[case("0.1.2.3", Reach::Special)]
    #[case("::", Reach::Special)]
    #[case("fe80::1", Reach::Special)]
    #[case("fec0::1", Reach::Special)]
    #[case("ff02::1", Reach::Special)]
    #[case("224.0.0.1", Reach::Special)]
    #[case("255.255.255.255", Reach::Special)]
    #[case("192.0.2.1", Reach::Special)]
    #[case("2001::1", Reach::Special)]
    #[case("2001:db8::1", Reach::Special)]
    #[case("64:ff9b:1::1", Reach::Special)]
    #[case("8.8.8.8", Reach::Public)]
    #[case("172.15.0.1", Reach::Public)]
    #[case("172.32.0.1", Reach::Public)]
    #[case("100.63.0.1", Reach::Public)]
    #[case("192.0.1.1", Reach::Public)]
    fn an_address_leads_somewhere(#[case] address: &str, #[case] expected: Reach) {
        assert_eq!(reach(address.parse().unwrap()), expected);
    }

    #[rstest]
    #[case("10.0.0.0/8", "10.255.0.1", true)]
    #[case("10.0.0.0/8", "11.0.0.1", false)]
    #[case("10.0.0.0/8", "::ffff:10.0.0.1", true)]
    #[case("127.0.0.1", "127.0.0.1", true)]
    #[case("127.0.0.1", "127.0.0.2", false)]
    #[case("0.0.0.0/0", "1.2.3.4", true)]
    #[case("fd00::/8", "fdff::1", true)]
    #[case("fd00::/8", "fe00::1", false)]
    #[case("::/0", "1.2.3.4", false)]
    #[case("[::1]", "::1", true)]
    fn a_network_contains_its_addresses(#[case] network: &str, #[case] address: &str, #[case] inside: bool) {
        let network: Network = network.parse().unwrap();
        assert_eq!(network.contains(address.parse().unwrap()), inside);
    }

    #[rstest]
    fn what_is_no_network_is_refused(
        #[values("10.0.0.0/33", "10.0.0/8", "x", "::1/129", "10.0.0.0/", "")] text: &str,
    ) {
        assert_eq!(text.parse::<Network>(), Err(()));
    }
}
