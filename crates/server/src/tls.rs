//! TLS towards HTTP endpoints: whom to believe, and which certificate to show.

use std::sync::{Arc, OnceLock};

use gateway::execution::ClientCertificate;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// A configuration that believes nobody, for connections without TLS.
pub fn none() -> ClientConfig {
    builder().with_root_certificates(RootCertStore::empty()).with_no_client_auth()
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>;

fn builder() -> Builder {
    // The provider has every protocol version, so that this never falls back.
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| ClientConfig::builder())
}

/// A configuration.
///
/// # Errors
/// Why there is none, for the execution log.
pub fn config(any_issuer: bool, certificate: Option<&ClientCertificate>) -> Result<ClientConfig, String> {
    let builder = if any_issuer {
        builder().dangerous().with_custom_certificate_verifier(Arc::new(AnyIssuer(ring::default_provider())))
    } else {
        builder().with_root_certificates(roots()?)
    };
    let Some(certificate) = certificate else { return Ok(builder.with_no_client_auth()) };
    let broken =
        |e: &dyn std::fmt::Display| format!("the client certificate {} cannot be used: {e}", certificate.id);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.pem.as_bytes()).collect();
    let key =
        PrivateKeyDer::from_pem_slice(certificate.private_key_pem.as_bytes()).map_err(|e| broken(&e))?;
    builder.with_client_auth_cert(chain.map_err(|e| broken(&e))?, key).map_err(|e| broken(&e))
}

/// The issuers that this machine believes (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others), read once.
fn roots() -> Result<Arc<RootCertStore>, String> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(store)
    });
    if roots.is_empty() {
        return Err("this machine has no root certificates: install its package ca-certificates, or name a file with \
                    the environment variable SSL_CERT_FILE"
            .to_owned());
    }
    Ok(roots.clone())
}

/// The ways of a certificate not to be valid now.
macro_rules! out_of_date {
    () => {
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    };
}

/// A TLS error in API Gateway's words, where they are known (knowledge centre, "500 errors of VPC links"; General
/// SSLEngine problem: published by many for issuers that are not believed).
pub fn log_text(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!("Host name does not match the certificate subject provided by the peer ({error})"),
        _ => format!("General SSLEngine problem ({error})"),
    }
}

/// `insecureSkipVerification`: any issuer is believed; the certificate's dates and the host's name are checked all the
/// same (API reference, TlsConfig: "API Gateway still performs basic certificate validation, which includes checking the
/// certificate's expiration date, hostname, and presence of a root certificate authority").
#[derive(Debug)]
struct AnyIssuer(CryptoProvider);

impl ServerCertVerifier for AnyIssuer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_name(&certificate, name)?;
        // Nobody is believed here, so this always fails: with the certificate's dates before anything else.
        let known = self.0.signature_verification_algorithms.all;
        let none = RootCertStore::empty();
        let dates = verify_server_cert_signed_by_trust_anchor(&certificate, &none, &[], now, known);
        if let Err(error @ Error::InvalidCertificate(out_of_date!())) = dates {
            return Err(error);
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
