//! Who may ask: the access key of the endpoint, and those that expire, with one secret.
//!
//! Responsible for the secret behind an access key. It leaves checking signatures to s3s.
//! Invariant: an unknown access key is refused with the code that S3 uses for it.

use std::pin::Pin;

use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3ErrorCode, S3Result};

use super::gate::Term;
use super::{ACCESS_KEY, SECRET_KEY};

pub(super) struct KnownKeys;

impl S3Auth for KnownKeys {
    fn get_secret_key<'life0, 'life1, 'async_trait>(
        &'life0 self,
        access_key: &'life1 str,
    ) -> Pin<Box<dyn Future<Output = S3Result<SecretKey>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        'life1: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            if access_key == ACCESS_KEY || Term::of(access_key).is_some() {
                Ok(SecretKey::from(SECRET_KEY))
            } else {
                Err(S3Error::with_message(
                    S3ErrorCode::InvalidAccessKeyId,
                    "The AWS Access Key Id you provided does not exist in our records.",
                ))
            }
        })
    }
}
