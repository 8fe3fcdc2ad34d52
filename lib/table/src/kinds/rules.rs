//! What regexp, pcre and cidr tables have in common: rules in order, with IF and ENDIF (tables §4.8).

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use text::lines::logical_lines;
use text::list::{SEPARATORS, split_braced, unbrace};
use text::space::{is_space, trim_end};

use super::Request;
use crate::OpenError;
use crate::error::open_error;
use crate::map::Owner;

/// The text of a table, before its lines are understood.
pub struct Source {
    /// The rules, without white space at the end, each with the number that messages give it.
    pub lines: Vec<(usize, Vec<u8>)>,
    /// Who vouches for the rules.
    pub owner: Owner,
    /// `<type> map <name>`, the start of each message.
    prefix: String,
}

impl Source {
    /// Reads a file, or the rules in braces that stand in place of a file name.
    pub fn read(request: &Request<'_>) -> Result<Self, OpenError> {
        request.read_only()?;
        let prefix = format!("{} map {}", text::show(request.kind), text::show(request.name));
        if request.name.starts_with(b"{") {
            let owner = Owner::of(sys::privilege::real_uid());
            return Ok(Source { lines: inline_rules(request)?, owner, prefix });
        }
        let failed = |error: std::io::Error| open_error!("open {}: {}", text::show(request.name), sys::reason(&error));
        let mut file = File::open(request.path()).map_err(failed)?;
        let owner = Owner::of(file.metadata().map_err(failed)?.uid());
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        let lines = file_rules(&text, &text::show(request.name).to_string());
        Ok(Source { lines, owner, prefix })
    }

    /// Warns about a line.
    pub fn warn(&self, line: usize, problem: &str) {
        log::warn!("{}, line {line}: {problem}", self.prefix);
    }

    /// The start of messages about a line at match time.
    pub fn place(&self, line: usize) -> String {
        format!("{}, line {line}", self.prefix)
    }
}

fn inline_rules(request: &Request<'_>) -> Result<Vec<(usize, Vec<u8>)>, OpenError> {
    let failed = |reason| open_error!("{} map: {reason}", text::show(request.kind));
    let body = unbrace(request.name).map_err(failed)?;
    let rules = split_braced(body, SEPARATORS).enumerate();
    rules.map(|(n, rule)| Ok((n + 1, unbrace(rule).map_err(failed)?.to_vec()))).collect()
}

fn file_rules(text: &[u8], name: &str) -> Vec<(usize, Vec<u8>)> {
    let mut rules = Vec::new();
    for line in logical_lines(text) {
        match line {
            // What follows a NUL is no part of the line (config §1.1).
            Ok(line) => rules.push((line.first, trim_end(before_nul(&line.text)).to_vec())),
            Err(problem) => log::warn!("{name}: {problem}"),
        }
    }
    rules
}

/// The text before the first NUL.
pub fn before_nul(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

/// The first word of a line that is a statement (it begins with a letter or digit), and the text after it.
pub fn statement(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = line.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(line.len());
    (end > 0).then(|| line.split_at(end))
}

/// One step of a table.
pub enum Step<M, C> {
    /// A rule with a result.
    Match(M),
    /// IF: what has to hold, its line, and the step behind its ENDIF, to go on with when it does not.
    If(C, usize, usize),
    /// ENDIF.
    Endif,
}

/// Collects the steps of a table, pairing IF and ENDIF.
pub struct Program<M, C> {
    steps: Vec<Step<M, C>>,
    /// The IFs that are open.
    open: Vec<usize>,
}

impl<M, C> Program<M, C> {
    /// No steps.
    pub fn new() -> Self {
        Program { steps: Vec::new(), open: Vec::new() }
    }

    /// Adds a rule.
    pub fn add(&mut self, rule: M) {
        self.steps.push(Step::Match(rule));
    }

    /// Adds an IF.
    pub fn add_if(&mut self, condition: C, line: usize) {
        self.open.push(self.steps.len());
        self.steps.push(Step::If(condition, line, 0));
    }

    /// Adds an ENDIF; false if there is no IF for it.
    pub fn add_endif(&mut self) -> bool {
        let Some(start) = self.open.pop() else { return false };
        self.steps.push(Step::Endif);
        let end = self.steps.len();
        if let Some(Step::If(_, _, otherwise)) = self.steps.get_mut(start) {
            *otherwise = end;
        }
        true
    }

    /// Whether there is an open IF.
    pub fn in_block(&self) -> bool {
        !self.open.is_empty()
    }

    /// The finished steps. An IF without ENDIF reaches to the end; the lines of those are given too, the innermost first.
    pub fn finish(mut self) -> (Vec<Step<M, C>>, Vec<usize>) {
        let (end, mut lines) = (self.steps.len(), Vec::new());
        for start in self.open.into_iter().rev() {
            if let Some(Step::If(_, line, otherwise)) = self.steps.get_mut(start) {
                *otherwise = end;
                lines.push(*line);
            }
        }
        (self.steps, lines)
    }
}

/// Runs the steps until a rule gives something.
pub fn run<M, C, T>(
    steps: &[Step<M, C>],
    mut holds: impl FnMut(&C) -> bool,
    mut apply: impl FnMut(&M) -> Option<T>,
) -> Option<T> {
    let mut at = 0;
    while let Some(step) = steps.get(at) {
        at += 1;
        match step {
            Step::Endif => {}
            Step::If(condition, _, otherwise) => {
                if !holds(condition) {
                    at = *otherwise;
                }
            }
            Step::Match(rule) => {
                if let Some(found) = apply(rule) {
                    return Some(found);
                }
            }
        }
    }
    None
}

/// Whether there is anything but white space at the start.
pub fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|&byte| is_space(byte))
}
