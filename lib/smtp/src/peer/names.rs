//! The name of a client, and whether it leads back to the client (smtpd §2.4).

use std::net::IpAddr;

use bstr::BString;
use config::Protocols;
use sys::name_info::{self, NameInfoError};
use text::hostname::check_hostname;

use super::{NameStatus, UNKNOWN};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The verified name.
    pub name: (BString, NameStatus),
    /// The name that the address has.
    pub reverse: (BString, NameStatus),
}

/// Looks up the name of an address, and the addresses of that name, with the system's resolver.
pub fn look_up(address: IpAddr, protocols: Protocols) -> Names {
    let unknown = |status| (BString::from(UNKNOWN), status);
    let name = match name_info::name(address) {
        Ok(name) if check_hostname(name.as_bytes()).is_ok() => name,
        Ok(_) => return Names { name: unknown(NameStatus::Permanent), reverse: unknown(NameStatus::Permanent) },
        Err(error) => {
            let status = if error.is_temporary() { NameStatus::Temporary } else { NameStatus::Permanent };
            return Names { name: unknown(status), reverse: unknown(status) };
        }
    };
    let reverse = (BString::from(name.as_str()), NameStatus::Known);
    let verified = match verify(&name, address, protocols, name_info::addresses(&name)) {
        Ok(()) => reverse.clone(),
        Err((status, warning)) => {
            log::warn!("{warning}");
            unknown(status)
        }
    };
    Names { name: verified, reverse }
}

/// Whether a name has the address. The error is the status, and the text of the warning.
fn verify(
    name: &str,
    address: IpAddr,
    protocols: Protocols,
    found: Result<Vec<IpAddr>, NameInfoError>,
) -> Result<(), (NameStatus, String)> {
    let warning = format!("hostname {name} does not resolve to address {address}");
    let found = found.map_err(|error| {
        let status = if error.is_temporary() { NameStatus::Temporary } else { NameStatus::Permanent };
        (status, format!("{warning}: {error}"))
    })?;
    let mut usable = found.into_iter().filter(|found| found.is_ipv4() == address.is_ipv4() && protocols.allow(*found));
    let Some(first) = usable.next() else {
        return Err((NameStatus::Permanent, format!("{warning}: No address associated with hostname")));
    };
    if first == address || usable.any(|other| other == address) {
        return Ok(());
    }
    Err((NameStatus::Permanent, warning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_must_lead_back() {
        let protocols = Protocols { ipv4: true, ipv6: false };
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let other: IpAddr = "192.0.2.2".parse().unwrap();
        let check = |found| verify("h.example", address, protocols, found);
        assert_eq!(check(Ok(vec![other, address])), Ok(()));
        let warning = "hostname h.example does not resolve to address 192.0.2.1";
        assert_eq!(check(Ok(vec![other])), Err((NameStatus::Permanent, warning.into())));
        let text = format!("{warning}: No address associated with hostname");
        assert_eq!(check(Ok(vec!["::1".parse().unwrap()])), Err((NameStatus::Permanent, text)));
        let text = format!("{warning}: Temporary failure in name resolution");
        assert_eq!(check(Err(NameInfoError::AGAIN)), Err((NameStatus::Temporary, text)));
    }
}
