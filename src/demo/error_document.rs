//! Error answers in S3's form.
//!
//! Responsible for the documents that the endpoint writes itself, apart from those of s3s. It
//! leaves when to answer with one to `service` and `server`. Invariant: status, code and message
//! belong together as in S3's list of error responses.

use http::StatusCode;

use super::encoding::xml_text;

/// An error as S3 answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ErrorDocument {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
}

pub(super) const ACCESS_DENIED: ErrorDocument =
    ErrorDocument { status: StatusCode::FORBIDDEN, code: "AccessDenied", message: "Access Denied" };

pub(super) const NO_SUCH_BUCKET: ErrorDocument = ErrorDocument {
    status: StatusCode::NOT_FOUND,
    code: "NoSuchBucket",
    message: "The specified bucket does not exist",
};

pub(super) const INVALID_ARGUMENT: ErrorDocument =
    ErrorDocument { status: StatusCode::BAD_REQUEST, code: "InvalidArgument", message: "Invalid Argument" };

pub(super) const INTERNAL_ERROR: ErrorDocument = ErrorDocument {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    code: "InternalError",
    message: "We encountered an internal error. Please try again.",
};

pub(super) const SLOW_DOWN: ErrorDocument = ErrorDocument {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "SlowDown",
    message: "Please reduce your request rate.",
};

pub(super) const EXPIRED_TOKEN: ErrorDocument =
    ErrorDocument { status: StatusCode::BAD_REQUEST, code: "ExpiredToken", message: "The provided token has expired." };

pub(super) const UNKNOWN_KEY: ErrorDocument = ErrorDocument {
    status: StatusCode::FORBIDDEN,
    code: "InvalidAccessKeyId",
    message: "The AWS Access Key Id you provided does not exist in our records.",
};

pub(super) const PERMANENT_REDIRECT: ErrorDocument = ErrorDocument {
    status: StatusCode::MOVED_PERMANENTLY,
    code: "PermanentRedirect",
    message: "The bucket you are attempting to access must be addressed using the specified endpoint.",
};

pub(super) const WRONG_REGION: ErrorDocument = ErrorDocument {
    status: StatusCode::BAD_REQUEST,
    code: "AuthorizationHeaderMalformed",
    message: "The authorization header is malformed; the region is wrong",
};

impl ErrorDocument {
    pub(super) fn xml(&self) -> Vec<u8> {
        self.xml_naming(None)
    }

    /// The document, naming the region to ask in.
    pub(super) fn xml_naming(&self, region: Option<&str>) -> Vec<u8> {
        let mut xml = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>".to_vec();
        xml_text(self.code.as_bytes(), &mut xml);
        xml.extend_from_slice(b"</Code><Message>");
        xml_text(self.message.as_bytes(), &mut xml);
        xml.extend_from_slice(b"</Message>");
        if let Some(region) = region {
            xml.extend_from_slice(b"<Region>");
            xml_text(region.as_bytes(), &mut xml);
            xml.extend_from_slice(b"</Region>");
        }
        xml.extend_from_slice(b"</Error>");
        xml
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document() {
        assert_eq!(
            String::from_utf8(SLOW_DOWN.xml()).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>SlowDown</Code>\
             <Message>Please reduce your request rate.</Message></Error>"
        );
    }
}
