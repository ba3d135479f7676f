//! Which certificates are good.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use model::checks::HttpTrust;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::locked;
use crate::context::chain;

/// Where distributions keep the authorities that they know.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Settings of TLS, read anew when their file has changed.
#[derive(Default)]
pub(crate) struct Authorities {
    read: Mutex<BTreeMap<PathBuf, (SystemTime, Arc<ClientConfig>)>>,
    anything: Mutex<Option<Arc<ClientConfig>>>,
}

impl Authorities {
    pub(super) async fn config(&self, trust: &HttpTrust) -> Result<Arc<ClientConfig>, String> {
        let path = match trust {
            HttpTrust::Anything => return self.anything(),
            HttpTrust::Authority(path) => PathBuf::from(path),
            HttpTrust::System => {
                let mut known = SYSTEM.iter().map(Path::new);
                let found = known.find(|path| path.exists());
                found.ok_or("the system knows no authorities")?.to_owned()
            }
        };
        let told = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
        let changed = std::fs::metadata(&path).and_then(|file| file.modified());
        let changed = changed.map_err(told)?;
        if let Some((read, config)) = locked(&self.read).get(&path)
            && *read == changed
        {
            return Ok(Arc::clone(config));
        }
        let of_file = path.clone();
        let loaded = tokio::task::spawn_blocking(move || load(&of_file)).await;
        let config = loaded.map_err(|_| "reading authorities broke".to_string())??;
        let kept = (changed, Arc::clone(&config));
        locked(&self.read).insert(path, kept);
        Ok(config)
    }

    fn anything(&self) -> Result<Arc<ClientConfig>, String> {
        let mut kept = locked(&self.anything);
        if let Some(config) = &*kept {
            return Ok(Arc::clone(config));
        }
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anything(provider)))
            .with_no_client_auth();
        let config = Arc::new(config);
        *kept = Some(Arc::clone(&config));
        Ok(config)
    }
}

fn load(path: &Path) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let told =
        |error: &dyn std::fmt::Display| format!("{} cannot be read: {error}", path.display());
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| told(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| told(&error))?;
        // A system's list may hold some that this library does not take.
        let _refused = roots.add(certificate);
    }
    if roots.is_empty() {
        return Err(format!("{} holds no certificate", path.display()));
    }
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Why there is no connection, in words that say what to mend.
pub(super) fn refusal(error: &std::io::Error, trust: &HttpTrust) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    let Some(Error::InvalidCertificate(certificate)) = cause else {
        return format!("no TLS: {}", chain(error));
    };
    match certificate {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired".to_string()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet".to_string()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let names: Vec<&str> = presented.iter().map(|name| plain(name)).collect();
            let names = names.join(", ");
            format!(
                "the certificate is for {names}, not for {}",
                expected.to_str()
            )
        }
        CertificateError::UnknownIssuer => match trust {
            HttpTrust::Authority(path) => {
                format!("the certificate was signed by nobody in {path}")
            }
            HttpTrust::System | HttpTrust::Anything => {
                "the certificate was signed by nobody whom the system knows".to_string()
            }
        },
        CertificateError::BadSignature => {
            "the certificate has a false signature: an authority of the same name made it"
                .to_string()
        }
        // Rare ones, in the words of the library.
        other => format!("the certificate is not accepted: {other}"),
    }
}

/// A name as the library shows it, `DnsName(\"shop\")`, without its shell.
fn plain(name: &str) -> &str {
    let inner = name
        .split_once('(')
        .and_then(|(_, rest)| rest.rsplit_once(')'));
    inner.map_or(name, |(inner, _)| inner).trim_matches('"')
}

/// Takes every certificate, as the person who wrote `insecure = true` wants it. The answer to
/// a check is no secret and no proof.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
