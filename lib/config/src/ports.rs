//! known_tcp_ports: service names that are known without the system's database (config §5.3).

use std::collections::HashMap;

use bstr::{BString, ByteSlice};
use text::show;
use text::space::{is_space, trim};

/// Service names and their ports.
#[derive(Clone, Debug, Default)]
pub struct KnownPorts(HashMap<BString, u16>);

impl KnownPorts {
    /// Reads known_tcp_ports. A bad association is logged and left out.
    pub fn parse(value: &[u8]) -> Self {
        let mut known = KnownPorts::default();
        for association in value.split_str(",").filter(|association| !trim(association).is_empty()) {
            if let Err(why) = known.associate(association) {
                match why {
                    Problem::Form => {
                        log::warn!("known_tcp_ports: in \"{}\" is not in \"name = value\" form", show(association))
                    }
                    Problem::Part(why) => log::warn!("known_tcp_ports: in \"{}\": {why}", show(association)),
                }
            }
        }
        known
    }

    /// The port of a service name.
    pub fn get(&self, service: &[u8]) -> Option<u16> {
        self.0.get(service.as_bstr()).copied()
    }

    fn associate(&mut self, association: &[u8]) -> Result<(), Problem> {
        let mut parts: Vec<&[u8]> = association.split_str("=").map(trim).collect();
        let port = parts.pop().unwrap_or_default();
        if parts.is_empty() {
            return Err(Problem::Form);
        }
        let port = port_number(port)?;
        for name in parts {
            check_name(name)?;
            if self.0.contains_key(name.as_bstr()) {
                return Err(Problem::Part("duplicate service name"));
            }
            self.0.insert(name.into(), port);
        }
        Ok(())
    }
}

enum Problem {
    Form,
    Part(&'static str),
}

fn port_number(text: &[u8]) -> Result<u16, Problem> {
    let problem = match text {
        [] => "missing port value after \"=\"",
        text if text.iter().any(|&byte| is_space(byte)) => "whitespace in port number",
        text if !text.iter().all(u8::is_ascii_digit) => "non-numerical service port",
        text => match text.to_str().ok().and_then(|digits| digits.parse().ok()) {
            Some(port) => return Ok(port),
            None => "port number out of range",
        },
    };
    Err(Problem::Part(problem))
}

fn check_name(name: &[u8]) -> Result<(), Problem> {
    match name {
        [] => Err(Problem::Part("missing service name before \"=\"")),
        name if name.iter().any(|&byte| is_space(byte)) => Err(Problem::Part("whitespace in service name")),
        name if name.iter().all(u8::is_ascii_digit) => Err(Problem::Part("numerical service name")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_names_have_one_port_and_bad_ones_are_left_out() {
        let known = KnownPorts::parse(b"smtps=submissions = 465, lmtp=24,x=70000, y, 1=2, lmtp=25, a b=1");
        assert_eq!(known.get(b"smtps"), Some(465));
        assert_eq!(known.get(b"submissions"), Some(465));
        assert_eq!(known.get(b"lmtp"), Some(24));
        assert_eq!(known.0.len(), 3);
    }
}
