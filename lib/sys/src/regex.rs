//! POSIX regular expressions: regcomp(3) and regexec(3), leftmost-longest, as `regexp:` tables need them (tables §4.8).

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::raw::c_char;
use std::ptr;

/// How a pattern is read and matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Upper and lower case are equal (`REG_ICASE`).
    pub ignore_case: bool,
    /// `.` and `[^]` do not match LF; `^` and `$` match beside one (`REG_NEWLINE`).
    pub newline: bool,
    /// Extended syntax instead of basic (`REG_EXTENDED`).
    pub extended: bool,
}

/// What the C library says about a pattern or a match that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// A text that patterns are looked for in. It ends at its first NUL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject(CString);

impl Subject {
    /// Takes a copy of the text, for as many patterns as there are.
    pub fn new(text: &[u8]) -> Self {
        Subject(c_string(text))
    }
}

/// Where `re_nsub` is in `regex_t`, in words: the libc crate keeps the structure opaque.
const RE_NSUB_WORD: usize = if cfg!(target_env = "musl") { 0 } else { 6 };

/// A compiled pattern.
pub struct Regex {
    compiled: Box<libc::regex_t>,
}

// SAFETY: a compiled regex_t has no ties to the thread that made it; regexec(3) is MT-Safe, and glibc locks the
// pattern buffer while it matches.
unsafe impl Send for Regex {}
// SAFETY: as above.
unsafe impl Sync for Regex {}

impl std::fmt::Debug for Regex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Regex").field("groups", &self.groups()).finish_non_exhaustive()
    }
}

impl Regex {
    /// Compiles a pattern, which ends at its first NUL.
    pub fn new(pattern: &[u8], flags: Flags) -> Result<Self, Error> {
        let pattern = c_string(pattern);
        let mut compiled = Box::new(MaybeUninit::<libc::regex_t>::zeroed());
        // SAFETY: both pointers are valid for the call, and the pattern ends in NUL.
        let code = unsafe { libc::regcomp(compiled.as_mut_ptr(), pattern.as_ptr(), flags.bits()) };
        match code {
            // SAFETY: regcomp succeeded, so it has filled in the structure; the box does not move it.
            0 => Ok(Regex { compiled: unsafe { Box::from_raw(Box::into_raw(compiled).cast()) } }),
            // SAFETY: regerror only reads the structure, which was zeroed and then touched by regcomp alone.
            _ => Err(unsafe { error(code, compiled.as_ptr()) }),
        }
    }

    /// The number of parenthesized groups.
    pub fn groups(&self) -> usize {
        // SAFETY: re_nsub is a size_t inside the structure, at this place by the C library's ABI.
        unsafe { ptr::from_ref(&*self.compiled).cast::<usize>().add(RE_NSUB_WORD).read() }
    }

    /// Does the subject match? To know that alone is much cheaper than to know where.
    pub fn is_match(&self, subject: &Subject) -> Result<bool, Error> {
        self.run(subject, &mut [])
    }

    /// Looks for the pattern. On a match: element 0 is the whole match, and element n is group n, `None` if it took no part.
    pub fn exec(&self, subject: &Subject) -> Result<Option<Vec<Option<Range<usize>>>>, Error> {
        let mut matches = vec![libc::regmatch_t { rm_so: -1, rm_eo: -1 }; self.groups() + 1];
        Ok(self.run(subject, &mut matches)?.then(|| matches.iter().map(group).collect()))
    }

    fn run(&self, subject: &Subject, matches: &mut [libc::regmatch_t]) -> Result<bool, Error> {
        // SAFETY: the pattern is compiled, the subject ends in NUL, and `matches` has as many elements as we say.
        let code = unsafe {
            libc::regexec(ptr::from_ref(&*self.compiled), subject.0.as_ptr(), matches.len(), matches.as_mut_ptr(), 0)
        };
        match code {
            0 => Ok(true),
            libc::REG_NOMATCH => Ok(false),
            // SAFETY: the pattern is compiled.
            _ => Err(unsafe { error(code, &*self.compiled) }),
        }
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: compiled once, freed once.
        unsafe { libc::regfree(&mut *self.compiled) }
    }
}

impl Flags {
    fn bits(self) -> libc::c_int {
        let bit = |on, bit| if on { bit } else { 0 };
        bit(self.ignore_case, libc::REG_ICASE)
            | bit(self.newline, libc::REG_NEWLINE)
            | bit(self.extended, libc::REG_EXTENDED)
    }
}

fn group(found: &libc::regmatch_t) -> Option<Range<usize>> {
    let start = usize::try_from(found.rm_so).ok()?;
    let end = usize::try_from(found.rm_eo).ok()?;
    Some(start..end)
}

fn c_string(bytes: &[u8]) -> CString {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    CString::new(text).unwrap_or_default()
}

/// # Safety
/// `compiled` must point to a structure that regcomp has seen.
unsafe fn error(code: libc::c_int, compiled: *const libc::regex_t) -> Error {
    let mut text = [0u8; 256];
    // SAFETY: the buffer is as long as we say; the caller vouches for `compiled`.
    let length = unsafe { libc::regerror(code, compiled, text.as_mut_ptr().cast::<c_char>(), text.len()) };
    let length = length.saturating_sub(1).min(text.len() - 1);
    Error(String::from_utf8_lossy(&text[..length]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTENDED: Flags = Flags { ignore_case: true, newline: false, extended: true };

    #[test]
    fn groups_that_take_no_part_are_none() {
        let regex = Regex::new(b"^(a)(b)?c$", EXTENDED).unwrap();
        assert_eq!(regex.groups(), 2);
        assert_eq!(regex.exec(&Subject::new(b"AC")).unwrap().unwrap(), [Some(0..2), Some(0..1), None]);
        assert_eq!(regex.exec(&Subject::new(b"x")).unwrap(), None);
    }

    #[test]
    fn longest_alternative_wins() {
        let regex = Regex::new(b"a|ab", EXTENDED).unwrap();
        assert_eq!(regex.exec(&Subject::new(b"xab")).unwrap().unwrap()[0], Some(1..3));
    }

    #[test]
    fn a_bad_pattern_has_a_text() {
        assert_eq!(Regex::new(b"(a", EXTENDED).unwrap_err().to_string(), "Unmatched ( or \\(");
    }
}
