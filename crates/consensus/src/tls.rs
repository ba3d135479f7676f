//! TLS 1.3 with raw public keys (RFC 7250) in both directions: no certificates, no names,
//! no authorities. A node is its Ed25519 key.
//!
//! Two protocols share the port and are told apart by ALPN: that of peers, open to exactly
//! the keys of members, and that of joiners, open to any key but only for one request.
//! Sessions are never resumed, so that each connection proves its key anew.

use std::sync::{Arc, RwLock};

use model::NodeId;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring as provider,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer,
    UnixTime,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme,
};

use crate::keys::{Fingerprint, NodeKey, PUBLIC_KEY_BYTES};

/// ALPN of connections between members.
pub const ALPN_PEER: &[u8] = b"mainstay-peer/1";

/// ALPN of the request to become a member.
pub const ALPN_JOIN: &[u8] = b"mainstay-join/1";

/// What stands in front of an Ed25519 public key in a SubjectPublicKeyInfo (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// The keys of the members, shared with all verifiers; what is removed from it cannot
/// connect any more.
#[derive(Debug, Clone, Default)]
pub struct Members(Arc<RwLock<Vec<Member>>>);

type Member = (NodeId, [u8; PUBLIC_KEY_BYTES]);

impl Members {
    /// Replaces the table.
    pub fn replace(&self, members: Vec<(NodeId, [u8; PUBLIC_KEY_BYTES])>) {
        *self.0.write().expect("no holder of this lock panics") = members;
    }

    /// Whose key this is; none when no member has it.
    #[must_use]
    pub fn owner(&self, key: &[u8; PUBLIC_KEY_BYTES]) -> Option<NodeId> {
        let members = self.0.read().expect("no holder of this lock panics");
        members
            .iter()
            .find(|(_, member)| member == key)
            .map(|(node, _)| *node)
    }
}

/// Which keys of the other side are accepted.
#[derive(Debug, Clone)]
pub enum Accept {
    /// Exactly this one.
    Key([u8; PUBLIC_KEY_BYTES]),
    /// The one with this fingerprint.
    Fingerprint(Fingerprint),
    /// Those of members.
    Members(Members),
    /// Any: the caller gives nothing away before another proof.
    Any,
}

/// The public key inside what a peer has shown; none when it is not an Ed25519 key.
#[must_use]
pub fn public_key(shown: &[u8]) -> Option<[u8; PUBLIC_KEY_BYTES]> {
    shown.strip_prefix(&SPKI_PREFIX)?.try_into().ok()
}

/// Settings of the side that listens, for one of the two protocols.
///
/// # Errors
/// When the TLS library refuses the key.
pub fn server_config(
    key: &NodeKey,
    accept: Accept,
    alpn: &[u8],
) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(provider::default_provider());
    let resolver = AlwaysResolvesServerRawPublicKeys::new(own_key(key, &provider)?);
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(Verifier::new(accept, &provider)))
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![alpn.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Settings of the side that connects.
///
/// # Errors
/// When the TLS library refuses the key.
pub fn client_config(
    key: &NodeKey,
    accept: Accept,
    alpn: &[u8],
) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(provider::default_provider());
    let resolver = AlwaysResolvesClientRawPublicKeys::new(own_key(key, &provider)?);
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier::new(accept, &provider)))
        .with_client_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![alpn.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    Ok(Arc::new(config))
}

/// The name that is connected to. Names mean nothing here: the key is compared.
#[must_use]
pub fn server_name() -> ServerName<'static> {
    ServerName::try_from("mainstay").expect("a valid name")
}

fn own_key(key: &NodeKey, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, Error> {
    let pkcs8 = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8().to_vec()));
    let signer = provider.key_provider.load_private_key(pkcs8)?;
    let spki = [&SPKI_PREFIX[..], &key.public()].concat();
    Ok(Arc::new(CertifiedKey::new(
        vec![CertificateDer::from(spki)],
        signer,
    )))
}

#[derive(Debug)]
struct Verifier {
    accept: Accept,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    fn new(accept: Accept, provider: &CryptoProvider) -> Self {
        Self {
            accept,
            algorithms: provider.signature_verification_algorithms,
        }
    }

    fn check(&self, shown: &CertificateDer<'_>) -> Result<(), Error> {
        let key =
            public_key(shown).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let accepted = match &self.accept {
            Accept::Key(expected) => key == *expected,
            Accept::Fingerprint(expected) => Fingerprint::of(&key) == *expected,
            Accept::Members(members) => members.owner(&key).is_some(),
            Accept::Any => true,
        };
        let refused = CertificateError::ApplicationVerificationFailure;
        if accepted {
            Ok(())
        } else {
            Err(Error::InvalidCertificate(refused))
        }
    }

    fn check_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let spki = SubjectPublicKeyInfoDer::from(shown.as_ref());
        verify_tls13_signature_with_raw_key(message, &spki, signature, &self.algorithms)
    }
}

/// TLS 1.2 is never spoken; rustls asks all the same.
fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
