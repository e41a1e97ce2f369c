//! Finding pods by their address. An IPv4 address is compared as a number, so that looking up the
//! ends of much traffic does not touch the text of every pod.

use crate::name_index::NameIndex;

/// Places of things by address; of equal addresses the first counts.
pub(crate) struct AddressIndex<'a> {
    /// An address as a number, and its place from 1; 0 is empty. Open addressing.
    slots: Vec<(u32, u32)>,
    mask: usize,
    /// What is no IPv4 address in dotted form.
    others: NameIndex<'a>,
    place_of_other: Vec<u32>,
}

impl<'a> AddressIndex<'a> {
    /// An index of addresses with their places.
    pub(crate) fn of(addressed: &[(&'a str, u32)]) -> AddressIndex<'a> {
        let size = (addressed.len() * 2).next_power_of_two().max(2);
        let others: Vec<(&str, u32)> =
            addressed.iter().filter(|(text, _)| number(text).is_none()).copied().collect();
        let mut index = AddressIndex {
            slots: vec![(0, 0); size],
            mask: size - 1,
            others: NameIndex::of(others.iter().map(|(text, _)| (*text, ""))),
            place_of_other: others.iter().map(|(_, place)| *place).collect(),
        };
        for (text, place) in addressed {
            if let Some(address) = number(text)
                && let Err(slot) = index.look(address)
            {
                index.slots[slot] = (address, place + 1);
            }
        }
        index
    }

    /// The place of an address.
    pub(crate) fn get(&self, text: &str) -> Option<u32> {
        match number(text) {
            Some(address) => self.look(address).ok(),
            None => self.others.get(text, "").map(|at| self.place_of_other[at]),
        }
    }

    /// The place of an address, or the slot that it would have.
    fn look(&self, address: u32) -> Result<u32, usize> {
        // Fibonacci hashing: neighbouring addresses, as clusters have them, come to lie apart.
        let spread = u64::from(address).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut slot = (spread >> 32) as usize & self.mask;
        loop {
            match self.slots[slot] {
                (_, 0) => return Err(slot),
                (known, place) if known == address => return Ok(place - 1),
                _ => slot = (slot + 1) & self.mask,
            }
        }
    }
}

/// An IPv4 address in dotted form without leading zeros as a number: one text for each number.
fn number(text: &str) -> Option<u32> {
    let (mut address, mut part, mut digits, mut dots) = (0_u32, 0_u32, 0_u32, 0_u32);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if digits == 0 || part != 0 => {
                part = part * 10 + u32::from(byte - b'0');
                digits += 1;
                if part > 255 {
                    return None;
                }
            }
            b'.' if digits > 0 && dots < 3 => {
                address = address << 8 | part;
                (part, digits) = (0, 0);
                dots += 1;
            }
            _ => return None,
        }
    }
    (dots == 3 && digits > 0).then_some(address << 8 | part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_whatever_their_form() {
        let texts: Vec<String> = (0..5_000)
            .map(|at| format!("10.{}.{}.{}", at % 3, at / 256, at % 256))
            .chain(["2001:db8::1", "010.0.0.1", "10.0.0", "0.0.0.0", ""].map(str::to_owned))
            .collect();
        let all: Vec<(&str, u32)> = texts.iter().map(String::as_str).zip(7..).collect();
        let index = AddressIndex::of(&all);
        for (text, place) in &all {
            assert_eq!(index.get(text), Some(*place), "{text}");
        }
        for absent in ["10.9.9.9", "2001:db8::2", "10.0.0.256", "10.0.0.0.0", "+1.0.0.1"] {
            assert_eq!(index.get(absent), None, "{absent}");
        }
        let twice = AddressIndex::of(&[("10.0.0.1", 3), ("10.0.0.1", 4), ("::1", 5), ("::1", 6)]);
        assert_eq!((twice.get("10.0.0.1"), twice.get("::1")), (Some(3), Some(5)));
    }
}
