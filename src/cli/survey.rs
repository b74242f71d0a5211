//! What a plan tells, put together from all that is known once the accounts were asked.
//!
//! Owns the exit code that a plan foresees, and that an estimate says what it rests on.

use super::accounts::Asked;
use super::exit::{Exit, no_bucket, of_failures};
use super::plan::Before;
use crate::event::{AccountVerdict, Verdict};
use crate::job::{Job, Narrowing};
use crate::plan::{self, CountSource, Estimate, Expected, Holder, Known, Pace, Span};
use crate::report::{
    Absence, CountedBy, Plan, PlannedAbsence, PlannedAccount, PlannedBucket, PlannedEffort, PlannedFiles, PlannedNote,
    PlannedRun, PlannedWindow, RunBegin, account_identity, price_estimate,
};
use crate::s3::{Failure, FailureKind, Range, is_directory_bucket};
use crate::scan::ScanBucket;
use crate::state::{AccountRecord, BucketEntry, History, RunRecord};
use std::collections::BTreeMap;

/// All that a plan is made of.
pub struct Survey<'call> {
    /// The job, or the part of it that is planned.
    pub job: &'call Job,
    /// Which part.
    pub narrowing: &'call Narrowing,
    /// The run, its accounts as they answered.
    pub record: &'call RunRecord,
    /// What it has come to already.
    pub before: Before,
    /// What the accounts told now.
    pub asked: Asked,
    /// Its buckets.
    pub buckets: Vec<ScanBucket>,
    /// Of each account, whether AWS bills its requests.
    pub billed: Vec<bool>,
    /// What is known of the buckets.
    pub known: Known,
    /// What could not be found out of them.
    pub notes: Vec<PlannedNote>,
}

