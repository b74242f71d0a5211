//! The HTTP client that all accounts of a run share: whom it trusts, and through which proxy it goes.
//!
//! The SDK heeds neither `AWS_CA_BUNDLE` nor the variables of proxies where the client is not its own.
//! Owns that a bundle which cannot be used is an error of whoever needs it, and never a panic of the
//! TLS library.

use super::connector::ScanningClient;
use super::failure::{Failure, FailureKind, UNUSABLE_BUNDLE};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::os_shim_internal::Env;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Names a file of certificates to trust instead of the system's, as the AWS tools take it.
const BUNDLE: &str = "AWS_CA_BUNDLE";
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The way to the stores.
#[derive(Clone, Debug)]
pub struct Network {
    /// Sends what has nothing to be scanned, such as what credentials are asked for with.
    pub(super) plain: SharedHttpClient,
    /// Sends requests to S3.
    pub(super) scanning: SharedHttpClient,
    refused: Option<Failure>,
}

impl Network {
    /// The way that the environment says: `AWS_CA_BUNDLE`, `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
    /// `NO_PROXY`. Nothing is connected yet.
    #[must_use]
    pub fn of_environment() -> Self {
        let bundle = Env::real().get(BUNDLE).ok().filter(|path| !path.is_empty());
        let (trusted, refused) = match bundle.as_deref().map(certificates) {
            None => (TrustStore::default(), None),
            Some(Ok(trusted)) => {
                let add = |store: TrustStore, certificate: String| store.with_pem_certificate(certificate);
                (trusted.into_iter().fold(TrustStore::empty(), add), None)
            }
            Some(Err(failure)) => (TrustStore::default(), Some(failure)),
        };
        Self::through(ProxyConfig::from_env(), trusted, refused)
    }

    /// The way to what is on this machine: through no proxy.
    #[must_use]
    pub fn direct() -> Self {
        Self::through(ProxyConfig::disabled(), TrustStore::default(), None)
    }

    fn through(proxies: ProxyConfig, trusted: TrustStore, refused: Option<Failure>) -> Self {
        let plain = client(proxies, trusted);
        let scanning = SharedHttpClient::new(ScanningClient::new(plain.clone()));
        Self { plain, scanning, refused }
    }

    /// Why nothing can be asked this way.
    pub(super) fn refused(&self) -> Option<&Failure> {
        self.refused.as_ref()
    }
}

fn client(proxies: ProxyConfig, trusted: TrustStore) -> SharedHttpClient {
    // A context without other settings is always a sound one.
    let tls = TlsContext::builder().with_trust_store(trusted).build().unwrap_or_default();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder().proxy_config(proxies.clone());
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls.clone()).build()
    })
}

/// The certificates of a bundle that can be used, each as the text it has there. A system's bundle may
/// hold some that are too odd for the TLS library; one that holds no other is an error.
fn certificates(path: &str) -> Result<Vec<String>, Failure> {
    let refusal = |why: String| {
        let message = format!("the certificates of {BUNDLE}, `{path}`, cannot be used: {why}");
        Failure { code: Some(UNUSABLE_BUNDLE.to_owned()), ..Failure::local(FailureKind::Identity, message) }
    };
    let text = std::fs::read(path).map_err(|error| refusal(error.to_string()))?;
    let mut odd = "there is none in it".to_owned();
    let mut good = Vec::new();
    for section in String::from_utf8_lossy(&text).split_inclusive(END) {
        let Some((_, section)) = section.split_once(BEGIN) else {
            continue;
        };
        let section = format!("{BEGIN}{section}");
        let known = CertificateDer::from_pem_slice(section.as_bytes()).map_err(|error| error.to_string());
        match known.and_then(|known| RootCertStore::empty().add(known).map_err(|error| error.to_string())) {
            Ok(()) => good.push(section),
            Err(why) => odd = why,
        }
    }
    if good.is_empty() { Err(refusal(odd)) } else { Ok(good) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_bundle_that_is_no_bundle_is_told() {
        let told = |text: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let failure = certificates(file.path().to_str().unwrap()).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Identity);
            failure.message
        };
        assert!(told("").ends_with("there is none in it"));
        assert!(told("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n").contains("cannot be used"));
        assert!(told("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").contains("cannot be used"));
        assert!(certificates("/nowhere/at/all.pem").unwrap_err().message.contains("No such file"));
    }
}
