//! Packets that speak about who owns an address: ARP (RFC 826, RFC 5227) and neighbour
//! discovery (RFC 4861), as whole Ethernet frames. Builds and reads bytes; sends nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::netlink::Mac;

const TO_ALL: [u8; 6] = [0xff; 6];
const TYPE_ARP: [u8; 2] = [0x08, 0x06];
const TYPE_IPV6: [u8; 2] = [0x86, 0xdd];
/// Ethernet, IPv4, lengths 6 and 4.
const ARP_HEAD: [u8; 6] = [0, 1, 8, 0, 6, 4];
const ARP_REQUEST: u8 = 1;
const ARP_REPLY: u8 = 2;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const NEXT_ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// Flag of an advertisement: replace what you knew.
const OVERRIDE: u8 = 0x20;
const OPTION_SOURCE_MAC: u8 = 1;
const OPTION_TARGET_MAC: u8 = 2;
const ETHERNET_LEN: usize = 14;
const IPV6_LEN: usize = 40;

/// What a frame says about an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saying {
    /// `mac` says that it has the address.
    Owns {
        /// Which address.
        address: IpAddr,
        /// Whose card.
        mac: Mac,
    },
    /// `mac` asks whether anyone has the address, because it wants it.
    Wants {
        /// Which address.
        address: IpAddr,
        /// Whose card.
        mac: Mac,
    },
}

/// Frames which tell all neighbours that `mac` has `address` now.
#[must_use]
pub fn announcements(address: IpAddr, mac: Mac) -> Vec<Vec<u8>> {
    match address {
        // Some neighbours learn from requests only, some from replies only.
        IpAddr::V4(ip) => vec![
            arp(ARP_REQUEST, mac, (ip, [0; 6]), ip),
            arp(ARP_REPLY, mac, (ip, TO_ALL), ip),
        ],
        IpAddr::V6(ip) => vec![advertisement(ip, mac)],
    }
}

/// A frame which asks whether anyone has `address`, without teaching anybody a wrong owner.
#[must_use]
pub fn probe(address: IpAddr, mac: Mac) -> Vec<u8> {
    match address {
        IpAddr::V4(ip) => arp(ARP_REQUEST, mac, (Ipv4Addr::UNSPECIFIED, [0; 6]), ip),
        IpAddr::V6(ip) => solicitation(ip, mac),
    }
}

