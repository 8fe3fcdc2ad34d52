//! What a server says first (smtp-client §8).

use text::list;

use super::Reply;

/// What a greeting tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Greeting {
    /// It has the word ESMTP.
    pub esmtp: bool,
    /// The first word is my own host name.
    pub my_name: bool,
    /// A firewall has painted over it.
    pub masked: bool,
}

impl Greeting {
    /// Reads a greeting.
    pub fn read(reply: &Reply, myhostname: &[u8]) -> Self {
        let masked = !reply.text.is_empty()
            && reply.text.iter().all(|byte| matches!(byte, b'2' | b'0' | b' ' | b'*' | b'\t' | b'\n'));
        let code = reply.text.iter().take_while(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'-')).count();
        let rest = reply.text.get(code + 1..).unwrap_or_default();
        let mut greeting = Greeting { masked, ..Greeting::default() };
        for (at, word) in list::split(rest, b" \t\n").enumerate() {
            if at == 0 && word.eq_ignore_ascii_case(myhostname) {
                greeting.my_name = true;
            } else if word.eq_ignore_ascii_case(b"ESMTP") {
                greeting.esmtp = true;
            }
        }
        greeting
    }
}

/// Work-arounds for a firewall that tampers with SMTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pix {
    /// Say HELO and use no extensions.
    pub disable_esmtp: bool,
    /// Flush and pause before the final dot.
    pub delay_dotcrlf: bool,
}

impl Pix {
    /// Reads words; unknown ones mean nothing.
    pub fn parse(words: &[u8]) -> Self {
        let mut pix = Pix::default();
        for word in list::split(words, list::SEPARATORS) {
            pix.disable_esmtp |= word.eq_ignore_ascii_case(b"disable_esmtp");
            pix.delay_dotcrlf |= word.eq_ignore_ascii_case(b"delay_dotcrlf");
        }
        pix
    }

    /// Whether there is any.
    pub fn any(self) -> bool {
        self.disable_esmtp || self.delay_dotcrlf
    }
}

impl std::fmt::Display for Pix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match (self.disable_esmtp, self.delay_dotcrlf) {
            (true, true) => "disable_esmtp delay_dotcrlf",
            (true, false) => "disable_esmtp",
            (false, true) => "delay_dotcrlf",
            (false, false) => "",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(text: &str) -> Greeting {
        let reply = Reply { code: 220, status: "2.0.0".into(), text: text.into() };
        Greeting::read(&reply, b"me.example")
    }

    #[test]
    fn words() {
        assert!(greeting("220 mx.example esmtp Postfix").esmtp);
        assert!(!greeting("220 mx.example ESMTPx").esmtp);
        assert!(greeting("220 Me.Example ESMTP").my_name);
        assert!(!greeting("220 mx me.example").my_name);
        assert!(greeting("220 ***0*2****").masked && !greeting("220 ***1").masked);
        assert!(greeting("220-mx.example\n220 ESMTP").esmtp);
    }

    #[test]
    fn workarounds() {
        assert_eq!(Pix::parse(b"Delay_DotCRLF, other disable_esmtp").to_string(), "disable_esmtp delay_dotcrlf");
        assert!(!Pix::parse(b"").any());
    }
}
