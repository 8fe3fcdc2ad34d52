//! Status messages from daemons to master (master-ipc §3.4).

/// What a daemon is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It serves a client.
    Taken,
    /// It waits for one.
    Available,
    /// A number that means nothing.
    Unknown(u32),
}

/// One message: a single write of 12 bytes, since all processes of a service share the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The sender's process ID.
    pub pid: i32,
    /// The sender's generation, from its environment.
    pub generation: u32,
    /// What it is doing.
    pub state: State,
}

impl Status {
    /// The size on the wire.
    pub const WIRE_SIZE: usize = 12;

    /// Three 32-bit words in native byte order.
    pub fn to_bytes(self) -> [u8; Self::WIRE_SIZE] {
        let state: u32 = match self.state {
            State::Taken => 0,
            State::Available => 1,
            State::Unknown(number) => number,
        };
        let mut bytes = [0; Self::WIRE_SIZE];
        bytes[..4].copy_from_slice(&self.pid.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.generation.to_ne_bytes());
        bytes[8..].copy_from_slice(&state.to_ne_bytes());
        bytes
    }

    /// Reads a message.
    pub fn from_bytes(bytes: [u8; Self::WIRE_SIZE]) -> Self {
        let word = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        Self {
            pid: i32::from_ne_bytes(word(0)),
            generation: u32::from_ne_bytes(word(4)),
            state: match u32::from_ne_bytes(word(8)) {
                0 => State::Taken,
                1 => State::Available,
                number => State::Unknown(number),
            },
        }
    }
}

/// The generation that master gave this process: the octal number in `GENERATION`, 0 if there is none.
///
/// # Errors
/// The text of the fatal error, for one that is no octal number.
pub fn parse_generation(text: Option<&[u8]>) -> Result<u32, String> {
    let Some(text) = text else { return Ok(0) };
    std::str::from_utf8(text)
        .ok()
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| u32::from_str_radix(digits, 8).ok())
        .ok_or_else(|| format!("bad generation: {}", text::show(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        let status =
            Status { pid: 0x1234, generation: parse_generation(Some(b"72")).unwrap(), state: State::Available };
        let wire = [0x34, 0x12, 0, 0, 0x3a, 0, 0, 0, 1, 0, 0, 0];
        assert_eq!(status.to_bytes(), wire);
        assert_eq!(Status::from_bytes(wire), status);
        assert_eq!(parse_generation(None), Ok(0));
        assert_eq!(parse_generation(Some(b"7x")), Err("bad generation: 7x".into()));
    }
}
