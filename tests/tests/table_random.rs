//! Random table files and random keys: the subject's postmap and the control's say the same (tables §2, §4).

use std::fmt::Write as _;

use tests::numbers::Numbers;
use tests::{Instance, Output, Subject, require_instances};

const ROUNDS: usize = 12;
const KEYS: usize = 60;

const WORDS: [&str; 20] =
    ["a", "B", "key", " ", " ", " ", "\t", "\n", "\n", "\n", "#", "\"", "\\", "'", ":", "@", "é", "=", "value", ","];
const PATTERNS: [&str; 18] =
    ["a", "b", ".", "^", "$", "*", "+", "(", ")", "|", "[ab]", "\\", "{2}", "?", "\\.", "[", "key", " "];
const RESULTS: [&str; 10] = [" x", " $1", " ${2}", " $(1)y", " $$", " $0", " $", "", " $x", " $9"];
const ADDRESSES: [&str; 16] = [
    "1.2.3.4",
    "1.2.3.0/24",
    "1.2.0.0/16",
    "0.0.0.0/0",
    "1.2.3.4/24",
    "1.2.3.4/33",
    "::1",
    "2001:db8::/32",
    "::/0",
    "[::1]/128",
    "[::1/128]",
    "[1.2.3.4",
    "x",
    "1.2.3",
    "!1.2.3.4",
    "! !2001:db8::1",
];
const ASKED: [&str; 8] = ["1.2.3.4", "1.2.3.5", "1.2.9.9", "9.9.9.9", "::1", "2001:db8::1", "x", "1.2.3.4 "];

/// A table in postmap's form.
fn plain(numbers: &mut Numbers) -> String {
    numbers.words(&WORDS, 60) + "\n"
}

fn rules(numbers: &mut Numbers) -> String {
    let mut text = String::new();
    for _ in 0..numbers.below(12) {
        let line = match numbers.below(10) {
            0 => "endif\n".to_owned(),
            1 => format!("if {}/{}/\n", numbers.one(&["", "!"]), numbers.words(&PATTERNS, 3)),
            _ => {
                let (sense, flags) =
                    (numbers.one(&["", "", "", "!", "! "]), numbers.one(&["", "", "i", "m", "x", "q"]));
                format!("{sense}/{}/{flags}{}\n", numbers.words(&PATTERNS, 5), numbers.one(&RESULTS))
            }
        };
        text.push_str(&line);
    }
    text
}

fn networks(numbers: &mut Numbers) -> String {
    let mut text = String::new();
    for line in 0..numbers.below(12) {
        match numbers.below(6) {
            0 => text.push_str("endif\n"),
            1 => writeln!(text, "if {}", numbers.one(&ADDRESSES)).expect("a string"),
            _ => writeln!(text, "{} {line}", numbers.one(&ADDRESSES)).expect("a string"),
        }
    }
    text
}

fn keys(numbers: &mut Numbers, words: &[&str], most: usize) -> String {
    (0..KEYS).map(|_| numbers.words(words, most).replace('\n', "") + "\n").collect()
}

/// All that an instance says about a table file and keys.
fn observe(instance: &Instance, kind: &str, build: bool, keys: &str) -> String {
    let shown = |output: Output| {
        let text = format!("{}\n{}{}", output.status, output.stdout, output.stderr);
        text.replace(&instance.expand("{dir}"), "{dir}")
    };
    let table = instance.expand(&format!("{kind}:{{dir}}/t/table"));
    let built = if build { shown(instance.run("postmap", &[&table])) } else { String::new() };
    built + &shown(instance.run_with("postmap", &["-q", "-", &table], keys))
}

fn compare(kind: &str, build: bool, source: impl Fn(&mut Numbers) -> String, words: &[&str], most: usize) {
    require_instances!();
    let subject = Instance::builder().file("t/table", "").build();
    let control = Instance::builder().file("t/table", "").subject(Subject::Control).build();
    let mut numbers = Numbers::seeded();
    for _ in 0..ROUNDS {
        let (source, keys) = (source(&mut numbers), keys(&mut numbers, words, most));
        let [ours, theirs] = [&subject, &control].map(|instance| {
            instance.write("t/table", &source);
            observe(instance, kind, build, &keys)
        });
        assert_eq!(ours, theirs, "{kind}:\n{source}\nkeys:\n{keys}");
    }
}

#[test]
fn hash_tables() {
    compare("hash", true, plain, &WORDS, 3);
}

#[test]
fn regexp_tables() {
    compare("regexp", false, rules, &["a", "b", "A", ".", " ", "key"], 5);
}

#[test]
fn pcre_tables() {
    compare("pcre", false, rules, &["a", "b", "A", ".", " ", "key"], 5);
}

#[test]
fn cidr_tables() {
    compare("cidr", false, networks, &ASKED, 2);
}
