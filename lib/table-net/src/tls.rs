//! Encrypted connections: whom to trust, and who we are.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use bstr::BString;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, SupportedCipherSuite,
};

/// The certificates that Debian trusts.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// How far the certificate of a server is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Check {
    /// Any will do.
    #[default]
    Nothing,
    /// Its issuer must be trusted.
    Issuer,
    /// It must be that of the host, too.
    IssuerAndName,
}

/// The parameters of encrypted connections. What is empty is not used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Settings {
    /// How far the certificate of a server is checked.
    pub check: Check,
    /// A file of trusted certificates.
    pub ca_file: BString,
    /// A directory of such files.
    pub ca_directory: BString,
    /// A file with our certificate, and those that lead to its issuer.
    pub certificate: BString,
    /// The file with its key.
    pub key: BString,
    /// OpenSSL's names of the ciphers that may be used.
    pub ciphers: BString,
}

impl Settings {
    /// Reads the files.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn load(&self) -> Result<Arc<ClientConfig>, String> {
        let provider = Arc::new(self.provider()?);
        let verifier = self.verifier(&provider)?;
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| error.to_string())?;
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        if self.certificate.is_empty() {
            return Ok(Arc::new(builder.with_no_client_auth()));
        }
        let key_file = if self.key.is_empty() { &self.certificate } else { &self.key };
        let key = PrivateKeyDer::from_pem_slice(&read(path(key_file))?)
            .map_err(|error| format!("no key in {}: {error}", text::show(key_file)))?;
        let chain = certificates(path(&self.certificate))?;
        builder.with_client_auth_cert(chain, key).map(Arc::new).map_err(|error| error.to_string())
    }

    fn provider(&self) -> Result<CryptoProvider, String> {
        let mut provider = ring::default_provider();
        if !self.ciphers.is_empty() {
            provider.cipher_suites.retain(|suite| permits(&self.ciphers, suite));
            if provider.cipher_suites.is_empty() {
                return Err(format!("no usable cipher in \"{}\"", text::show(&self.ciphers)));
            }
        }
        Ok(provider)
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let (check, provider) = (self.check, provider.clone());
        if check == Check::Nothing {
            return Ok(Arc::new(Verifier { check, inner: None, provider }));
        }
        let roots = Arc::new(self.roots()?);
        let inner = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
        Ok(Arc::new(Verifier { check, inner: Some(inner.map_err(|error| error.to_string())?), provider }))
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        let mut add =
            |file: &Path| certificates(file).map(|certificates| roots.add_parsable_certificates(certificates));
        if !self.ca_file.is_empty() {
            add(path(&self.ca_file))?;
        }
        if !self.ca_directory.is_empty() {
            let directory = path(&self.ca_directory);
            let failed = |error| format!("open {}: {}", text::show(&self.ca_directory), sys::reason(&error));
            for entry in fs::read_dir(directory).map_err(failed)? {
                let file = entry.map_err(failed)?.path();
                // Other things are in such directories too.
                let _ = add(&file);
            }
        }
        if self.ca_file.is_empty() && self.ca_directory.is_empty() {
            add(Path::new(SYSTEM_CERTIFICATES))?;
        }
        Ok(roots)
    }
}

fn path(name: &BString) -> &Path {
    Path::new(OsStr::from_bytes(name))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    let failed = |error| format!("open {}: {}", text::show(file.as_os_str().as_bytes()), sys::reason(&error));
    fs::read(file).map_err(failed)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(file)?).collect();
    let name = text::show(file.as_os_str().as_bytes());
    match found {
        Ok(found) if found.is_empty() => Err(format!("no certificate in {name}")),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("no certificate in {name}: {error}")),
    }
}

/// Whether a list names a cipher: by its own name, or by a word for many. All that there are here are strong.
fn permits(list: &[u8], suite: &SupportedCipherSuite) -> bool {
    let name = format!("{:?}", suite.suite());
    let short = name.replace("TLS13_", "TLS_").replace("TLS_ECDHE_", "ECDHE_").replace("_WITH", "");
    let open_ssl = short.replace("AES_", "AES").replace('_', "-").replace("POLY1305-SHA256", "POLY1305");
    let words = list.split(|byte| matches!(byte, b':' | b',' | b' '));
    words.filter_map(|word| std::str::from_utf8(word).ok()).any(|word| {
        let word = word.trim_start_matches('+');
        let is_for_many = ["ALL", "DEFAULT", "HIGH", "NORMAL", "SECURE128", "SECURE256"];
        is_for_many.iter().any(|many| word.split('@').next() == Some(many))
            || word.eq_ignore_ascii_case(&open_ssl)
            || word.eq_ignore_ascii_case(&name.replace("TLS13_", "TLS_"))
    })
}

/// Checks certificates as far as is asked for.
#[derive(Debug)]
struct Verifier {
    check: Check,
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(certificate, chain, name, ocsp, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.check == Check::Issuer => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphers_by_name() {
        let count = |list: &str| ring::ALL_CIPHER_SUITES.iter().filter(|suite| permits(list.as_bytes(), suite)).count();
        assert_eq!(count("ECDHE-RSA-AES128-GCM-SHA256"), 1);
        assert_eq!(count("ECDHE-ECDSA-CHACHA20-POLY1305:TLS_AES_256_GCM_SHA384"), 2);
        assert_eq!(count("HIGH:!aNULL:@STRENGTH"), ring::ALL_CIPHER_SUITES.len());
        assert_eq!(count("RC4-MD5"), 0);
        let settings = Settings { ciphers: "RC4-MD5".into(), ..Settings::default() };
        assert_eq!(settings.load().unwrap_err(), "no usable cipher in \"RC4-MD5\"");
    }

    #[test]
    fn files_that_are_wrong() {
        let settings = Settings { check: Check::Issuer, ca_file: "/nowhere".into(), ..Settings::default() };
        assert_eq!(settings.load().unwrap_err(), "open /nowhere: No such file or directory");
        let settings = Settings { certificate: "/dev/null".into(), ..Settings::default() };
        assert!(settings.load().unwrap_err().starts_with("no key in /dev/null"));
        assert!(Settings::default().load().is_ok());
    }
}
