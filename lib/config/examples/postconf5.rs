//! Writes postconf(5) from the registry. After a change of parameters or their texts, run
//! `cargo run -p config --example postconf5 > man/man5/postconf.5`.

use config::registry::{self, Kind, Row, Type};
use config::{params, service};

const HEAD: &str = ".Dd November 24, 2026
.Dt POSTCONF 5
.Os Posthorn
.Sh NAME
.Nm postconf
.Nd parameters of the mail system
.Sh DESCRIPTION
The file
.Pa main.cf
gives parameters their values, one
.Li name = value
after the other.
A line that begins with white space continues the one before it.
Blank lines, and lines that begin with
.Li # ,
are left out wherever they are.
The last definition of a name counts.
.Pp
In a value,
.Li $name ,
.Li ${name}
and
.Li $(name)
stand for the value of another parameter, and
.Li $$
for a dollar sign.
.Li ${name?{text}:{other}}
is the first text if the value of the name is not empty, else the other; either may be left out.
.Li ${{left} == {right}?{text}:{other}}
compares; so do
.Li != < <= > >= ,
as numbers if both sides are digits.
With the suffix
.Li level
they compare compatibility levels.
.Pp
A time has one of the units s, m, h, d, w; without one it has that of the default.
A name that nothing else uses may be defined for use in other values.
";

fn main() {
    print!("{}", page());
}

/// The whole manual page.
fn page() -> String {
    let mut page = format!("{HEAD}.Sh PARAMETERS\n.Bl -tag -width Ds\n");
    for row in registry::rows().iter().filter(|row| row.kind == Kind::Builtin) {
        page += &item(row);
        page += &format!("{}\n", escape(params::text(row.name).unwrap_or_default()));
    }
    page += ".El\n.Sh PARAMETERS OF SERVICES\nThe name begins with that of a service of\n.Pa master.cf .\n.Bl -tag -width Ds\n";
    for family in service::FAMILIES {
        let (suffix, default) = (escape(family.suffix), escape(family.default));
        page += &format!(".It Ar service Ns Sy {suffix} Pq default: $ Ns Sy {default}\n");
        page += &format!("{}\n", escape(params::text(family.default).unwrap_or_default()));
    }
    page + ".El\n.Sh SEE ALSO\n.Xr postconf 1 ,\n.Xr master.cf 5\n"
}

/// The head of a parameter's paragraph.
fn item(row: &Row) -> String {
    let default = match row.default {
        "" => "empty or computed".to_owned(),
        default => escape(default),
    };
    let (name, ty, limits) = (escape(row.name), row.ty.describe(), limits(row));
    format!(".It Sy {name}\n.Pq {ty}\ndefault:\n.Li {default}{limits}\n.Pp\n")
}

fn limits(row: &Row) -> String {
    let limit = |word: &str, limit: i64| if limit == 0 { String::new() } else { format!(" , {word} {limit}") };
    match row.ty {
        Type::Str | Type::Raw => String::new(),
        _ => limit("at least", row.min) + &limit("at most", row.max),
    }
}

/// Makes a text safe for mdoc; in an argument of a macro a dot or a quote must not be taken for more.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('"', "\\(dq");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_manual_page_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../man/man5/postconf.5");
        let written = std::fs::read_to_string(path).expect("the manual page");
        let command = "cargo run -p config --example postconf5 > man/man5/postconf.5";
        assert!(written == super::page(), "the manual page is older than the parameters; run {command}");
    }
}
