//! The address of a store.
//!
//! Responsible for which addresses there can be. It owns the invariant that no credentials stand in a
//! job file.

use http::Uri;
use serde_json::{Value as Json, json};

use super::problem::Refusal;
use super::read::{Found, Readable};
use super::suggest::quoted;

/// What stands for the region in a template.
const REGION: &str = "{region}";

/// The URL of a store, or `demo:` with knobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EndpointUrl(pub(super) String);

impl EndpointUrl {
    /// Whether it is the synthetic store.
    pub(super) fn is_demo(&self) -> bool {
        self.0.starts_with("demo:")
    }
}

impl Readable for EndpointUrl {
    fn read(found: &mut Found<'_>) -> Result<Self, Refusal> {
        endpoint_url(&found.string("a string")?).map(Self)
    }

    fn schema() -> Json {
        json!({ "type": "string", "pattern": "^(https?://[^/?#@]+([/?#]|$)|demo:)" })
    }
}

fn endpoint_url(text: &str) -> Result<String, Refusal> {
    if text.starts_with("demo:") {
        return Ok(text.to_owned());
    }
    let hint = "write `http://HOST:PORT`, `https://HOST` or `demo:`";
    let refusal = || Refusal::new(format!("{} is not the URL of an endpoint", quoted(text)));
    let url: Uri = text.replace(REGION, "us-east-1").parse().map_err(|_| refusal().hint(hint))?;
    let (Some("http" | "https"), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return Err(refusal().hint(hint));
    };
    if authority.as_str().contains('@') {
        // Not repeated: messages are logged.
        let refusal = Refusal::new("the URL of the endpoint holds credentials");
        return Err(refusal.hint("credentials do not belong into a job file: use `profile`"));
    }
    // A port out of range would otherwise be taken for none.
    let port = authority.port().map_or_else(String::new, |port| format!(":{port}"));
    let host = authority.host();
    if host.is_empty() || authority.as_str() != format!("{host}{port}") {
        return Err(refusal().hint(hint));
    }
    Ok(text.to_owned())
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
            "https://bucket.vpce-1a2b.s3.{region}.vpce.amazonaws.com",
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
            "https://{zone}.example.com",
            "http://exa mple.com",
        ] {
            assert!(endpoint_url(bad).is_err(), "{bad}");
        }
    }
}
