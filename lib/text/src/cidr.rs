//! Network address patterns, in `cidr:` tables and in match lists (tables §4.10, access-milter-postscreen §1.2).

use std::net::IpAddr;

/// The addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    /// Leading bits that count.
    length: u32,
}

impl Network {
    /// Reads `address`, `address/length`, and these with brackets around the address or the whole.
    ///
    /// # Errors
    /// What is wrong, for a warning.
    pub fn parse(pattern: &[u8]) -> Result<Self, String> {
        let written = unbracket(pattern)?;
        let Some(slash) = memchr::memchr(b'/', &written) else {
            let address =
                address(&written).ok_or_else(|| format!("bad address pattern: \"{}\"", crate::show(pattern)))?;
            return Ok(Network { address, length: bits(address) });
        };
        let shown = crate::show(&written);
        let length = mask(&written[slash + 1..]).ok_or_else(|| format!("bad mask value in \"{shown}\""))?;
        let address = address(&written[..slash]).ok_or_else(|| format!("bad network value in \"{shown}\""))?;
        if length > bits(address) {
            return Err(format!("bad mask length in \"{shown}\""));
        }
        let network = masked(address, length);
        if network != address {
            let better = format!("{network}/{length}");
            return Err(format!(
                "non-null host address bits in \"{shown}\", perhaps you should use \"{better}\" instead"
            ));
        }
        Ok(Network { address, length })
    }

    /// The network of this length, in bits, that an address is in; all of the address if that is shorter.
    pub fn of(address: IpAddr, length: u32) -> Self {
        let length = length.min(bits(address));
        Network { address: masked(address, length), length }
    }

    /// The network as text; one that is a single address is that address.
    ///
    /// ```
    /// let network = text::cidr::Network::of("2001:db8::5".parse().unwrap(), 84);
    /// assert_eq!(network.text(), "2001:db8::/84");
    /// ```
    pub fn text(&self) -> String {
        if self.length == bits(self.address) {
            self.address.to_string()
        } else {
            format!("{}/{}", self.address, self.length)
        }
    }

    /// How many leading bits count.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Whether the address is of the same family.
    pub fn same_family(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
    }

    /// Whether the address is in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.same_family(address) && masked(address, self.length) == self.address
    }
}

/// Takes brackets off.
fn unbracket(pattern: &[u8]) -> Result<Vec<u8>, String> {
    let Some(inner) = pattern.strip_prefix(b"[") else { return Ok(pattern.to_vec()) };
    let end = memchr::memchr(b']', inner)
        .ok_or_else(|| format!("missing ']' character after \"[{}\"", crate::show(inner)))?;
    let (inside, rest) = (&inner[..end], &inner[end + 1..]);
    match rest.first() {
        None => Ok(inside.to_vec()),
        Some(b'/') if !inside.contains(&b'/') => Ok([inside, rest].concat()),
        Some(_) => Err(format!("garbage after \"[{}]\"", crate::show(inside))),
    }
}

fn mask(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

/// Reads an address in text form.
pub fn address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn bits(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with all but the first `length` bits 0.
fn masked(address: IpAddr, length: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        let contains = |pattern: &str, text: &str| {
            Network::parse(pattern.as_bytes()).unwrap().contains(address(text.as_bytes()).unwrap())
        };
        assert!(contains("10.0.0.0/8", "10.255.0.1"));
        assert!(!contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("0.0.0.0/0", "11.0.0.1"));
        assert!(!contains("0.0.0.0/0", "::1"));
        assert!(contains("[::1]/128", "::1") && contains("[::1/128]", "::1") && contains("[::1]", "::1"));
        assert!(contains("2001:db8::/32", "2001:db8:1::"));
    }

    #[test]
    fn errors() {
        for (pattern, problem) in [
            ("1.2.3.4/33", "bad mask length in \"1.2.3.4/33\""),
            ("1.2.3.4/x", "bad mask value in \"1.2.3.4/x\""),
            ("1.2.3/8", "bad network value in \"1.2.3/8\""),
            ("1.2.3", "bad address pattern: \"1.2.3\""),
            ("[::1", "missing ']' character after \"[::1\""),
            ("[::1]x", "garbage after \"[::1]\""),
            (
                "1.2.3.4/24",
                "non-null host address bits in \"1.2.3.4/24\", perhaps you should use \"1.2.3.0/24\" instead",
            ),
        ] {
            assert_eq!(Network::parse(pattern.as_bytes()).unwrap_err(), problem);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(pattern: Vec<u8>, like in "[0-9a-f:./\\[\\]]{0,30}") {
            let _ = (Network::parse(&pattern), Network::parse(like.as_bytes()));
        }
    }
}
