//! Builds, queries and changes alias databases: postalias(1).
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    command::table_tool::run(table::tool::Tool::Postalias, table_net::KINDS)
}
