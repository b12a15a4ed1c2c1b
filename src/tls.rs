//! Whom this computer trusts, for every connection that is made from here.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// TLS that believes what the certificates of this computer vouch for.
pub(crate) fn trusting_this_computer() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    // Without any, every https address fails with a sentence on its certificate; plain http needs none.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
