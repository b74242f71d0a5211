//! Which buckets an account has, and in which regions they live. Each function is one attempt at
//! one request.

use super::failure::{Failure, FailureKind};
use super::store::Store;

/// A bucket an account listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundBucket {
    /// The name as the store gave it: never to be trusted as part of a path.
    pub name: String,
    /// Its region, where the store says it.
    pub region: Option<String>,
}

/// One page of an account's buckets.
#[derive(Clone, Debug, Default)]
pub struct BucketPage {
    /// The buckets of this page.
    pub buckets: Vec<FoundBucket>,
    /// Where to go on; `None` on the last page.
    pub next_token: Option<String>,
}

/// Buckets asked for per request. S3 names regions and pages its answer only when asked so
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html>).
pub const BUCKETS_PER_PAGE: usize = MAX_BUCKETS.unsigned_abs() as usize;

/// The same as S3's parameter `max-buckets`.
const MAX_BUCKETS: i32 = 1000;

/// Whether a bucket is one of S3 Express One Zone, which are known by their names
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-naming-rules.html>). They
/// keep no order and know no `start-after`.
#[must_use]
pub fn is_directory_bucket(name: &str) -> bool {
    name.ends_with("--x-s3")
}

/// A failure to an answer without a document, as those to `HEAD` are, in the words that S3 has for it
/// where it may say them: so that it reads the same whoever meets it.
fn worded(failure: Failure) -> Failure {
    let (kind, code, message) = match (&failure.kind, failure.status) {
        (FailureKind::Missing | FailureKind::Refused, Some(404)) => {
            (FailureKind::Missing, "NoSuchBucket", "The specified bucket does not exist")
        }
        (FailureKind::Denied, _) => (FailureKind::Denied, "AccessDenied", "Access Denied"),
        _ => return failure,
    };
    Failure { kind, code: Some(code.to_owned()), message: message.to_owned(), ..failure }
}

impl Store {
    /// Lists a page of the account's buckets: paged from `token` on, or, with `paged` false, as one
    /// plain answer for stores that cut the page but give no token.
    ///
    /// # Errors
    /// The classified failure of this one attempt.
    pub async fn list_buckets(&self, paged: bool, token: Option<&str>) -> Result<BucketPage, Failure> {
        let region = self.home_region();
        let turn = self.turn().await?;
        let mut request = self.client(&turn.session, &region).list_buckets();
        if paged {
            request = request.max_buckets(MAX_BUCKETS).set_continuation_token(token.map(str::to_owned));
        }
        let answer = request.send().await.map_err(|error| Failure::from_sdk(&error));
        let answer = self.learn(None, &region, self.sessions.heed(turn, answer).await)?;
        let found = |bucket: &aws_sdk_s3::types::Bucket| {
            let name = bucket.name()?.to_owned();
            Some(FoundBucket { name, region: bucket.bucket_region().map(str::to_owned) })
        };
        Ok(BucketPage {
            buckets: answer.buckets().iter().filter_map(found).collect(),
            next_token: answer.continuation_token().filter(|token| !token.is_empty()).map(str::to_owned),
        })
    }

    /// Asks for a bucket's region. S3 names it in a header whatever the permissions, so that a
    /// refusal may well carry the answer.
    ///
    /// # Errors
    /// The classified failure, where the answer names no region.
    pub async fn bucket_region(&self, bucket: &str) -> Result<Option<String>, Failure> {
        let home = self.home_region();
        let turn = self.turn().await?;
        let sent = self
            .client(&turn.session, &home)
            .head_bucket()
            .bucket(bucket)
            .set_expected_bucket_owner(self.expected_owner(bucket))
            .send()
            .await;
        let answer = match sent {
            Ok(answer) => Ok(answer.bucket_region().map(str::to_owned)),
            Err(error) => {
                if let Some(region) = error.raw_response().and_then(|raw| raw.headers().get("x-amz-bucket-region")) {
                    return Ok(Some(region.to_owned()));
                }
                Err(worded(Failure::from_sdk(&error)))
            }
        };
        self.sessions.heed(turn, answer).await.map_err(|failure| self.advised(failure))
    }
}
