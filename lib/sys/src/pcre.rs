//! Perl-compatible regular expressions: the PCRE2 library, with the compile options that `pcre:` tables offer
//! (tables §4.9). Patterns and subjects are bytes; UTF mode is never on.

use std::cell::RefCell;
use std::ops::Range;
use std::ptr::{self, NonNull};

use pcre2_sys as ffi;

/// How a pattern is read and matched; the letters are those of pcre_table(5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `i`: upper and lower case are equal.
    pub caseless: bool,
    /// `m`: `^` and `$` match beside LF.
    pub multi_line: bool,
    /// `s`: `.` matches LF.
    pub dot_all: bool,
    /// `x`: white space and comments in the pattern are ignored.
    pub extended: bool,
    /// `A`: matches at the start of the subject only.
    pub anchored: bool,
    /// `E`: `$` does not match before a final LF.
    pub dollar_end_only: bool,
    /// `U`: quantifiers are not greedy by default.
    pub ungreedy: bool,
}

/// A pattern that does not compile: where, in bytes, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error in regex at offset {offset}: {text}")]
pub struct CompileError {
    /// Byte offset in the pattern.
    pub offset: usize,
    /// The library's text.
    pub text: String,
}

/// A match that the library gave up: a backtracking limit, no memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct MatchError {
    /// The library's error number, below -1.
    pub code: i32,
    /// The library's text.
    pub text: String,
}

/// A compiled pattern.
#[derive(Debug)]
pub struct Regex {
    code: NonNull<ffi::pcre2_code_8>,
    groups: usize,
    /// Room for the state of one match, used again and again.
    data: RefCell<Option<MatchData>>,
}

// SAFETY: neither a compiled pattern nor match data has ties to the thread that made it.
unsafe impl Send for Regex {}

impl Regex {
    /// Compiles a pattern, with just-in-time code where the library has it.
    pub fn new(pattern: &[u8], flags: Flags) -> Result<Self, CompileError> {
        let (mut error, mut offset) = (0, 0);
        // SAFETY: the pattern is valid for its length, and the out parameters are ours.
        let code = unsafe {
            ffi::pcre2_compile_8(
                pattern.as_ptr(),
                pattern.len(),
                flags.bits(),
                &mut error,
                &mut offset,
                ptr::null_mut(),
            )
        };
        let Some(code) = NonNull::new(code) else {
            return Err(CompileError { offset, text: error_text(error) });
        };
        // SAFETY: the pattern is compiled. Without just-in-time code the interpreter does the work, so the result does not matter.
        unsafe { ffi::pcre2_jit_compile_8(code.as_ptr(), ffi::PCRE2_JIT_COMPLETE) };
        let mut groups = 0u32;
        // SAFETY: PCRE2_INFO_CAPTURECOUNT stores one uint32_t.
        unsafe {
            ffi::pcre2_pattern_info_8(code.as_ptr(), ffi::PCRE2_INFO_CAPTURECOUNT, ptr::from_mut(&mut groups).cast())
        };
        Ok(Regex { code, groups: groups as usize, data: RefCell::new(None) })
    }

    /// The number of capturing groups.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Looks for the pattern. On a match: element 0 is the whole match, and element n is group n, `None` if it took no part.
    pub fn exec(&self, subject: &[u8]) -> Result<Option<Vec<Option<Range<usize>>>>, MatchError> {
        let mut room = self.data.borrow_mut();
        let data = match &mut *room {
            Some(data) => data,
            empty => empty.insert(MatchData::new(self)?),
        };
        // SAFETY: pattern and match data belong together, and the subject is valid for its length.
        let code = unsafe {
            ffi::pcre2_match_8(
                self.code.as_ptr(),
                subject.as_ptr(),
                subject.len(),
                0,
                0,
                data.0.as_ptr(),
                ptr::null_mut(),
            )
        };
        match code {
            ffi::PCRE2_ERROR_NOMATCH => Ok(None),
            code if code > 0 => Ok(Some(data.groups(self.groups + 1))),
            code => Err(MatchError { code, text: error_text(code) }),
        }
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: compiled once, freed once.
        unsafe { ffi::pcre2_code_free_8(self.code.as_ptr()) }
    }
}

