//! What a run would do, for people.
//!
//! Owns that no name from a store reaches the terminal as it is, and that an estimate is never shown
//! without what it rests on.

use super::figures::{bytes, counted, grouped, price, taken};
use super::names::{padded, visible, width_of};
use super::plan::{Absence, CountedBy, Plan, PlannedAbsence, PlannedAccount, PlannedBucket, RunBegin};
use crate::event::AccountVerdict;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

/// Buckets that are shown, of those to be listed and of those left out; JSON has all.
const ROWS: usize = 40;

/// The plan as text, several lines with a line feed at the end.
#[must_use]
pub fn plan_text(plan: &Plan) -> String {
    let mut text = String::new();
    head(plan, &mut text);
    accounts(plan, &mut text);
    buckets(plan, &mut text);
    left_out(plan, &mut text);
    estimate(plan, &mut text);
    files(plan, &mut text);
    for note in &plan.notes {
        let _ = writeln!(text, "note: {}: {}", note.account, visible(&note.message));
        let _ = note.hint.iter().try_for_each(|hint| writeln!(text, "hint: {hint}"));
    }
    for problem in &plan.problems {
        // Writing to a string does not fail, here and below.
        let _ = writeln!(text, "not complete: {}", visible(problem));
    }
    text
}

fn head(plan: &Plan, text: &mut String) {
    let run = &plan.run;
    let begin = match run.begin {
        RunBegin::New => "a new run".to_owned(),
        RunBegin::Resumed => format!("goes on with the unfinished run {}", run.run),
        RunBegin::Reopened => format!("reopens the run {}", run.run),
    };
    let _ = writeln!(text, "{}: {begin}", plan.job);
    if let Some(narrowed) = &plan.narrowed {
        let _ = writeln!(text, "  a part of the job: {narrowed}");
    }
    let window = &plan.window;
    let bound = |instant: Option<jiff::Timestamp>| instant.map(|instant| instant.to_string());
    let (since, until) = (bound(window.since), bound(window.until));
    match (&since, &until) {
        (None, None) => text.push_str("  window: none, objects of any date\n"),
        _ => {
            let _ = writeln!(text, "  window: {}", span(since.as_deref(), until.as_deref()));
        }
    }
    if window.timezone != "UTC" && (since.is_some() || until.is_some()) {
        let there = span(window.since_local.as_deref(), window.until_local.as_deref());
        let _ = writeln!(text, "          {there} in {}", window.timezone);
    }
}

fn span(since: Option<&str>, until: Option<&str>) -> String {
    match (since, until) {
        (Some(since), Some(until)) => format!("from {since} to before {until}"),
        (Some(since), None) => format!("from {since}"),
        (None, Some(until)) => format!("before {until}"),
        (None, None) => "any date".to_owned(),
    }
}

fn accounts(plan: &Plan, text: &mut String) {
    let _ = writeln!(text, "{}", counted(plan.accounts.len() as u64, "account", "accounts"));
    let rows: Vec<[String; 3]> = plan.accounts.iter().map(account).collect();
    table(&rows, text);
    let hints: BTreeSet<&str> = plan.accounts.iter().filter_map(|account| account.hint.as_deref()).collect();
    for hint in hints {
        let _ = writeln!(text, "  hint: {}", visible(hint));
    }
}

fn account(account: &PlannedAccount) -> [String; 3] {
    let identity = &account.identity;
    let id = identity.account_id.clone().unwrap_or_else(|| "unknown".to_owned());
    let told = match account.verdict {
        AccountVerdict::Ok => {
            let matched = counted(account.matched, "bucket", "buckets");
            let of = account.found.map(|found| format!(" of {}", grouped(found)));
            format!("{matched}{}", of.unwrap_or_default())
        }
        AccountVerdict::Unusable => format!("unusable: {}", account.reason.as_deref().unwrap_or_default()),
        AccountVerdict::Denied => format!("denied: {}", account.reason.as_deref().unwrap_or_default()),
    };
    let how = [
        identity.profile.as_ref().map(|profile| format!("profile {profile}")),
        identity.role_arn.clone(),
        identity.anonymous.then(|| "anonymous".to_owned()),
        identity.endpoint_url.clone(),
    ];
    let how: Vec<String> = how.into_iter().flatten().collect();
    let how = if how.is_empty() { String::new() } else { format!(" ({})", how.join(", ")) };
    [account.name.clone(), format!("id {id}"), format!("{told}{how}")]
}

fn buckets(plan: &Plan, text: &mut String) {
    let open: Vec<&PlannedBucket> = plan.buckets.iter().filter(|bucket| !bucket.done).collect();
    let done = match plan.run.buckets_done {
        0 => String::new(),
        done => format!(", {} done already", grouped(done)),
    };
    let regions: Vec<String> =
        plan.regions.iter().map(|(region, number)| format!("{} {}", visible(region), grouped(*number))).collect();
    let regions = if regions.is_empty() { String::new() } else { format!(": {}", regions.join(", ")) };
    let _ = writeln!(text, "{} to be listed{done}{regions}", counted(open.len() as u64, "bucket", "buckets"));
    let rows: Vec<[String; 3]> = open.iter().take(ROWS).map(|bucket| row(bucket)).collect();
    table(&rows, text);
    more(open.len(), text);
}

