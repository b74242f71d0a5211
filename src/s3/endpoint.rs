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

/// An endpoint for a region: `{region}` filled in.
pub(super) fn filled_in(template: &str, region: &str) -> String {
    template.replace(REGION, region)
}

#[cfg(test)]
mod tests {
    use super::*;

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
