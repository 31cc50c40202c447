//! TLS settings: which roots are trusted. TLS 1.2 and 1.3, no client certificate, no early data.

use crate::client::ConfigError;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;

/// Which certificate authorities are trusted.
#[derive(Clone, Debug)]
pub enum Roots {
    /// Mozilla's list, as of this build.
    Mozilla,
    /// Only these, each one certificate in DER: a private authority.
    Only(Vec<Vec<u8>>),
}

pub(crate) fn client_config(roots: &Roots) -> Result<Arc<rustls::ClientConfig>, ConfigError> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::Mozilla => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Roots::Only(certificates) => {
            for certificate in certificates {
                store.add(CertificateDer::from(certificate.clone())).map_err(|_| ConfigError::Roots)?;
            }
        }
    }
    if store.is_empty() {
        return Err(ConfigError::Roots);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| ConfigError::Tls)?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.enable_early_data = false;
    Ok(Arc::new(config))
}
