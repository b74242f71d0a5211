//! Events as log records.
//!
//! Owns the levels: `error` an account is lost, `warn` something did not go as asked, `info` the
//! course of the run, `debug` each bucket's beginning, `trace` each page. Nothing is logged per
//! object. Names and reasons are fields, which escape their control characters.

use super::logging::run_span;
use super::tally::Totals;
use crate::event::{Event, FailedAttempt, Verdict};
use tracing::{Span, debug, error, info, trace, warn};

/// Makes records of events.
#[derive(Debug)]
pub struct Journal {
    /// The run that records belong to, once it is known.
    run: Span,
}

impl Journal {
    /// A journal of a run whose id is not known yet.
    #[must_use]
    pub fn new() -> Self {
        Self { run: Span::none() }
    }

    /// Logs an event; `totals` are those up to it.
    pub fn record(&mut self, event: &Event, totals: &Totals) {
        if let Event::RunStarted { run, .. } = event {
            self.run = run_span(run);
        }
        self.run.in_scope(|| log(event, totals));
    }
}

fn log(event: &Event, totals: &Totals) {
    match event {
        Event::DemoStarted { account, url } => info!(account, url, "demo endpoint started"),
        Event::AccountDiscovered { account, found, selected } => {
            info!(account, found, selected, "account discovered");
        }
        Event::AccountFailed { account, reason, hint } => {
            error!(account, reason, hint = hint.as_deref(), "account cannot be used");
        }
        Event::RunStarted { job, run, resumed, buckets, finished, folder } => {
            let folder = folder.to_string_lossy();
            let folder = folder.as_ref();
            let message = if *resumed { "run resumed" } else { "run started" };
            info!(job, run, buckets, finished, folder, "{message}");
        }
        Event::BucketStarted { label, objects, .. } => {
            debug!(account = &*label.account, bucket = &*label.bucket, objects, "bucket started");
        }
        Event::PageListed { bucket, objects, rows, effort } => {
            trace!(place = bucket, objects, rows, requests = effort.requests, "page listed");
        }
        Event::AttemptFailed(failed) => log_failed(failed),
        Event::OrderLost { label, reason, .. } => {
            let (account, bucket) = (&*label.account, &*label.bucket);
            warn!(account, bucket, reason, "bucket not listed in key order, starting over without relying on it");
        }
        Event::BucketEnded { label, verdict, reason, objects, rows, files, .. } => {
            let (account, bucket) = (&*label.account, &*label.bucket);
            if *verdict == Verdict::Complete {
                info!(account, bucket, objects, rows, files, "bucket complete");
            } else {
                warn!(account, bucket, reason = reason.as_deref(), objects, rows, "bucket {verdict}");
            }
        }
        Event::StopRequested { signal } => {
            warn!(signal, "stop requested, committing what is done; once more stops at once");
        }
        Event::LimitReached(limit) => warn!("{limit}; committing what is done"),
        Event::ScanEnded => {
            let Totals { objects, rows, files, requests, retries, throttles, .. } = totals;
            info!(objects, rows, files, requests, retries, throttles, "scan ended");
        }
    }
}

