//! Turns `src/registry/*.tsv` into the table of rows that `registry.rs` includes, sorted by name, so that programs have it
//! without reading anything and a key knows its row when it is compiled.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

/// The files, and the kind of their rows.
const FILES: [(&str, &str); 12] = [
    ("Builtin", "common"),
    ("Builtin", "delivery"),
    ("Builtin", "lmtp"),
    ("Builtin", "postscreen"),
    ("Builtin", "queue"),
    ("Builtin", "rewriting"),
    ("Builtin", "services"),
    ("Builtin", "smtp"),
    ("Builtin", "smtpd"),
    ("Builtin", "tls"),
    ("ReadOnly", "readonly"),
    ("Legacy", "legacy"),
];

fn main() {
    println!("cargo::rerun-if-changed=src/registry");
    let mut rows: Vec<(String, String)> = Vec::new();
    for (kind, name) in FILES {
        let path = format!("src/registry/{name}.tsv");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        for (number, line) in text.lines().enumerate() {
            let row = row(line, kind).unwrap_or_else(|what| panic!("{path}, line {}: {what}: {line}", number + 1));
            rows.push(row);
        }
    }
    rows.sort();
    if let Some(pair) = rows.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        panic!("two rows for {}", pair[0].0);
    }
    let mut code = format!("static ROWS: [Row; {}] = [\n", rows.len());
    for (_, row) in &rows {
        writeln!(code, "    {row},").expect("a string takes everything");
    }
    code.push_str("];\n");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join("rows.rs"), code).expect("OUT_DIR takes files");
}

/// The name in one line of a file, and the expression of its row; or what is wrong with the line.
fn row(line: &str, kind: &str) -> Result<(String, String), String> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [name, ty, default, min, max, programs] = fields[..] else {
        return Err(format!("{} fields instead of 6", fields.len()));
    };
    let ty = match ty {
        "str" => "Str",
        "raw" => "Raw",
        "bool" => "Bool",
        "nbool" => "NBool",
        "int" => "Int",
        "nint" => "NInt",
        "long" => "Long",
        "time" => "Time",
        _ => return Err(format!("no type {ty}")),
    };
    let limit = |text: &str| match text {
        "" => Ok(0),
        _ => text.parse::<i64>().map_err(|error| format!("{text}: {error}")),
    };
    let (min, max) = (limit(min)?, limit(max)?);
    let programs: Vec<&str> = programs.split(' ').filter(|program| !program.is_empty()).collect();
    let row = format!(
        "Row {{ name: {name:?}, kind: Kind::{kind}, ty: Type::{ty}, default: {default:?}, min: {min}, max: {max}, programs: &{programs:?} }}"
    );
    Ok((name.to_owned(), row))
}
