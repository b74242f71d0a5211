//! A store in memory behind the same trait as S3: it writes real list pages, cuts them into frames,
//! and fails on purpose. For tests of the whole scan without a network.

use s3scan::s3::{Cursor, Failure, FailureKind, Lister, PageTap};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// An object: size, `LastModified` in seconds from the epoch, storage class.
#[derive(Clone, Debug)]
pub struct StoredObject {
    pub size: u64,
    pub modified: i64,
    pub class: &'static str,
}

/// How a request goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// 503 before anything is sent.
    SlowDown,
    /// 500 before anything is sent.
    Internal,
    /// The body ends in the middle.
    Cut,
    /// The whole body arrives, and then the attempt fails.
    Late,
}

/// Buckets by name.
pub struct MemoryStore {
    pub buckets: BTreeMap<String, BTreeMap<String, StoredObject>>,
    pub page_size: usize,
    /// Bytes in a frame.
    pub frame: usize,
    /// What happens to the requests to come, in turn, over and over.
    pub mishaps: Vec<Option<Mishap>>,
    /// After how many requests everything stops dead.
    pub crash_after: Option<usize>,
    pub crashed: CancellationToken,
    pub requests: Mutex<usize>,
}

impl MemoryStore {
    fn page(&self, bucket: &str, cursor: &Cursor) -> Vec<u8> {
        let objects = &self.buckets[bucket];
        let after = match (&cursor.token, &cursor.after) {
            (Some(token), _) => Some(token.strip_prefix("token:").expect("our own token").to_owned()),
            (None, Some(key)) => Some(key.as_start_after().expect("a key that can be sent").to_owned()),
            (None, None) => None,
        };
        let behind = objects.iter().filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
        let mut listed: Vec<_> = behind.take(self.page_size + 1).collect();
        let truncated = listed.len() > self.page_size;
        listed.truncate(self.page_size);
        let mut xml = format!("<EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated>");
        if truncated {
            let token = listed.last().map_or("", |(key, _)| key.as_str());
            let escaped = token.replace('&', "&amp;").replace('<', "&lt;");
            write!(xml, "<NextContinuationToken>token:{escaped}</NextContinuationToken>").unwrap();
        }
        for (key, object) in listed {
            let encoded = key.bytes().fold(String::new(), |mut text, byte| {
                write!(text, "%{byte:02X}").unwrap();
                text
            });
            let modified = jiff::Timestamp::from_second(object.modified).unwrap();
            write!(
                xml,
                "<Contents><Key>{encoded}</Key><LastModified>{modified}</LastModified><ETag>&quot;e&quot;</ETag>\
                 <Size>{}</Size><StorageClass>{}</StorageClass></Contents>",
                object.size, object.class
            )
            .unwrap();
        }
        xml.push_str("</ListBucketResult>");
        xml.into_bytes()
    }
}

impl Lister for MemoryStore {
    async fn list_page(&self, bucket: &str, _region: &str, cursor: &Cursor, tap: PageTap) -> Result<(), Failure> {
        let number = {
            let mut requests = self.requests.lock().unwrap();
            *requests += 1;
            *requests
        };
        if self.crash_after.is_some_and(|crash| number > crash) {
            self.crashed.cancel();
            std::future::pending::<()>().await;
        }
        let mishap = if self.mishaps.is_empty() { None } else { self.mishaps[(number - 1) % self.mishaps.len()] };
        let failure = |kind| Failure { status: Some(503), ..Failure::local(kind, "on purpose".to_owned()) };
        match mishap {
            Some(Mishap::SlowDown) => return Err(failure(FailureKind::Throttled)),
            Some(Mishap::Internal) => return Err(failure(FailureKind::Transient)),
            _ => {}
        }
        let body = self.page(bucket, cursor);
        let sent = if mishap == Some(Mishap::Cut) { body.len() / 2 } else { body.len() };
        tap.sink().begin();
        for frame in body[..sent].chunks(self.frame) {
            tap.sink().feed(frame).map_err(refused)?;
            tokio::task::yield_now().await;
        }
        tap.sink().finish().map_err(refused)?;
        if mishap == Some(Mishap::Late) {
            return Err(failure(FailureKind::Transient));
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn refused(fault: s3scan::s3::PageFault) -> Failure {
    let kind = if fault.is_transient() { FailureKind::Transient } else { FailureKind::Untrusted };
    Failure::local(kind, fault.to_string())
}