fn row(bucket: &PlannedBucket) -> [String; 3] {
    let known = match (&bucket.problem, bucket.objects) {
        (Some(problem), _) => problem.clone(),
        (None, None) => "objects not known".to_owned(),
        (None, Some(objects)) => {
            let by = match (bucket.objects_by, bucket.objects_at) {
                (Some(CountedBy::Cloudwatch), Some(at)) => format!("by CloudWatch on {}", at.strftime("%Y-%m-%d")),
                (Some(CountedBy::Cloudwatch), None) => "by CloudWatch".to_owned(),
                _ => "the last time".to_owned(),
            };
            format!("{} {by}", counted(objects, "object", "objects"))
        }
    };
    let listed = if bucket.listed > 0 { format!(", {} listed already", grouped(bucket.listed)) } else { String::new() };
    [format!("{}/{}", bucket.account, bucket.bucket), bucket.region.clone(), format!("{known}{listed}")]
}

fn left_out(plan: &Plan, text: &mut String) {
    if plan.left_out.is_empty() {
        return;
    }
    let _ = writeln!(text, "{} left out", counted(plan.left_out.len() as u64, "bucket", "buckets"));
    let rows: Vec<[String; 3]> = plan.left_out.iter().take(ROWS).map(absence).collect();
    table(&rows, text);
    more(plan.left_out.len(), text);
}

fn absence(absence: &PlannedAbsence) -> [String; 3] {
    let why = match (absence.reason, &absence.pattern) {
        (Absence::NotIncluded, _) => "no pattern of `include` matches".to_owned(),
        (Absence::Excluded, pattern) => format!("excluded by `{}`", pattern.as_deref().unwrap_or_default()),
        (Absence::Narrowed, _) => "not asked for by `--bucket`".to_owned(),
        (Absence::Region, _) => "its region is not in `regions`".to_owned(),
    };
    let region = absence.region.clone().unwrap_or_else(|| "-".to_owned());
    [format!("{}/{}", absence.account, absence.bucket), region, why]
}

fn estimate(plan: &Plan, text: &mut String) {
    let estimate = &plan.estimate;
    let unknown = estimate.unknown_buckets;
    let known = estimate.buckets.saturating_sub(unknown);
    let about = if unknown == 0 { "about" } else { "at least" };
    let of = |buckets: u64| counted(buckets, "bucket", "buckets");
    let _ = writeln!(text, "estimate");
    let _ = match (known, unknown) {
        (_, 0) => writeln!(text, "  objects   about {}", grouped(estimate.objects)),
        (0, _) => writeln!(text, "  objects   not known: nobody has counted those of {}", of(unknown)),
        _ => writeln!(
            text,
            "  objects   about {} in {}, not known in {}",
            grouped(estimate.objects),
            of(known),
            grouped(unknown)
        ),
    };
    let each = if unknown == 0 { "" } else { ", one for each bucket not known" };
    let _ = writeln!(text, "  requests  {about} {}{each}", grouped(estimate.requests));
    let cost = &estimate.price;
    let _ = match cost.usd {
        Some(_) => writeln!(
            text,
            "  price     {about} {} at ${} for 1,000 list requests",
            price(cost.billable_requests, cost.usd_per_1000_requests).trim_start_matches('~'),
            cost.usd_per_1000_requests
        ),
        None => writeln!(text, "  price     not known: no account is at an endpoint of AWS"),
    };
    let _ = match (known, unknown) {
        (0, 1..) => writeln!(text, "  transfer  not known"),
        _ => writeln!(text, "  transfer  {about} {} of answers", bytes(estimate.response_bytes)),
    };
    let span = Duration::try_from_secs_f64(estimate.seconds).unwrap_or(Duration::MAX);
    let _ = writeln!(text, "  duration  {about} {}: {}", taken(span), estimate.seconds_basis);
}

fn files(plan: &Plan, text: &mut String) {
    let at_most = counted(plan.files.at_most, "file", "files");
    let unknown = if plan.estimate.unknown_buckets > 0 { "at least" } else { "at most" };
    let _ = writeln!(text, "to be written: {unknown} {at_most} of rows\n  {}", visible(&plan.files.rows));
    for other in &plan.files.others {
        let _ = writeln!(text, "  {}", visible(other));
    }
}

/// Rows of three columns, the first two padded.
fn table(rows: &[[String; 3]], text: &mut String) {
    let width = |column: usize| rows.iter().map(|row| width_of(&visible(&row[column]))).max().unwrap_or(0);
    let widths = [width(0), width(1)];
    for row in rows {
        let [one, two, three] = [visible(&row[0]), visible(&row[1]), visible(&row[2])];
        let _ = writeln!(text, "  {}  {}  {three}", padded(&one, widths[0]), padded(&two, widths[1]));
    }
}

fn more(number: usize, text: &mut String) {
    if number > ROWS {
        let _ = writeln!(text, "  and {} more: --format json has all", grouped((number - ROWS) as u64));
    }
}
