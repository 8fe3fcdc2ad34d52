//! Certificates for servers of tests.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A certificate of 127.0.0.1 and localhost, its key, and the certificate of its issuer.
#[derive(Debug)]
pub struct Certificate {
    directory: TempDir,
}

impl Certificate {
    /// Makes one; `None` if there is no openssl(1) here.
    pub fn make() -> Option<Self> {
        let directory = super::data_directory();
        let at = |name: &str| directory.path().join(name).display().to_string();
        fs::write(at("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
            .expect("a file");
        let (ca, ca_key, request, certificate, key) =
            (at("ca.pem"), at("ca.key"), at("request"), at("certificate.pem"), at("key.pem"));
        let new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-batch"];
        let made = openssl(&[
            &["req", "-x509", "-days", "2", "-subj", "/CN=issuer"][..],
            &new,
            &["-keyout", &ca_key, "-out", &ca],
        ]) && openssl(&[&["req", "-subj", "/CN=localhost"][..], &new, &["-keyout", &key, "-out", &request]])
            && openssl(&[
                &["x509", "-req", "-days", "2", "-CAcreateserial", "-CA", &ca, "-CAkey", &ca_key][..],
                &["-extfile", &at("names"), "-in", &request, "-out", &certificate],
            ]);
        if !made {
            eprintln!("skipped: there is no openssl");
            return None;
        }
        let new = Certificate { directory };
        new.give_key(&key);
        Some(new)
    }

    /// Servers want their key for themselves.
    fn give_key(&self, key: &str) {
        let user = sys::privilege::account(super::USER).ok().flatten().expect("an account without rights");
        std::os::unix::fs::chown(key, Some(user.uid), Some(user.gid)).expect("ownership");
        fs::set_permissions(key, Permissions::from_mode(0o600)).expect("permissions");
    }

    /// The file of the issuer's certificate.
    pub fn issuer(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// The file of the certificate.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("certificate.pem")
    }

    /// The file of its key.
    pub fn key(&self) -> PathBuf {
        self.directory.path().join("key.pem")
    }
}

fn openssl(words: &[&[&str]]) -> bool {
    let mut command = Command::new("openssl");
    command.args(words.concat()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