/// A frame by which `own` looks for its neighbour `address`, as anybody does who wants to send
/// there: nobody takes it for a wish to have the address. `None` when the two are of
/// different families.
#[must_use]
pub fn search(address: IpAddr, own: IpAddr, mac: Mac) -> Option<Vec<u8>> {
    match (address, own) {
        (IpAddr::V4(ip), IpAddr::V4(own)) => Some(arp(ARP_REQUEST, mac, (own, [0; 6]), ip)),
        (IpAddr::V6(ip), IpAddr::V6(own)) => {
            let mut message = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
            message.extend_from_slice(&ip.octets());
            message.extend_from_slice(&[OPTION_SOURCE_MAC, 1]);
            message.extend_from_slice(&mac.0);
            Some(icmpv6(mac, own, solicited_node(ip), message))
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

/// What a frame says about an address, if it says anything.
#[must_use]
pub fn read(frame: &[u8]) -> Option<Saying> {
    let kind = frame.get(12..ETHERNET_LEN)?;
    let body = frame.get(ETHERNET_LEN..)?;
    if kind == TYPE_ARP {
        read_arp(body)
    } else if kind == TYPE_IPV6 {
        read_neighbour(body, mac_at(frame, 6)?)
    } else {
        None
    }
}

fn mac_at(bytes: &[u8], at: usize) -> Option<Mac> {
    let mac = bytes.get(at..at + 6)?;
    Some(Mac(mac.try_into().expect("six bytes were taken")))
}

fn ipv4_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let ip: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(Ipv4Addr::from(ip))
}

fn ipv6_at(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    let ip: [u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
    Some(Ipv6Addr::from(ip))
}

fn ethernet(to: [u8; 6], from: Mac, kind: [u8; 2]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(ETHERNET_LEN + IPV6_LEN + 32);
    frame.extend_from_slice(&to);
    frame.extend_from_slice(&from.0);
    frame.extend_from_slice(&kind);
    frame
}

fn arp(operation: u8, mac: Mac, sender: (Ipv4Addr, [u8; 6]), target: Ipv4Addr) -> Vec<u8> {
    let (sender, target_mac) = sender;
    let mut frame = ethernet(TO_ALL, mac, TYPE_ARP);
    frame.extend_from_slice(&ARP_HEAD);
    frame.extend_from_slice(&[0, operation]);
    frame.extend_from_slice(&mac.0);
    frame.extend_from_slice(&sender.octets());
    frame.extend_from_slice(&target_mac);
    frame.extend_from_slice(&target.octets());
    frame
}

fn read_arp(body: &[u8]) -> Option<Saying> {
    if body.get(..6)? != ARP_HEAD {
        return None;
    }
    let mac = mac_at(body, 8)?;
    let sender = ipv4_at(body, 14)?;
    let target = ipv4_at(body, 24)?;
    if !sender.is_unspecified() {
        let address = IpAddr::V4(sender);
        return Some(Saying::Owns { address, mac });
    }
    let address = IpAddr::V4(target);
    (body[7] == ARP_REQUEST).then_some(Saying::Wants { address, mac })
}

/// The group in which the owner of `ip` listens for questions.
#[must_use]
pub fn solicited_node(ip: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = ip.octets();
    Ipv6Addr::new(
        0xff02,
        0,
        0,
        0,
        0,
        1,
        0xff00 | u16::from(a),
        u16::from_be_bytes([b, c]),
    )
}

/// The Ethernet group of an IPv6 group (RFC 2464).
#[must_use]
pub fn multicast_mac(group: Ipv6Addr) -> [u8; 6] {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

fn icmpv6(mac: Mac, from: Ipv6Addr, to: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let sum = checksum(from, to, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let length = u16::try_from(message.len()).expect("our messages have some 30 bytes");
    let mut frame = ethernet(multicast_mac(to), mac, TYPE_IPV6);
    frame.extend_from_slice(&[0x60, 0, 0, 0]);
    frame.extend_from_slice(&length.to_be_bytes());
    // Receivers refuse neighbour discovery that could have crossed a router.
    frame.extend_from_slice(&[NEXT_ICMPV6, 255]);
    frame.extend_from_slice(&from.octets());
    frame.extend_from_slice(&to.octets());
    frame.extend_from_slice(&message);
    frame
}

fn advertisement(ip: Ipv6Addr, mac: Mac) -> Vec<u8> {
    let mut message = vec![ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0];
    message.extend_from_slice(&ip.octets());
    message.extend_from_slice(&[OPTION_TARGET_MAC, 1]);
    message.extend_from_slice(&mac.0);
    icmpv6(mac, ip, ALL_NODES, message)
}

fn solicitation(ip: Ipv6Addr, mac: Mac) -> Vec<u8> {
    let mut message = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(&ip.octets());
    icmpv6(mac, Ipv6Addr::UNSPECIFIED, solicited_node(ip), message)
}

/// The Internet checksum (RFC 1071) over pseudo header and message.
fn checksum(from: Ipv6Addr, to: Ipv6Addr, message: &[u8]) -> u16 {
    let pairs = |bytes: &[u8]| -> u32 {
        bytes
            .chunks(2)
            .map(|c| u32::from(c[0]) << 8 | c.get(1).map_or(0, |low| u32::from(*low)))
            .sum()
    };
    let length = u32::try_from(message.len()).expect("our messages have some 30 bytes");
    let mut sum = pairs(&from.octets()) + pairs(&to.octets()) + pairs(message);
    sum += length + u32::from(NEXT_ICMPV6);
    while 0xffff < sum {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded to 16 bits")
}

fn read_neighbour(body: &[u8], from: Mac) -> Option<Saying> {
    if *body.get(6)? != NEXT_ICMPV6 || *body.get(7)? != 255 {
        return None;
    }
    let source = ipv6_at(body, 8)?;
    let message = body.get(IPV6_LEN..)?;
    let address = IpAddr::V6(ipv6_at(message, 8)?);
    match message[0] {
        ADVERTISEMENT => {
            let named = message.get(24) == Some(&OPTION_TARGET_MAC);
            let mac = named.then(|| mac_at(message, 26)).flatten();
            let mac = mac.unwrap_or(from);
            Some(Saying::Owns { address, mac })
        }
        // One with a source address only looks for a neighbour.
        SOLICITATION if source.is_unspecified() => Some(Saying::Wants { address, mac: from }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAC: Mac = Mac([2, 0, 0, 0, 0, 7]);

    #[test]
    fn who_looks_for_a_neighbour_wants_nothing() {
        for (text, own) in [("10.0.0.100", "10.0.0.1"), ("2001:db8::100", "2001:db8::1")] {
            let (address, own) = (text.parse().unwrap(), own.parse().unwrap());
            let said = read(&search(address, own, MAC).unwrap());
            let is_about_the_sender = |saying| match saying {
                Saying::Owns { address, .. } => address == own,
                Saying::Wants { .. } => false,
            };
            assert!(said.is_none_or(is_about_the_sender), "{said:?}");
        }
        let (four, six) = ("10.0.0.1".parse().unwrap(), "::1".parse().unwrap());
        assert_eq!(search(four, six, MAC), None);
    }

    #[test]
    fn announcements_are_read_as_owning_and_probes_as_wanting() {
        for text in ["10.0.0.100", "2001:db8::100"] {
            let address: IpAddr = text.parse().unwrap();
            for frame in announcements(address, MAC) {
                assert_eq!(read(&frame), Some(Saying::Owns { address, mac: MAC }));
            }
            let asked = read(&probe(address, MAC));
            assert_eq!(asked, Some(Saying::Wants { address, mac: MAC }));
        }
    }

    #[test]
    fn the_checksum_over_a_finished_message_is_zero() {
        let ip: Ipv6Addr = "2001:db8::100".parse().unwrap();
        let frame = advertisement(ip, MAC);
        let message = &frame[ETHERNET_LEN + IPV6_LEN..];
        assert_eq!(checksum(ip, ALL_NODES, message), 0);
    }

    proptest! {
        #[test]
        fn no_frame_makes_the_reader_fail(bytes in prop::collection::vec(any::<u8>(), 0..120),
                                          kind in 0..3) {
            let mut bytes = bytes;
            if 14 <= bytes.len() && kind < 2 {
                let kind = if kind == 0 { TYPE_ARP } else { TYPE_IPV6 };
                bytes[12..14].copy_from_slice(&kind);
            }
            let _ = read(&bytes);
        }

        #[test]
        fn a_frame_cut_short_never_names_another_address(last in any::<u8>(), cut in 0usize..90) {
            let v6 = [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(last)];
            for address in [IpAddr::from([10, 0, 0, last]), IpAddr::from(v6)] {
                for frame in announcements(address, MAC) {
                    let named = match read(&frame[..cut.min(frame.len())]) {
                        Some(Saying::Owns { address, .. } | Saying::Wants { address, .. }) => address,
                        None => continue,
                    };
                    prop_assert_eq!(named, address);
                }
            }
        }
    }
}