#[derive(Debug)]
struct MatchData(NonNull<ffi::pcre2_match_data_8>);

impl MatchData {
    fn new(regex: &Regex) -> Result<Self, MatchError> {
        // SAFETY: the pattern is compiled.
        let data = unsafe { ffi::pcre2_match_data_create_from_pattern_8(regex.code.as_ptr(), ptr::null_mut()) };
        let no_memory = || MatchError { code: ffi::PCRE2_ERROR_NOMEMORY, text: error_text(ffi::PCRE2_ERROR_NOMEMORY) };
        NonNull::new(data).map(MatchData).ok_or_else(no_memory)
    }

    /// Offsets after a successful match; the library fills all pairs that the pattern has.
    fn groups(&self, count: usize) -> Vec<Option<Range<usize>>> {
        // SAFETY: the vector has `count` pairs, because the match data was made from the pattern that has them.
        let pairs = unsafe { std::slice::from_raw_parts(ffi::pcre2_get_ovector_pointer_8(self.0.as_ptr()), count * 2) };
        let range = |pair: &[usize]| (pair[0] != usize::MAX && pair[0] <= pair[1]).then(|| pair[0]..pair[1]);
        pairs.chunks_exact(2).map(range).collect()
    }
}

impl Drop for MatchData {
    fn drop(&mut self) {
        // SAFETY: made once, freed once.
        unsafe { ffi::pcre2_match_data_free_8(self.0.as_ptr()) }
    }
}

impl Flags {
    fn bits(self) -> u32 {
        let bit = |on, bit| if on { bit } else { 0 };
        bit(self.caseless, ffi::PCRE2_CASELESS)
            | bit(self.multi_line, ffi::PCRE2_MULTILINE)
            | bit(self.dot_all, ffi::PCRE2_DOTALL)
            | bit(self.extended, ffi::PCRE2_EXTENDED)
            | bit(self.anchored, ffi::PCRE2_ANCHORED)
            | bit(self.dollar_end_only, ffi::PCRE2_DOLLAR_ENDONLY)
            | bit(self.ungreedy, ffi::PCRE2_UNGREEDY)
    }
}

fn error_text(code: i32) -> String {
    let mut text = [0u8; 256];
    // SAFETY: the buffer is as long as we say.
    let length = unsafe { ffi::pcre2_get_error_message_8(code, text.as_mut_ptr(), text.len()) };
    let length = usize::try_from(length).unwrap_or(0).min(text.len());
    String::from_utf8_lossy(&text[..length]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_flags() {
        let caseless = Flags { caseless: true, ..Flags::default() };
        let regex = Regex::new(b"^(a)(b)?c$", caseless).unwrap();
        assert_eq!(regex.exec(b"AC").unwrap().unwrap(), [Some(0..2), Some(0..1), None]);
        assert_eq!(regex.exec(b"zz").unwrap(), None);
        let end = Regex::new(b"c$", Flags { dollar_end_only: true, ..Flags::default() }).unwrap();
        assert_eq!(end.exec(b"c\n").unwrap(), None);
        assert_eq!(end.exec(b"").unwrap(), None);
    }

    #[test]
    fn errors_have_texts() {
        let error = Regex::new(b"(a", Flags::default()).unwrap_err();
        assert_eq!(error.to_string(), "error in regex at offset 2: missing closing parenthesis");
        let slow = Regex::new(b"(*NO_JIT)(*LIMIT_MATCH=10)(a+)+$", Flags::default()).unwrap();
        assert!(slow.exec(b"aaaaaaaaaaaaaaaaaaaaab").unwrap_err().code < -1);
    }
}
