//! Events as log records.
//!
//! Owns the levels: `error` an account is lost, `warn` something did not go as asked, `info` the
//! course of the run and what became of each bucket, `debug` each bucket's beginning, each page, each
//! failed request and what is done about it. Nothing is logged per object. Names and reasons are
//! fields, which escape their control characters.
//!
//! A failed request is told once. Where it is the last word on a bucket or an account, it is their
//! record that says why, with the ids of the request. Buckets that stopping left unfinished are told
//! together, by the closing table.

use super::record::RunTag;
use crate::event::{BucketLabel, Effort, Event, FailedAttempt, RunCounts, Subject, Verdict};
use std::collections::HashMap;
use tracing::{debug, error, info, warn};

/// Makes records of events.
#[derive(Debug)]
pub struct Journal {
    /// To be told the run's id.
    tag: RunTag,
    /// Requests that failed for good, until it is told what that means for whom they were for.
    last: HashMap<Subject, FailedAttempt>,
}

impl Journal {
    /// A journal that tells `tag` the run's id when it is known.
    #[must_use]
    pub fn new(tag: RunTag) -> Self {
        Self { tag, last: HashMap::new() }
    }

    /// Logs an event.
    pub fn record(&mut self, event: &Event) {
        match event {
            Event::RunStarted { job, run, resumed, buckets, finished, counts, folder, .. } => {
                let folder = folder.to_string_lossy();
                let (folder, objects) = (folder.as_ref(), counts.objects);
                let message = if *resumed { "run resumed" } else { "run started" };
                info!(job, run, buckets, finished, objects, folder, "{message}");
                self.tag.set(Some(run));
            }
            Event::AttemptFailed(failed) => self.failed(failed),
            Event::AccountFailed { account, reason, hint } => {
                let failed = self.last.remove(&Subject::Account(account.as_str().into()));
                let (attempt, most, request_id, host_id) = details(failed.as_ref());
                let hint = hint.as_deref();
                error!(
                    account,
                    reason,
                    hint,
                    attempt,
                    max_attempts = most,
                    request_id,
                    host_id,
                    "account cannot be used"
                );
            }
            Event::BucketEnded { label, verdict, reason, objects, rows, files, .. } => {
                let failed = self.last.remove(&Subject::Bucket(label.clone()));
                let (account, bucket) = (&*label.account, &*label.bucket);
                match verdict {
                    Verdict::Complete => info!(account, bucket, objects, rows, files, "bucket complete"),
                    Verdict::Interrupted => debug!(account, bucket, objects, rows, "bucket interrupted"),
                    _ => ended(label, *verdict, reason.as_deref(), *objects, failed.as_ref()),
                }
            }
            Event::BucketStarted { bucket: place, label, objects } => {
                // Asking for its region failed, which was not the last word on it.
                self.last.remove(&Subject::Bucket(label.clone())).iter().for_each(log_failed);
                debug!(place, account = &*label.account, bucket = &*label.bucket, objects, "bucket started");
            }
            Event::OrderLost { label, reason, .. } => {
                self.last.remove(&Subject::Bucket(label.clone()));
                let (account, bucket) = (&*label.account, &*label.bucket);
                warn!(account, bucket, reason, "bucket not listed in key order, starting over without relying on it");
            }
            other => log(other),
        }
    }

    fn failed(&mut self, failed: &FailedAttempt) {
        // Of several failures of a bucket the first decides what becomes of it.
        if failed.wait.is_none() && !self.last.contains_key(&failed.subject) {
            self.last.insert(failed.subject.clone(), failed.clone());
        } else {
            log_failed(failed);
        }
    }
}

fn log_failed(failed: &FailedAttempt) {
    let FailedAttempt { subject, attempt, max_attempts, reason, ids, wait, .. } = failed;
    let (request_id, host_id) = (ids.request.as_deref(), ids.host.as_deref());
    let wait_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let message = if wait.is_some() { "request failed, will be repeated" } else { "request failed for good" };
    let (account, bucket) = match subject {
        Subject::Account(account) => (&**account, None),
        Subject::Bucket(label) => (&*label.account, Some(&*label.bucket)),
    };
    debug!(account, bucket, reason, attempt, max_attempts, wait_ms, request_id, host_id, "{message}");
}