fn log_failed(failed: &FailedAttempt) {
    let FailedAttempt { subject, attempt, max_attempts, reason, request_id, wait, .. } = failed;
    let request_id = request_id.as_deref();
    let wait_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    let message = if wait.is_some() { "request failed, will be repeated" } else { "request failed for good" };
    warn!(subject, reason, attempt, max_attempts, wait_ms, request_id, "{message}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{BucketLabel, Effort, ReachedLimit};
    use std::io;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    fn label() -> BucketLabel {
        BucketLabel { account: "prod".into(), bucket: "lo\ngs\u{1b}[2J".into() }
    }

    fn ended(verdict: Verdict, reason: Option<&str>) -> Event {
        let reason = reason.map(str::to_owned);
        Event::BucketEnded { bucket: 0, label: label(), verdict, reason, objects: 7, rows: 5, files: 1 }
    }

    fn failed(wait: Option<Duration>) -> Event {
        Event::AttemptFailed(FailedAttempt {
            subject: "prod/logs".to_owned(),
            attempt: 2,
            max_attempts: 10,
            throttled: true,
            reason: "SlowDown: reduce your\nrequest rate".to_owned(),
            request_id: Some("4442587FB7D0A2F9".to_owned()),
            wait,
        })
    }

    fn events() -> Vec<Event> {
        vec![
            Event::DemoStarted { account: "demo".to_owned(), url: "http://127.0.0.1:9000".to_owned() },
            Event::AccountDiscovered { account: "prod".to_owned(), found: 52, selected: 40 },
            Event::AccountFailed {
                account: "old".to_owned(),
                reason: "the credentials are expired".to_owned(),
                hint: Some("log in".to_owned()),
            },
            Event::RunStarted {
                job: "job".to_owned(),
                run: "20261122T114500Z".to_owned(),
                resumed: true,
                buckets: 40,
                finished: 12,
                folder: "data/job/20261122T114500Z".into(),
            },
            Event::BucketStarted { bucket: 0, label: label(), objects: 0 },
            Event::PageListed { bucket: 0, objects: 7, rows: 5, effort: Effort { requests: 1, ..Effort::default() } },
            failed(Some(Duration::from_millis(150))),
            failed(None),
            Event::OrderLost { bucket: 0, label: label(), reason: "`b` came before `a`".to_owned() },
            ended(Verdict::Complete, None),
            ended(Verdict::Denied, Some("AccessDenied")),
            Event::StopRequested { signal: "SIGINT" },
            Event::LimitReached(ReachedLimit::Duration(Duration::from_hours(6))),
            Event::ScanEnded,
        ]
    }

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn levels_mean_something_and_every_record_after_the_start_names_the_run() {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let mut journal = Journal::new();
            for event in events() {
                journal.record(&event, &Totals { objects: 7, rows: 5, files: 1, ..Totals::default() });
            }
        });
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        let text = text.replace("run{id=\"20261122T114500Z\"}:", "RUN");
        insta::assert_snapshot!(text, @r#"
 INFO demo endpoint started account="demo" url="http://127.0.0.1:9000"
 INFO account discovered account="prod" found=52 selected=40
ERROR account cannot be used account="old" reason="the credentials are expired" hint="log in"
 INFO RUN run resumed job="job" run="20261122T114500Z" buckets=40 finished=12 folder="data/job/20261122T114500Z"
DEBUG RUN bucket started account="prod" bucket="lo\ngs\u{1b}[2J" objects=0
TRACE RUN page listed place=0 objects=7 rows=5 requests=1
 WARN RUN request failed, will be repeated subject="prod/logs" reason="SlowDown: reduce your\nrequest rate" attempt=2 max_attempts=10 wait_ms=150 request_id="4442587FB7D0A2F9"
 WARN RUN request failed for good subject="prod/logs" reason="SlowDown: reduce your\nrequest rate" attempt=2 max_attempts=10 request_id="4442587FB7D0A2F9"
 WARN RUN bucket not listed in key order, starting over without relying on it account="prod" bucket="lo\ngs\u{1b}[2J" reason="`b` came before `a`"
 INFO RUN bucket complete account="prod" bucket="lo\ngs\u{1b}[2J" objects=7 rows=5 files=1
 WARN RUN bucket denied account="prod" bucket="lo\ngs\u{1b}[2J" reason="AccessDenied" objects=7 rows=5
 WARN RUN stop requested, committing what is done; once more stops at once signal="SIGINT"
 WARN RUN `limits.max_duration` is reached: this invocation has worked for 6h; committing what is done
 INFO RUN scan ended objects=7 rows=5 files=1 requests=0 retries=0 throttles=0
"#);
    }
}
