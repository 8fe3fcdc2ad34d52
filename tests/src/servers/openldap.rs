//! OpenLDAP.

use std::fs;

use sys::signal::Signal;

use super::{Certificate, Program, Server, data_directory, find, free_address, unpacked};

/// Attributes and a class for mail, with numbers that nobody else has.
const SCHEMA: &str = "\
attributetype ( 1.3.6.1.4.1.4203.666.1.1 NAME 'maildrop' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.4203.666.1.2 NAME 'mailacceptinggeneralid' EQUALITY caseIgnoreMatch
  SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
attributetype ( 1.3.6.1.4.1.4203.666.1.3 NAME 'mailurl' EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )
objectclass ( 1.3.6.1.4.1.4203.666.2.1 NAME 'mailthing' SUP top STRUCTURAL
  MAY ( cn $ maildrop $ mailacceptinggeneralid $ member $ mailurl $ ou $ mail $ userPassword ) )
";

impl Server {
    /// Starts a directory of `dc=example,dc=com` with these entries, as LDIF; `cn=admin,dc=example,dc=com` has the password
    /// `secret`. `None` if there is none here.
    pub fn openldap(entries: &str, certificate: Option<&Certificate>) -> Option<Self> {
        let program = Program::privileged(find("usr/sbin/slapd")?);
        let root = [unpacked(), "/".into()].into_iter().find(|root| root.join("etc/ldap/schema/core.schema").exists());
        let root = root.expect("the server's schema");
        let directory = data_directory();
        let at = |name: &str| directory.path().join(name).display().to_string();
        fs::create_dir(at("data")).expect("a directory");
        let mut text = format!("include {}\n{SCHEMA}", root.join("etc/ldap/schema/core.schema").display());
        if let Some(certificate) = certificate {
            text += &format!(
                "TLSCertificateFile {}\nTLSCertificateKeyFile {}\n",
                certificate.file().display(),
                certificate.key().display()
            );
        }
        text += &format!(
            "modulepath {}\nmoduleload back_mdb\ndatabase mdb\nsuffix \"dc=example,dc=com\"\n\
             rootdn \"cn=admin,dc=example,dc=com\"\nrootpw secret\ndirectory {}\n",
            root.join("usr/lib/ldap").display(),
            at("data")
        );
        fs::write(at("slapd.conf"), text).expect("a file");
        fs::write(at("entries"), entries).expect("a file");
        program.run(&["-Tadd", "-f", &at("slapd.conf"), "-l", &at("entries")], "");
        let address = free_address();
        let urls = format!("ldap://{address} ldapi://{}", at("socket").replace('/', "%2F"));
        let arguments = ["-f", &at("slapd.conf"), "-h", &urls, "-d", "0"].map(String::from).to_vec();
        Some(Server::start(program, arguments, address, Signal::SIGKILL, directory))
    }
}