impl Survey<'_> {
    /// What the run would end with, as far as can be seen, and why it would not be complete.
    pub fn outlook(&self, limited: bool) -> (Exit, Vec<String>) {
        let (mut exit, mut problems) = (Exit::Complete, Vec::new());
        let accounts = &self.record.accounts;
        if self.asked.interrupted {
            exit = if limited { Exit::Limit } else { Exit::Interrupted };
            problems.push("not all accounts were asked: a limit of the job is reached".to_owned());
        } else if accounts.iter().all(|account| account.verdict != AccountVerdict::Ok) {
            exit = of_failures(&self.asked.failures);
            problems.push("no account of the job can be used".to_owned());
        } else if accounts.iter().any(|account| !account.settled) {
            exit = Exit::TryAgain;
            problems.push("an account could not be reached".to_owned());
        } else {
            let lost = accounts.iter().filter(|account| account.verdict != AccountVerdict::Ok);
            problems.extend(lost.map(|account| format!("the account {} cannot be used", account.name)));
            let refused = self.asked.discovered.iter().flat_map(|(index, discovered)| {
                let account = &accounts[*index].name;
                let refused = discovered.refused.iter();
                refused.map(move |(bucket, failure)| format!("{account}/{bucket} is {}", wrong(failure)))
            });
            problems.extend(refused);
            if self.buckets.is_empty() {
                problems.extend(no_bucket(self.job, self.narrowing).map(|refusal| refusal.message));
            }
            if !problems.is_empty() {
                exit = Exit::Partial;
            }
        }
        (exit, problems)
    }

    /// The plan.
    pub fn plan(&self, begin: RunBegin, exit: Exit, problems: Vec<String>) -> Plan {
        let (job, record) = (self.job, self.record);
        let pace = self.pace();
        let expected = |place: usize| {
            let bucket = &self.buckets[place];
            let name = (bucket.fields.account.clone(), bucket.entry.name.clone());
            Expected {
                account: bucket.entry.account as usize,
                known: self.known.get(&name),
                listed: self.listed(place),
                in_turn: is_directory_bucket(&bucket.entry.name),
                is_refused: self.refused(bucket).is_some(),
            }
        };
        let to_list = (0..self.buckets.len()).filter(|place| !self.is_done(*place));
        let estimate = plan::of_run(to_list.map(expected), &pace);
        let mut regions = BTreeMap::new();
        for bucket in &self.buckets {
            *regions.entry(bucket.entry.region.clone()).or_default() += 1;
        }
        let mut buckets: Vec<PlannedBucket> =
            (0..self.buckets.len()).map(|place| self.bucket(place, &expected(place), &pace)).collect();
        buckets.sort_by(|one, other| (&one.account, &one.bucket).cmp(&(&other.account, &other.bucket)));
        Plan {
            job: job.name.clone(),
            description: job.description.clone(),
            narrowed: Some(self.narrowing.clone()).filter(|narrowing| !narrowing.is_whole()),
            run: PlannedRun {
                run: record.run.clone(),
                folder: record.folder.to_string_lossy().into_owned(),
                begin,
                buckets_done: self.before.done.len() as u64,
            },
            window: PlannedWindow::of(job, record),
            accounts: record.accounts.iter().enumerate().map(|(index, record)| self.account(index, record)).collect(),
            buckets,
            left_out: self.left_out(),
            regions,
            estimate: self.effort(&estimate),
            files: self.files(&estimate),
            notes: self.notes.clone(),
            problems,
            exit_code: exit.code(),
        }
    }

    fn is_done(&self, place: usize) -> bool {
        u32::try_from(place).is_ok_and(|place| self.before.done.contains(&place))
    }

    fn listed(&self, place: usize) -> u64 {
        u32::try_from(place).ok().and_then(|place| self.before.listed.get(&place).copied()).unwrap_or(0)
    }

    fn pace(&self) -> Pace {
        let job = self.job;
        let ranges = Range::of_prefixes(&job.objects.prefixes).len() as u64;
        Pace {
            ranges,
            concurrency: u64::from(job.limits.concurrency.get()),
            bucket_rates: job
                .accounts
                .iter()
                .map(|account| account.pace.bucket_requests_per_second.map(std::num::NonZeroU32::get))
                .collect(),
            account_rates: job
                .accounts
                .iter()
                .map(|account| account.pace.requests_per_second.map(std::num::NonZeroU32::get))
                .collect(),
            rows_per_file: job.output.rows_per_file,
        }
    }

    fn account(&self, index: usize, record: &AccountRecord) -> PlannedAccount {
        let asked = self.asked.discovered.iter().find(|(asked, _)| *asked == index);
        let lists = plan::search(&self.job.accounts[index].selection).list;
        PlannedAccount {
            name: record.name.clone(),
            identity: account_identity(self.job, record),
            verdict: record.verdict,
            reason: record.reason.clone(),
            hint: record.hint.clone(),
            found: asked.filter(|_| lists).map(|(_, discovered)| discovered.found.len() as u64),
            matched: self.buckets.iter().filter(|bucket| bucket.entry.account as usize == index).count() as u64,
        }
    }

    fn bucket(&self, number: usize, expected: &Expected<'_>, pace: &Pace) -> PlannedBucket {
        let ScanBucket { entry, fields, place } = &self.buckets[number];
        let own = plan::of_bucket(expected, pace);
        let counted = expected.known.map(|known| match known.source {
            CountSource::LastListing => (CountedBy::LastListing, None),
            CountSource::CloudWatch(at) => (CountedBy::Cloudwatch, Some(at)),
        });
        let (objects_by, objects_at) = counted.unzip();
        let done = self.is_done(number);
        PlannedBucket {
            account: fields.account.clone(),
            bucket: entry.name.clone(),
            region: entry.region.clone(),
            named: entry.literal,
            done,
            objects: expected.known.map(|known| known.objects),
            objects_by,
            objects_at: objects_at.flatten(),
            listed: expected.listed,
            requests: if done { 0 } else { own.requests },
            files_at_most: own.files,
            first_file: place.file(1).to_string_lossy().into_owned(),
            problem: self.refused(&self.buckets[number]).map(wrong),
        }
    }

    /// Why the region of a bucket that the job names could not be asked for.
    fn refused(&self, bucket: &ScanBucket) -> Option<&Failure> {
        let account = bucket.entry.account as usize;
        let (_, asked) = self.asked.discovered.iter().find(|(index, _)| *index == account)?;
        asked.refused.iter().find(|(name, _)| *name == bucket.entry.name).map(|(_, failure)| failure)
    }

    fn left_out(&self) -> Vec<PlannedAbsence> {
        let mut absences = Vec::new();
        for (index, discovered) in &self.asked.discovered {
            let account = &self.record.accounts[*index].name;
            let selected: Vec<BucketEntry> = self
                .buckets
                .iter()
                .filter(|bucket| bucket.entry.account as usize == *index)
                .map(|bucket| bucket.entry.clone())
                .collect();
            for left in plan::left_out(&self.job.accounts[*index].selection, &discovered.found, &selected) {
                let (reason, pattern) = Absence::of(&left.why);
                let (bucket, region) = (left.bucket, left.region);
                absences.push(PlannedAbsence { account: account.clone(), bucket, region, reason, pattern });
            }
        }
        absences
    }

    fn effort(&self, estimate: &Estimate) -> PlannedEffort {
        let finding = self.asked.effort.requests;
        let listing: u64 = estimate.requests.iter().sum();
        let at_aws = estimate.requests.iter().zip(&self.billed).filter(|(_, billed)| **billed);
        let at_aws: u64 = at_aws.map(|(requests, _)| requests).sum();
        let billable = self.billed.contains(&true).then_some(at_aws + finding);
        PlannedEffort {
            buckets: estimate.buckets,
            unknown_buckets: estimate.unknown,
            objects: estimate.objects,
            requests: listing + finding,
            price: price_estimate(billable, self.job.pricing.list_per_1000),
            response_bytes: estimate.response_bytes,
            seconds: estimate.span.time.as_secs_f64(),
            seconds_basis: basis(&estimate.span, estimate.buckets, self.job.limits.concurrency.get()),
        }
    }

    fn files(&self, estimate: &Estimate) -> PlannedFiles {
        let (job, record) = (self.job, self.record);
        let date = record.now.strftime("%Y-%m-%d").to_string();
        let rows = job.output.path.to_string();
        let rows = rows.replace("{job}", &job.name).replace("{run}", &record.run).replace("{date}", &date);
        let runs = record.folder.parent().unwrap_or(&record.folder);
        let of_run = ["summary.json", "buckets.csv", "files.csv"].map(|name| record.folder.join(name));
        let history = History::file(&job.state.file);
        let own = [runs.join("latest.json"), job.state.file.clone(), history, job.log.file.clone()];
        PlannedFiles {
            rows: rows.replace("{ext}", job.output.extension()),
            at_most: estimate.files,
            others: of_run.iter().chain(&own).map(|path| path.to_string_lossy().into_owned()).collect(),
        }
    }
}

/// What is wrong with a bucket, in the word that a run has for it, and why.
fn wrong(failure: &Failure) -> String {
    let verdict = match failure.kind {
        FailureKind::Missing => Verdict::Missing,
        FailureKind::Denied => Verdict::Denied,
        FailureKind::Moved(_) => Verdict::Moved,
        FailureKind::Throttled => Verdict::Throttled,
        _ => Verdict::Failed,
    };
    format!("{verdict}: {failure}")
}

/// What a time rests on.
fn basis(span: &Span, buckets: u64, concurrency: u32) -> String {
    let page = span.page.as_millis();
    let page = match span.measured {
        0 => format!("{page} ms a page assumed"),
        all if all == buckets => format!("{page} ms a page as the last time"),
        _ => format!("{page} ms a page as the last time, as far as that is known"),
    };
    let holder = match span.holder {
        Holder::Pages => "",
        Holder::Files => "; most of it waiting for files",
        Holder::AccountRate => "; held to `requests_per_second`",
        Holder::BucketRate => "; held to `bucket_requests_per_second`",
        Holder::Store => "; held to what a store bore the last time",
    };
    format!("{page}, {concurrency} at once{holder}")
}
