//! A store in memory behind the same trait as S3: it writes real list pages, cuts them into frames,
//! and fails on purpose. For tests of the whole scan without a network.

use s3scan::s3::{Cursor, Failure, FailureKind, Lister, PageFault, PageTap};
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

/// What kind of store it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Habit {
    /// As S3.
    #[default]
    Sound,
    /// Does not heed `encoding-type`, and says nothing of it.
    PlainKeys,
    /// Lists in no key order, and only by token: it does not heed `start-after`.
    Unordered,
    /// The same, and every page begins with the last key of the one before.
    Repeating,
    /// Lists in no key order, and refuses `start-after`, as S3 does for directory buckets.
    Directory,
    /// As S3, but lists every key whatever the prefix.
    DeafToPrefixes,
    /// As S3, but in an order that does not tell small letters from capitals, by which it also begins.
    CaseBlind,
}

/// What becomes of those who ask for a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// 403.
    Denied,
    /// 503, always.
    Down,
    /// It is listed in no key order, and only by token, once every request that hangs does.
    Disordered,
    /// The first request is never answered.
    HangsOnce,
    /// No request is ever answered.
    Hangs,
}

/// Buckets by name.
#[derive(Default)]
pub struct MemoryStore {
    pub habit: Habit,
    pub buckets: BTreeMap<String, BTreeMap<String, StoredObject>>,
    /// By bucket and prefix.
    pub traps: BTreeMap<(String, String), Trap>,
    pub page_size: usize,
    /// Bytes in a frame.
    pub frame: usize,
    /// What happens to the requests to come, in turn, over and over.
    pub mishaps: Vec<Option<Mishap>>,
    /// After how many requests everything stops dead.
    pub crash_after: Option<usize>,
    pub crashed: CancellationToken,
    /// No request is answered before so many are in flight at once.
    pub together: usize,
    pub gathered: CancellationToken,
    /// Keys that are there only from this request on.
    pub arrivals: BTreeMap<String, usize>,
    /// What one more key begins with, which has another name after every so many requests.
    pub moving: Option<(&'static str, usize)>,
    /// The bucket and the prefix of every request so far.
    pub asked: Mutex<Vec<(String, String)>>,
}

impl MemoryStore {
    /// How many requests it got.
    pub fn requests(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// How many requests it got for a prefix.
    pub fn requests_for(&self, bucket: &str, prefix: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(name, begin)| (name.as_str(), begin.as_str()) == (bucket, prefix)).count()
    }

    /// Waits until all have been asked for that hang once in a bucket.
    async fn all_hang(&self, bucket: &str) {
        let hang = |((name, _), trap): &(&(String, String), &Trap)| name == bucket && **trap == Trap::HangsOnce;
        for ((_, prefix), _) in self.traps.iter().filter(hang) {
            while self.requests_for(bucket, prefix) == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    fn page(&self, bucket: &str, prefix: &str, cursor: &Cursor, trap: Option<Trap>, number: usize) -> Vec<u8> {
        let mut objects = self.buckets[bucket].clone();
        if let Some((name, requests)) = self.moving {
            let object = StoredObject { size: 1, modified: 1, class: "STANDARD" };
            objects.insert(format!("{name}{:06}", number / requests), object);
        }
        let ordered = !matches!(self.habit, Habit::Unordered | Habit::Repeating | Habit::Directory)
            && trap != Some(Trap::Disordered);
        let deaf = self.habit == Habit::DeafToPrefixes;
        let mut keys: Vec<&String> = objects.keys().filter(|key| deaf || key.starts_with(prefix)).collect();
        keys.retain(|key| self.arrivals.get(*key).is_none_or(|from| number >= *from));
        if !ordered {
            keys.reverse();
        }
        let case_blind = self.habit == Habit::CaseBlind;
        if case_blind {
            keys.sort_by_key(|key| (key.to_lowercase(), *key));
        }
        let begin = match (&cursor.token, &cursor.after) {
            (Some(token), _) => token.strip_prefix("token:").expect("our own token").parse().expect("a number"),
            (None, Some(key)) if ordered => {
                let after = key.as_start_after().expect("a key that can be sent");
                if case_blind {
                    let after = (after.to_lowercase(), after);
                    keys.partition_point(|key| (key.to_lowercase(), key.as_str()) <= after)
                } else {
                    keys.partition_point(|key| key.as_str() <= after)
                }
            }
            _ => 0,
        };
        let end = keys.len().min(begin + self.page_size);
        let truncated = end < keys.len();
        let mut xml = format!("<IsTruncated>{truncated}</IsTruncated>");
        if self.habit != Habit::PlainKeys {
            xml.push_str("<EncodingType>url</EncodingType>");
        }
        if truncated {
            write!(xml, "<NextContinuationToken>token:{end}</NextContinuationToken>").unwrap();
        }
        let repeated = usize::from(self.habit == Habit::Repeating && begin > 0);
        for key in &keys[begin - repeated..end] {
            let object = &objects[*key];
            let encoded = if self.habit == Habit::PlainKeys { escaped(key) } else { url_encoded(key) };
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

fn url_encoded(key: &str) -> String {
    key.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02X}").unwrap();
        text
    })
}

/// As XML text, with control characters as S3 writes them.
fn escaped(key: &str) -> String {
    key.chars().fold(String::new(), |mut text, character| {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            control if control.is_control() => write!(text, "&#x{:x};", u32::from(control)).unwrap(),
            plain => text.push(plain),
        }
        text
    })
}

impl Lister for MemoryStore {
    async fn list_page(
        &self,
        bucket: &str,
        _region: &str,
        prefix: &str,
        cursor: &Cursor,
        tap: PageTap,
    ) -> Result<(), Failure> {
        if self.habit == Habit::Directory && cursor.token.is_none() && cursor.after.is_some() {
            return Err(Failure::local(FailureKind::Refused, "no start-after here".to_owned()));
        }
        let asked_before = self.requests_for(bucket, prefix);
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push((bucket.to_owned(), prefix.to_owned()));
            asked.len()
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
        let sprung = self.traps.get(&(bucket.to_owned(), prefix.to_owned())).copied();
        match sprung {
            Some(Trap::Denied) => return Err(failure(FailureKind::Denied)),
            Some(Trap::Down) => return Err(failure(FailureKind::Transient)),
            Some(Trap::HangsOnce) if asked_before == 0 => std::future::pending().await,
            Some(Trap::Hangs) => std::future::pending().await,
            Some(Trap::Disordered) => self.all_hang(bucket).await,
            _ => {}
        }
        if number >= self.together {
            self.gathered.cancel();
        }
        self.gathered.cancelled().await;
        let body = self.page(bucket, prefix, cursor, sprung, number);
        let sent = if mishap == Some(Mishap::Cut) { body.len() / 2 } else { body.len() };
        tap.sink().begin();
        for frame in body[..sent].chunks(self.frame.max(1)) {
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
fn refused(fault: PageFault) -> Failure {
    let kind = match fault {
        PageFault::Encoding(encoding) => FailureKind::Encoding(encoding),
        _ if fault.is_transient() => FailureKind::Transient,
        _ => FailureKind::Untrusted,
    };
    Failure::local(kind, fault.to_string())
}
