//! The accounts of a job.
//!
//! Responsible for the tables `[accounts.NAME]`. It leaves credentials, and what an endpoint is good
//! for, to those who speak to it. It owns the invariant that a job has at least one account.

use http::Uri;

use super::file::AccountFile;
use super::problem::{Findings, Refusal, Written};
use super::suggest::quoted;
use super::values;

/// One account or store to scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name of its table; `default` in a job without any.
    pub name: String,
    /// An S3-compatible store, or `demo:` with its knobs; `None` is Amazon S3.
    pub endpoint_url: Option<String>,
    /// Home region; `None` is that of the ambient configuration.
    pub region: Option<String>,
    /// Whether buckets are addressed by path rather than by host name.
    pub path_style: bool,
}

impl Account {
    /// All accounts in the order of their names; those with a problem are left out.
    pub(super) fn check_all(tables: &[(Written<String>, AccountFile)], findings: &mut Findings) -> Vec<Self> {
        if tables.is_empty() {
            return vec![Self { name: "default".to_owned(), endpoint_url: None, region: None, path_style: false }];
        }
        let accounts = tables.iter().filter_map(|(name, file)| {
            let name = findings.accept(Some(name), |text: &str| values::name(text));
            let endpoint_url = findings.accept(file.endpoint_url.as_ref(), endpoint_url);
            let region = findings.accept(file.region.as_ref(), region);
            Some(Self {
                name: name?,
                endpoint_url,
                region,
                path_style: file.path_style.as_ref().is_some_and(|flag| flag.value),
            })
        });
        accounts.collect()
    }
}

fn endpoint_url(text: &str) -> Result<String, Refusal> {
    if text.starts_with("demo:") {
        return Ok(text.to_owned());
    }
    let hint = "write `http://HOST:PORT`, `https://HOST` or `demo:`";
    let refusal = || Refusal::new(format!("{} is not the URL of an endpoint", quoted(text)));
    let url: Uri = text.parse().map_err(|_| refusal().hint(hint))?;
    let (Some("http" | "https"), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return Err(refusal().hint(hint));
    };
    if authority.as_str().contains('@') {
        return Err(refusal().hint("credentials do not belong into a job file"));
    }
    // A port out of range would otherwise be taken for none.
    let port = authority.port().map_or_else(String::new, |port| format!(":{port}"));
    let host = authority.host();
    if host.is_empty() || authority.as_str() != format!("{host}{port}") {
        return Err(refusal().hint(hint));
    }
    Ok(text.to_owned())
}

/// Stores name their regions as they like; a region is only kept from breaking host names and paths.
fn region(text: &str) -> Result<String, Refusal> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !text.is_empty() && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    let message = format!("{} is not a region", quoted(text));
    Err(Refusal::new(message).hint("for example `us-east-1`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        for good in [
            "http://127.0.0.1:9000",
            "https://s3.example.com",
            "https://example.com/s3/",
            "http://[::1]:9000",
            "demo:",
            "demo:?objects=5",
        ] {
            assert_eq!(endpoint_url(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "demo",
            "127.0.0.1:9000",
            "s3.example.com",
            "ftp://example.com",
            "http://",
            "http://:9000",
            "http:///x",
            "http://example.com:99999",
            "https://key:secret@example.com",
            "http://exa mple.com",
        ] {
            assert!(endpoint_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn regions() {
        assert!(region("us-east-1").is_ok());
        for bad in ["", "us east", "../x", "é"] {
            assert!(region(bad).is_err(), "{bad}");
        }
    }
}
