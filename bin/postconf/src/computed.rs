//! Defaults that depend on the machine and on other parameters (config §5, §8.5).

use bstr::BString;
use command::Invocation;
use config::{Dictionary, Protocols, computed, own_interfaces, registry};

use crate::or_fatal::OrFatal;
use crate::scope::expand_in;

/// The computed default of a parameter, given what main.cf says; nothing for a parameter with an ordinary one.
pub fn default(name: &str, main: &Dictionary) -> Option<BString> {
    match name {
        "process_name" => Some(Invocation::of_process().base_name().to_owned()),
        "process_id" => Some(std::process::id().to_string().into()),
        // What main.cf has is not computed: that may take time, and go wrong.
        "myhostname" | "mydomain" | "mynetworks" if main.get(name.as_bytes()).is_some() => None,
        "myhostname" => Some(myhostname(main)),
        "mydomain" => Some(mydomain(main)),
        "mynetworks" => Some(mynetworks(main)),
        "config_directory" => Some(config::directory::DEFAULT_DIRECTORY.into()),
        _ => None,
    }
}

fn myhostname(main: &Dictionary) -> BString {
    let domain =
        main.get(b"mydomain").filter(|_| main.get(b"myhostname").is_none()).map(|text| expand_main(main, text));
    computed::myhostname(&computed::Host::this().name, domain.as_ref().map(|domain| domain.as_slice())).or_fatal()
}

fn mydomain(main: &Dictionary) -> BString {
    let host = match main.get(b"myhostname") {
        Some(text) => expand_main(main, text),
        None => myhostname(main),
    };
    computed::mydomain(&host)
}

fn mynetworks(main: &Dictionary) -> BString {
    let protocols = Protocols::parse(&value(main, "inet_protocols")).and_then(Protocols::probe).or_fatal();
    let own = own_interfaces(&value(main, "inet_interfaces"), protocols).or_fatal();
    computed::mynetworks(&value(main, "mynetworks_style"), &own).or_fatal()
}

/// The expanded value of a parameter; in its default, other defaults count.
fn value(main: &Dictionary, name: &str) -> BString {
    match main.get(name.as_bytes()) {
        Some(text) => expand_main(main, text),
        None => {
            let default = |name: &[u8]| registry::row(name).map(|row| BString::from(row.default));
            let text = default(name.as_bytes()).unwrap_or_default();
            let mut lookup = |name: &[u8]| main.get(name).map(ToOwned::to_owned).or_else(|| default(name));
            expand_in("", &text, &mut lookup)
        }
    }
}

/// Expands a text with what main.cf defines, and nothing else.
fn expand_main(main: &Dictionary, text: &[u8]) -> BString {
    expand_in("dictionary mail_dict: ", text, &mut |name| main.get(name).map(ToOwned::to_owned))
}
