//! Writes man/man5/postconf.5 from the registry: `cargo run -p config --example postconf5 > man/man5/postconf.5`.

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
    print!("{HEAD}");
    println!(".Sh PARAMETERS\n.Bl -tag -width Ds");
    let (described, others): (Vec<&Row>, Vec<&Row>) = registry::rows()
        .iter()
        .filter(|row| row.kind == Kind::Builtin)
        .partition(|row| params::text(row.name).is_some());
    for row in described {
        item(row);
        println!("{}", escape(params::text(row.name).unwrap_or_default()));
    }
    println!(
        ".El\n.Sh PARAMETERS OF SERVICES\nThe name begins with that of a service of\n.Pa master.cf .\n.Bl -tag -width Ds"
    );
    for family in service::FAMILIES {
        println!(".It Ar service Ns Sy {} Pq default: $ Ns Sy {}", escape(family.suffix), escape(family.default));
        println!("{}", escape(params::text(family.default).unwrap_or_default()));
    }
    println!(".El\n.Sh OTHER PARAMETERS\nThese are described with the programs that read them.\n.Bl -tag -width Ds");
    for row in others {
        item(row);
        let readers: Vec<String> = row.programs().map(|program| format!(".Xr {program} 8")).collect();
        println!("Read by\n{}", readers.join(" ,\n"));
    }
    println!(".El\n.Sh SEE ALSO\n.Xr postconf 1 ,\n.Xr master 5");
}

fn item(row: &Row) {
    let default = match row.default {
        "" => "empty or computed".to_owned(),
        default => escape(default),
    };
    println!(".It Sy {}\n.Pq {}\ndefault:\n.Li {default}{}\n.Pp", escape(row.name), row.ty.describe(), limits(row));
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
