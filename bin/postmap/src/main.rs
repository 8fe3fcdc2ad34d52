//! Builds, queries and changes lookup tables: postmap(1).
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    command::table_tool::run(table::tool::Tool::Postmap, table_net::KINDS)
}
