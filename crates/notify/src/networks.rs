//! Networks that no address of the internet lies in.
//!
//! The special-purpose registries of IANA: <https://www.iana.org/assignments/iana-ipv4-special-registry>
//! and <https://www.iana.org/assignments/iana-ipv6-special-registry>.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

const SPECIAL: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// Where machines of clouds tell themselves their credentials: never a target, whatever is allowed.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>
const METADATA: &[&str] = &["169.254.0.0/16", "fe80::/10", "fd00:ec2::/32"];

/// Whether an address is one of the internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    carried(address).iter().all(|address| !lies_in(*address, SPECIAL))
}

/// Whether an address is that of a machine's own metadata.
pub(crate) fn is_metadata(address: IpAddr) -> bool {
    carried(address).iter().any(|address| lies_in(*address, METADATA))
}

/// An address and those of IPv4 that it carries: mapped, compatible, translated (NAT64), 6to4.
fn carried(address: IpAddr) -> Vec<IpAddr> {
    let IpAddr::V6(six) = address else { return vec![address] };
    let parts = six.segments();
    let four = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    let mut all = vec![address];
    match parts {
        // These are nothing but an address of IPv4.
        [0, 0, 0, 0, 0, 0xffff, high, low] => all = vec![four(high, low)],
        [0, 0, 0, 0, 0, 0, high, low]
            if six != Ipv6Addr::UNSPECIFIED && six != Ipv6Addr::LOCALHOST =>
        {
            all.push(four(high, low));
        }
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => all = vec![four(high, low)],
        [0x64, 0xff9b, 1, ..] => all.push(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        [0x2002, high, low, ..] => all.push(four(high, low)),
        _ => {}
    }
    all
}

fn lies_in(address: IpAddr, networks: &[&str]) -> bool {
    networks.iter().filter_map(|text| text.parse::<IpNet>().ok()).any(|net| net.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_can_be_read() {
        for text in SPECIAL.iter().chain(METADATA) {
            assert!(text.parse::<IpNet>().is_ok(), "{text}");
        }
    }

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        let check = |text: &str, public: bool| {
            assert_eq!(is_public(text.parse().unwrap()), public, "{text}");
        };
        for text in
            ["1.1.1.1", "52.94.236.248", "2606:4700::1111", "2a05:d018::1", "64:ff9b::101:101"]
        {
            check(text, true);
        }
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
        ] {
            check(text, false);
        }
        assert!(is_metadata("::ffff:169.254.169.254".parse().unwrap()));
        assert!(!is_metadata("10.0.0.1".parse().unwrap()));
    }
}