/// Attempts made and allowed, and the ids of the request.
fn details(failed: Option<&FailedAttempt>) -> (Option<u32>, Option<u32>, Option<&str>, Option<&str>) {
    let ids = failed.map(|failed| &failed.ids);
    (
        failed.map(|failed| failed.attempt),
        failed.map(|failed| failed.max_attempts),
        ids.and_then(|ids| ids.request.as_deref()),
        ids.and_then(|ids| ids.host.as_deref()),
    )
}

/// A bucket that could not be listed to its end.
fn ended(label: &BucketLabel, verdict: Verdict, reason: Option<&str>, objects: u64, failed: Option<&FailedAttempt>) {
    let (account, bucket) = (&*label.account, &*label.bucket);
    let (attempt, max_attempts, request_id, host_id) = details(failed);
    warn!(account, bucket, reason, objects, attempt, max_attempts, request_id, host_id, "bucket {verdict}");
}

/// Events that are told as they are.
fn log(event: &Event) {
    match event {
        Event::DemoStarted { account, url } => info!(account, url, "demo endpoint started"),
        Event::AccountIdentified { account, account_id: Some(account_id), arn } => {
            info!(account, account_id, arn, "account identified");
        }
        Event::AccountIdentified { account, account_id: None, .. } => {
            info!(account, "account not identified: its store does not tell whose the credentials are");
        }
        Event::CredentialsRenewed { subject } => {
            let account = match subject {
                Subject::Account(account) | Subject::Bucket(BucketLabel { account, .. }) => &**account,
            };
            info!(account, "the store found the credentials over before their end; new ones were fetched");
        }
        Event::AccountDiscovered { account, found, selected } => {
            info!(account, found, selected, "account discovered");
        }
        Event::RunDropped { run, folder, buckets, objects } => {
            let folder = folder.to_string_lossy();
            let (dropped, folder) = (run, folder.as_ref());
            info!(dropped, folder, buckets, objects, "unfinished run dropped with its parts; its files stay");
        }
        Event::StateDropped { reason } => warn!(reason, "unfinished run dropped unread"),
        Event::HistoryIgnored { reason } => warn!(reason, "what earlier runs learnt is not used"),
        Event::FilesMadeAgain { label, reason, .. } => {
            let (account, bucket) = (&*label.account, &*label.bucket);
            warn!(account, bucket, reason, "published files were removed or changed meanwhile, made again");
        }
        Event::PageListed { bucket, objects, rows, effort, ranges } if effort.requests > 0 => {
            debug!(place = bucket, objects, rows, requests = effort.requests, ranges, "page listed");
        }
        Event::RangeSplit { label, range, child, cut, keys, ranges, .. } => {
            let (account, bucket) = (&*label.account, &*label.bucket);
            debug!(account, bucket, range, child, cut, keys, ranges, "range split");
        }
        Event::SeamHolds { label, seam } => {
            let (account, bucket) = (&*label.account, &*label.bucket);
            debug!(account, bucket, seam, "keys changed where two ranges meet; both sides agree now");
        }
        Event::PaceFell { label, rate, cause } => {
            let (account, bucket) = (&*label.account, &*label.bucket);
            debug!(account, bucket, requests_per_second = %format_args!("{rate:.1}"), "{cause}: asking more slowly");
        }
        Event::StopRequested { signal: "SIGINT" } => {
            warn!("stopping, pages in flight may still arrive (Ctrl-C again to end at once)");
        }
        Event::StopRequested { signal } => {
            warn!(signal, "stopping, pages in flight may still arrive (a signal again to end at once)");
        }
        Event::LimitReached(limit) => warn!("{limit}; stopping, pages in flight may still arrive"),
        Event::RunEnded { exit_code, counts } => {
            let Effort { requests, retries, throttles, empty: empty_requests, splits, most_at_once, .. } =
                counts.effort;
            let RunCounts { objects, rows, files, .. } = *counts;
            info!(
                exit_code,
                objects, rows, files, requests, retries, throttles, empty_requests, splits, most_at_once, "run ended"
            );
        }
        // A worker that was stopped before it asked for anything has listed no page; the others are told
        // above, for they need to be remembered.
        Event::PageListed { .. }
        | Event::RunStarted { .. }
        | Event::AttemptFailed(_)
        | Event::AccountFailed { .. }
        | Event::BucketStarted { .. }
        | Event::OrderLost { .. }
        | Event::BucketEnded { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::console::tests::{captured, text};
    use super::super::console::{Console, Progress};
    use super::super::logging::{LogOptions, subscriber};
    use super::*;
    use crate::event::{Billed, ReachedLimit, RequestIds};
    use crate::job::{LogFormat, LogLevel};
    use std::time::Duration;
    use tracing::subscriber::with_default;

    fn label() -> BucketLabel {
        BucketLabel { account: "prod".into(), bucket: "lo\ngs\u{1b}[2J".into() }
    }

    fn ended(verdict: Verdict, reason: Option<&str>) -> Event {
        let reason = reason.map(str::to_owned);
        Event::BucketEnded { bucket: 0, label: label(), verdict, reason, objects: 7, rows: 5, files: 1 }
    }

    fn failed(subject: Subject, reason: &str, wait: Option<Duration>) -> Event {
        Event::AttemptFailed(FailedAttempt {
            subject,
            attempt: 2,
            max_attempts: 10,
            throttled: false,
            reason: reason.to_owned(),
            ids: RequestIds { request: Some("4442587FB7D0A2F9".to_owned()), host: Some("Uuag1LuByR=".to_owned()) },
            wait,
        })
    }

    fn started() -> Event {
        Event::BucketStarted { bucket: 0, label: label(), objects: 0 }
    }

    fn run_started() -> Event {
        Event::RunStarted {
            job: "job".to_owned(),
            run: "20261122T114500Z".to_owned(),
            resumed: true,
            buckets: 40,
            finished: 12,
            counts: RunCounts { objects: 99, ..RunCounts::default() },
            expected: None,
            billed: Billed::default(),
            folder: "data/job/20261122T114500Z".into(),
        }
    }

    fn run_ended() -> Event {
        let effort = Effort { requests: 9, retries: 2, throttles: 1, ..Effort::default() };
        Event::RunEnded { exit_code: 3, counts: RunCounts { objects: 106, rows: 50, files: 13, effort } }
    }

    /// What the console is told of these events, without the times.
    fn told(level: LogLevel, events: &[Event]) -> String {
        let (console, written) = captured(Progress::None);
        log_to(&console, level, events);
        let written = text(&written);
        written.lines().map(|line| line[8..].trim_start()).collect::<Vec<_>>().join("\n")
    }

    fn log_to(console: &Console, level: LogLevel, events: &[Event]) {
        let (subscriber, guard) = subscriber(&LogOptions { level, format: LogFormat::Text, file: None }, console);
        with_default(subscriber, || {
            let mut journal = Journal::new(guard.tag());
            for event in events {
                journal.record(event);
            }
        });
    }

    #[test]
    fn levels_mean_something() {
        let bucket = || Subject::Bucket(label());
        let events = [
            Event::DemoStarted { account: "demo".to_owned(), url: "http://127.0.0.1:9000".to_owned() },
            Event::RunDropped { run: "R0".to_owned(), folder: "data/job/R0".into(), buckets: 2, objects: 70 },
            Event::StateDropped { reason: "it is not JSON".to_owned() },
            Event::HistoryIgnored { reason: "it is not JSON either".to_owned() },
            Event::AccountDiscovered { account: "prod".to_owned(), found: 52, selected: 40 },
            Event::CredentialsRenewed { subject: bucket() },
            failed(Subject::Account("old".into()), "the credentials are expired", None),
            Event::AccountFailed {
                account: "old".to_owned(),
                reason: "the credentials are expired".to_owned(),
                hint: Some("log in".to_owned()),
            },
            run_started(),
            started(),
            Event::PageListed {
                bucket: 0,
                objects: 7,
                rows: 5,
                effort: Effort { requests: 1, ..Effort::default() },
                ranges: 1,
            },
            failed(bucket(), "SlowDown: reduce your\nrequest rate", Some(Duration::from_millis(150))),
            Event::OrderLost { bucket: 0, label: label(), reason: "`b` came before `a`".to_owned() },
            Event::FilesMadeAgain { bucket: 0, label: label(), reason: "`f` is not there any more".to_owned() },
            ended(Verdict::Complete, None),
            failed(bucket(), "AccessDenied", None),
            ended(Verdict::Denied, Some("AccessDenied")),
            ended(Verdict::Interrupted, Some("the run was stopped")),
            Event::StopRequested { signal: "SIGINT" },
            Event::StopRequested { signal: "SIGTERM" },
            Event::LimitReached(ReachedLimit::Duration(Duration::from_hours(6))),
            run_ended(),
        ];
        insta::assert_snapshot!(told(LogLevel::Trace, &events), @r#"
INFO demo endpoint started account="demo" url="http://127.0.0.1:9000"
INFO unfinished run dropped with its parts; its files stay dropped="R0" folder="data/job/R0" buckets=2 objects=70
WARN unfinished run dropped unread reason="it is not JSON"
WARN what earlier runs learnt is not used reason="it is not JSON either"
INFO account discovered account="prod" found=52 selected=40
INFO the store found the credentials over before their end; new ones were fetched account="prod"
ERROR account cannot be used account="old" reason="the credentials are expired" hint="log in" attempt=2 max_attempts=10 request_id="4442587FB7D0A2F9" host_id="Uuag1LuByR="
INFO run resumed job="job" run="20261122T114500Z" buckets=40 finished=12 objects=99 folder="data/job/20261122T114500Z"
DEBUG bucket started place=0 account="prod" bucket="lo\ngs\u{1b}[2J" objects=0
DEBUG page listed place=0 objects=7 rows=5 requests=1 ranges=1
DEBUG request failed, will be repeated account="prod" bucket="lo\ngs\u{1b}[2J" reason="SlowDown: reduce your\nrequest rate" attempt=2 max_attempts=10 wait_ms=150 request_id="4442587FB7D0A2F9" host_id="Uuag1LuByR="
WARN bucket not listed in key order, starting over without relying on it account="prod" bucket="lo\ngs\u{1b}[2J" reason="`b` came before `a`"
WARN published files were removed or changed meanwhile, made again account="prod" bucket="lo\ngs\u{1b}[2J" reason="`f` is not there any more"
INFO bucket complete account="prod" bucket="lo\ngs\u{1b}[2J" objects=7 rows=5 files=1
WARN bucket denied account="prod" bucket="lo\ngs\u{1b}[2J" reason="AccessDenied" objects=7 attempt=2 max_attempts=10 request_id="4442587FB7D0A2F9" host_id="Uuag1LuByR="
DEBUG bucket interrupted account="prod" bucket="lo\ngs\u{1b}[2J" objects=7 rows=5
WARN stopping, pages in flight may still arrive (Ctrl-C again to end at once)
WARN stopping, pages in flight may still arrive (a signal again to end at once) signal="SIGTERM"
WARN `limits.max_duration` is reached: this invocation has worked for 6h; stopping, pages in flight may still arrive
INFO run ended exit_code=3 objects=106 rows=50 files=13 requests=9 retries=2 throttles=1 empty_requests=0 splits=0 most_at_once=0
"#);
    }

    #[test]
    fn a_failed_request_is_told_once() {
        let bucket = || Subject::Bucket(label());
        let events = [
            failed(bucket(), "asking for the region", None),
            started(),
            failed(bucket(), "the first range", None),
            failed(bucket(), "another range", None),
            failed(Subject::Account("prod".into()), "page of the list", Some(Duration::ZERO)),
            ended(Verdict::Failed, Some("the first range")),
            started(),
            ended(Verdict::Failed, Some("its account cannot be used")),
        ];
        insta::assert_snapshot!(told(LogLevel::Debug, &events), @r#"
DEBUG request failed for good account="prod" bucket="lo\ngs\u{1b}[2J" reason="asking for the region" attempt=2 max_attempts=10 request_id="4442587FB7D0A2F9" host_id="Uuag1LuByR="
DEBUG bucket started place=0 account="prod" bucket="lo\ngs\u{1b}[2J" objects=0
DEBUG request failed for good account="prod" bucket="lo\ngs\u{1b}[2J" reason="another range" attempt=2 max_attempts=10 request_id="4442587FB7D0A2F9" host_id="Uuag1LuByR="
DEBUG request failed, will be repeated account="prod" reason="page of the list" attempt=2 max_attempts=10 wait_ms=0 request_id="4442587FB7D0A2F9" host_id="Uuag1LuByR="
WARN bucket failed account="prod" bucket="lo\ngs\u{1b}[2J" reason="the first range" objects=7 attempt=2 max_attempts=10 request_id="4442587FB7D0A2F9" host_id="Uuag1LuByR="
DEBUG bucket started place=0 account="prod" bucket="lo\ngs\u{1b}[2J" objects=0
WARN bucket failed account="prod" bucket="lo\ngs\u{1b}[2J" reason="its account cannot be used" objects=7
"#);
    }
}
