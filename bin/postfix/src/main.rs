//! Controls the mail system: start, stop, reload, check (master-ipc §15.1 to §15.4).
//!
//! What Postfix does with a shell script, `postfix-script`, is done here; messages carry its name all the same, since log readers know it.
#![forbid(unsafe_code)]

mod advice;
mod check;
mod control;
mod layout;
mod logrotate;
mod paths;
mod permissions;
mod post_install;
mod start;

use bstr::ByteSlice;
use logging::fatal;

use paths::Paths;

fn main() {
    let arguments = start::read_command_line();
    let config = start::load();
    let paths = Paths::new(&config);
    start::use_instances(&config, &arguments);
    start::become_script(&config, &paths);
    let words: Vec<&[u8]> = arguments.words.iter().map(|word| word.as_bytes()).collect();
    match words.as_slice() {
        [b"start"] => control::start(&paths),
        [b"start-fg"] => control::start_in_foreground(&config, &paths),
        [b"stop"] => control::stop(&paths),
        [b"quick-stop"] => control::quick_stop(&paths),
        [b"drain"] => control::drain(&paths),
        [b"abort"] => control::abort(&paths),
        [b"reload"] => control::reload(&paths),
        [b"flush"] => control::flush(&paths),
        [b"status"] => control::status(&paths),
        [b"check"] => check::check(&config, &paths),
        [b"set-permissions" | b"upgrade-configuration", ..] => {
            let words = [&[b"create-missing".as_slice()], words.as_slice()].concat();
            post_install::run(&words, config);
        }
        [b"post-install", words @ ..] => post_install::run(words, config),
        [b"tls", ..] => fatal!("postfix tls needs TLS support, which is not compiled in"),
        [program, words @ ..] if program.starts_with(b"/") => control::run_program(program, words),
        [b"logrotate"] => logrotate::rotate(&config, &paths),
        [b"logrotate", ..] => fatal!("usage postfix logrotate (no arguments)"),
        [b"start_msg"] => println!("Start postfix"),
        [b"stop_msg"] => println!("Stop postfix"),
        [word, ..] => fatal!(
            "unknown command: '{}'. Usage: postfix start (or stop, reload, abort, flush, check, status, set-permissions, \
             upgrade-configuration, logrotate)",
            text::show(word)
        ),
        [] => start::usage(),
    }
}
