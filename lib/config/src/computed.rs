//! Defaults that depend on the machine (config §5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bstr::{BString, ByteSlice};
use sys::interface::Interface;
use text::hostname::check_hostname;
use text::show;

use crate::error::Error;
use crate::evaluate::{Computed, Evaluator};

/// What defaults need to know about the machine.
#[derive(Clone, Debug)]
pub struct Host {
    /// The system's host name, as gethostname(2) gives it.
    pub name: BString,
    /// This process.
    pub process_id: u32,
}

impl Host {
    /// This machine.
    pub fn this() -> Self {
        let name = nix::unistd::gethostname().unwrap_or_default();
        Host { name: std::os::unix::ffi::OsStringExt::into_vec(name).into(), process_id: std::process::id() }
    }
}

/// The default of myhostname; `mydomain` is its expanded value in main.cf, if it has one there.
pub fn myhostname(system_name: &[u8], mydomain: Option<&[u8]>) -> Result<BString, Error> {
    if let Err(problem) = check_hostname(system_name) {
        log::warn!("valid_hostname: {problem}");
        return Err(Error::SystemName);
    }
    if system_name.contains(&b'.') {
        return Ok(system_name.into());
    }
    Ok([system_name, b".", mydomain.unwrap_or(b"localdomain")].concat().into())
}

/// The default of mydomain.
pub fn mydomain(myhostname: &[u8]) -> BString {
    myhostname.split_once_str(".").map_or(b"localdomain".as_slice(), |(_, domain)| domain).into()
}

/// The default of mynetworks, for the addresses of inet_interfaces.
///
/// # Errors
/// When the style is none, or `class` and an address has no class.
pub fn mynetworks(style: &[u8], own: &[Interface]) -> Result<BString, Error> {
    let network: fn(&Interface) -> Result<(IpAddr, u8), Error> = match style {
        b"host" => |own| Ok((own.address, if own.address.is_ipv4() { 32 } else { 128 })),
        b"subnet" => |own| Ok((own.address, own.prefix)),
        b"class" => class,
        _ => return Err(bad_style(style)),
    };
    let mut list: Vec<String> = Vec::new();
    for interface in own {
        let (address, prefix) = network(interface)?;
        let element = match mask(address, prefix) {
            IpAddr::V4(network) => format!("{network}/{prefix} "),
            IpAddr::V6(network) => format!("[{network}]/{prefix} "),
        };
        if !list.contains(&element) {
            list.push(element);
        }
    }
    Ok(list.concat().into())
}

fn class(own: &Interface) -> Result<(IpAddr, u8), Error> {
    let IpAddr::V4(address) = own.address else {
        return Ok((own.address, own.prefix));
    };
    let prefix = match address.octets()[0] {
        0..=127 => 8,
        128..=191 => 16,
        192..=223 => 24,
        224..=239 => 4,
        240..=255 => return Err(Error::AddressClass(address)),
    };
    Ok((own.address, prefix))
}

fn bad_style(style: &[u8]) -> Error {
    let mut words = text::list::split(style, text::list::SEPARATORS);
    match words.find(|word| !matches!(*word, b"class" | b"subnet" | b"host")) {
        Some(word) => Error::Word { context: "mynetworks mask style".into(), word: word.into(), value: style.into() },
        None => Error::NetworksStyle(style.into()),
    }
}

/// Clears the host bits of an address.
fn mask(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

/// Computed defaults for a program that starts.
pub(crate) struct Machine<'a> {
    pub host: &'a Host,
    /// The addresses of inet_interfaces; they are looked up when they are needed.
    pub own: &'a dyn Fn(&mut Evaluator<'_>) -> Result<Vec<Interface>, Error>,
}

impl Computed for Machine<'_> {
    fn default(&self, name: &str, evaluator: &mut Evaluator<'_>) -> Result<Option<BString>, Error> {
        Ok(match name {
            "myhostname" => {
                let domain = evaluator.defined("mydomain")?;
                if domain.as_ref().is_some_and(|domain| domain.is_empty()) {
                    let (name, value) = ("mydomain".into(), BString::default());
                    return Err(Error::TextMin { name, value, min: 1 });
                }
                Some(myhostname(&self.host.name, domain.as_ref().map(|domain| domain.as_slice()))?)
            }
            "mydomain" => Some(mydomain(&evaluator.expanded("myhostname")?)),
            "mynetworks" => {
                let style = evaluator.expanded("mynetworks_style")?;
                let own = (self.own)(evaluator)?;
                Some(mynetworks(&style, &own)?)
            }
            "process_id" => Some(self.host.process_id.to_string().into()),
            _ => None,
        })
    }
}

/// The value of myorigin: what `path` says in its first line (config §5).
pub(crate) fn origin_from_file(path: &[u8]) -> Result<BString, Error> {
    use std::io::Read;
    let name = show(path);
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    let path = path.to_path().map_err(|problem| Error::OriginFile(format!("{name}: {problem}")))?;
    let (file, _) = sys::safe_open::open_existing(path, &options)
        .map_err(|problem| Error::OriginFile(format!("{name}: {problem}")))?;
    let mut text = Vec::new();
    file.take(MAX_ORIGIN_FILE)
        .read_to_end(&mut text)
        .map_err(|problem| Error::OriginFile(format!("{name}: read error: {}", sys::reason(&problem))))?;
    match text::space::trim(text.lines().next().unwrap_or_default()) {
        b"" => Err(Error::OriginFile(format!("myorigin file {name} is empty"))),
        origin => Ok(origin.into()),
    }
}

/// How many bytes of the file that myorigin names are looked at.
const MAX_ORIGIN_FILE: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(address: &str, prefix: u8) -> Interface {
        Interface { address: address.parse().unwrap(), prefix }
    }

    #[test]
    fn names() {
        assert_eq!(myhostname(b"h.example", Some(b"x")).unwrap(), "h.example");
        assert_eq!(myhostname(b"h", Some(b"x")).unwrap(), "h.x");
        assert_eq!(myhostname(b"h", None).unwrap(), "h.localdomain");
        assert_eq!(myhostname(b"", None).unwrap_err().to_string(), "unable to use my own hostname");
        assert_eq!(mydomain(b"a.b.c"), "b.c");
        assert_eq!(mydomain(b"a"), "localdomain");
    }

    #[test]
    fn networks_by_style() {
        let own = [
            interface("127.0.0.1", 8),
            interface("192.0.2.7", 25),
            interface("192.0.2.8", 25),
            interface("::1", 128),
            interface("2001:db8::1:5", 64),
        ];
        let of = |style: &str| mynetworks(style.as_bytes(), &own).map_err(|error| error.to_string());
        assert_eq!(of("subnet").unwrap(), "127.0.0.0/8 192.0.2.0/25 [::1]/128 [2001:db8::]/64 ");
        assert_eq!(of("host").unwrap(), "127.0.0.1/32 192.0.2.7/32 192.0.2.8/32 [::1]/128 [2001:db8::1:5]/128 ");
        assert_eq!(of("class").unwrap(), "127.0.0.0/8 192.0.2.0/24 [::1]/128 [2001:db8::]/64 ");
        assert_eq!(of("x").unwrap_err(), "unknown mynetworks mask style value \"x\" in \"x\"");
        assert_eq!(of("host class").unwrap_err(), "bad mynetworks_style value: host class; specify exactly one value");
        let error = mynetworks(b"class", &[interface("250.0.0.1", 8)]).unwrap_err();
        assert_eq!(error.to_string(), "mynetworks_core: unknown address class: 250.0.0.1");
    }
}
