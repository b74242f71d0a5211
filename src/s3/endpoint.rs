//! Whose endpoint it is.
//!
//! Owns what counts as an endpoint of AWS: it has a service that tells identities, and its requests
//! cost what AWS says.

/// What stands for the region in an address.
pub(super) const REGION: &str = "{region}";

/// Whether requests go to AWS: no endpoint of its own, or one of AWS's, such as that of a VPC.
#[must_use]
pub fn is_aws(endpoint_url: Option<&str>) -> bool {
    let Some(url) = endpoint_url else {
        return true;
    };
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default().to_ascii_lowercase();
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].into_iter().any(|domain| host.ends_with(domain))
}

/// An endpoint for a region: `{region}` filled in. A path ends with a slash, or the SDK would run the
/// name of the bucket into its last part.
pub(super) fn filled_in(template: &str, region: &str) -> String {
    let mut url = template.replace(REGION, region);
    if url.split_once("://").is_some_and(|(_, rest)| rest.contains('/') && !rest.ends_with('/')) {
        url.push('/');
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_filled_in() {
        for (template, url) in [
            (
                "https://bucket.vpce-1.s3.{region}.vpce.amazonaws.com",
                "https://bucket.vpce-1.s3.eu-1.vpce.amazonaws.com",
            ),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("http://127.0.0.1:9000/", "http://127.0.0.1:9000/"),
            ("http://127.0.0.1:9000/at/{region}", "http://127.0.0.1:9000/at/eu-1/"),
        ] {
            assert_eq!(filled_in(template, "eu-1"), url);
        }
    }

    #[test]
    fn endpoints_of_aws() {
        for endpoint in [
            None,
            Some("https://bucket.vpce-1a2b.s3.{region}.vpce.amazonaws.com"),
            Some("https://s3.cn-north-1.amazonaws.com.cn:443/x"),
        ] {
            assert!(is_aws(endpoint), "{endpoint:?}");
        }
        for endpoint in
            ["demo:", "http://127.0.0.1:9000", "https://amazonaws.com.example.com", "https://x.test/.amazonaws.com"]
        {
            assert!(!is_aws(Some(endpoint)), "{endpoint}");
        }
    }
}
