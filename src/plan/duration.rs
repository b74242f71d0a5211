//! How long a run will take, from how long pages and files took before, and from what holds it up.
//!
//! Pure arithmetic. Listing lasts as long as the longest of these: all pages through the requests in
//! flight; one bucket's pages, of which only so many can be asked for at once; the rates; and a store that
//! had its bucket asked more slowly. Requests that find no keys go where a slot has nothing to do: they
//! cost time only where a rate counts them. To that comes what a run waits for files. Owns that each of
//! these is told apart, so that a plan can say what a time rests on.

use std::time::Duration;

/// How long a page takes where nothing says otherwise.
pub const ASSUMED_PAGE: Duration = Duration::from_millis(100);
/// How long a run waits for the files of a bucket where nothing says otherwise.
pub const ASSUMED_FINISH: Duration = Duration::from_millis(10);
/// What a run takes besides: reading the job, beginning the run on disk, the summary.
const BESIDES: f64 = 0.2;
/// Requests one behind the other that a run takes besides, for finding buckets.
const ROUNDS_TO_BEGIN: f64 = 1.0;
/// The same towards its end, when the last ranges are split and not all requests in flight find a page.
const ROUNDS_TO_END: f64 = 2.0;
/// The same where nothing is known of a bucket's keys and its ranges are first to be found.
const ROUNDS_TO_FIND_KEYS: f64 = 5.0;
/// Pages that are worth a request in flight of their own.
const PAGES_PER_REQUEST: u64 = 4;

/// What listing one bucket means.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The account's place in the run.
    pub account: usize,
    /// Pages with keys.
    pub pages: u64,
    /// Requests, those included that find none.
    pub requests: u64,
    /// Requests in flight at most.
    pub at_once: u64,
    /// Whether keys are known by which it is cut from the start.
    pub has_hints: bool,
    /// How long a page takes, in seconds, if known.
    pub page_seconds: Option<f64>,
    /// How long its files are waited for, in seconds, if known.
    pub finish_seconds: Option<f64>,
    /// How long it takes by what its store bears, in seconds, if known.
    pub held_seconds: Option<f64>,
}

/// What a run lasts as long as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holder {
    /// The pages, through the requests in flight.
    #[default]
    Pages,
    /// The files of the buckets.
    Files,
    /// The rate of an account.
    AccountRate,
    /// The rate of a bucket.
    BucketRate,
    /// A store that has a bucket asked more slowly.
    Store,
}

/// How long a run will take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    /// From its call to its end.
    pub time: Duration,
    /// How long a page takes on average.
    pub page: Duration,
    /// How many of the buckets this is known of.
    pub measured: u64,
    /// What it lasts as long as.
    pub holder: Holder,
}

/// How long listing these buckets takes with so many requests in flight and at these rates, by account.
#[must_use]
pub fn of_loads(loads: &[Load], concurrency: u64, bucket_rates: &[Option<u32>], account_rates: &[Option<u32>]) -> Span {
    if loads.is_empty() {
        return Span { time: duration(BESIDES), page: ASSUMED_PAGE, ..Span::default() };
    }
    let page = average(loads, ASSUMED_PAGE, |load| Some((load.page_seconds?, count(load.pages))));
    let finish = average(loads, ASSUMED_FINISH, |load| Some((load.finish_seconds?, 1.0)));
    let of_page = |load: &Load| load.page_seconds.unwrap_or(page);
    let through: f64 = loads.iter().map(|load| count(load.pages) * of_page(load)).sum();
    let longest = loads.iter().map(|load| {
        let at_once = load.at_once.min(load.pages / PAGES_PER_REQUEST).clamp(1, concurrency.max(1));
        let finding = if load.has_hints || at_once == 1 { 0.0 } else { ROUNDS_TO_FIND_KEYS };
        (count(load.pages.div_ceil(at_once)) + finding) * of_page(load)
    });
    let files: f64 = loads.iter().map(|load| load.finish_seconds.unwrap_or(finish)).sum();
    let at_rate = |requests: u64, rates: &[Option<u32>], account: usize| {
        let rate = rates.get(account).copied().flatten();
        rate.map_or(0.0, |rate| count(requests) / f64::from(rate.max(1)))
    };
    let of_account = |account: usize| {
        let own = loads.iter().filter(|load| load.account == account).map(|load| load.requests);
        own.fold(0, u64::saturating_add)
    };
    let largest = |times: &mut dyn Iterator<Item = f64>| times.fold(0.0, f64::max);
    let holders = [
        (Holder::Pages, (through / count(concurrency.max(1))).max(longest.fold(0.0, f64::max))),
        (
            Holder::AccountRate,
            largest(&mut (0..account_rates.len()).map(|account| at_rate(of_account(account), account_rates, account))),
        ),
        (Holder::BucketRate, largest(&mut loads.iter().map(|load| at_rate(load.requests, bucket_rates, load.account)))),
        (Holder::Store, largest(&mut loads.iter().filter_map(|load| load.held_seconds))),
    ];
    // Of several that are alike the first.
    let longer = |longest: (Holder, f64), other: (Holder, f64)| if other.1 > longest.1 { other } else { longest };
    let (_, listing) = holders.into_iter().fold(holders[0], longer);
    let (holder, _) = holders.into_iter().fold((Holder::Files, files), longer);
    let is_split = concurrency > 1 && loads.iter().any(|load| load.pages > 1 && load.at_once > 1);
    let rounds = ROUNDS_TO_BEGIN + if is_split { ROUNDS_TO_END } else { 0.0 };
    Span {
        time: duration(listing + files + rounds * page + BESIDES),
        page: duration(page),
        measured: loads.iter().filter(|load| load.page_seconds.is_some()).count() as u64,
        holder,
    }
}

/// The average of what is known, each with its weight; what is assumed where nothing is.
fn average(loads: &[Load], assumed: Duration, known: impl Fn(&Load) -> Option<(f64, f64)>) -> f64 {
    let (sum, weights) = loads
        .iter()
        .filter_map(known)
        .fold((0.0, 0.0), |(sum, weights), (value, weight)| (value.mul_add(weight, sum), weights + weight));
    if weights > 0.0 { sum / weights } else { assumed.as_secs_f64() }
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bucket of so many pages that took so many milliseconds each the last time.
    fn learnt(pages: u64, milliseconds: f64) -> Load {
        Load {
            account: 0,
            pages,
            requests: pages,
            at_once: u64::MAX,
            has_hints: true,
            page_seconds: Some(milliseconds / 1e3),
            finish_seconds: Some(0.0),
            held_seconds: None,
        }
    }

    /// Buckets as how many of how many pages, milliseconds that a page took and the files of a bucket were waited
    /// for the time before, requests in flight, and the seconds that the run took.
    type Measured = (&'static [(usize, u64)], f64, f64, u64, f64);

    /// Runs of the demo endpoint that had one before them, on two cores.
    const MEASURED: [Measured; 7] = [
        (&[(1, 1)], 201.8, 33.8, 64, 0.61),
        (&[(1, 20)], 204.5, 15.1, 64, 1.77),
        (&[(5, 100), (20, 1)], 85.9, 12.6, 64, 1.51),
        (&[(5, 100), (300, 2)], 236.1, 0.4, 64, 5.59),
        (&[(5, 100)], 34.9, 30.2, 4, 4.78),
        (&[(1, 1_000)], 209.9, 789.2, 64, 4.81),
        (&[(1, 1_000)], 104.2, 671.6, 16, 8.32),
    ];

    fn span(loads: &[Load], concurrency: u64) -> Span {
        of_loads(loads, concurrency, &[None, None], &[None, None])
    }

    #[test]
    fn second_runs_took_about_as_long_as_is_foreseen() {
        for (buckets, page, finish, concurrency, taken) in MEASURED {
            let bucket = |pages| Load { finish_seconds: Some(finish / 1e3), ..learnt(pages, page) };
            let loads: Vec<Load> = buckets.iter().flat_map(|(number, pages)| vec![bucket(*pages); *number]).collect();
            let foreseen = span(&loads, concurrency).time.as_secs_f64();
            assert!((foreseen / taken - 1.0).abs() < 0.25, "{buckets:?} {concurrency}: {foreseen} for {taken}");
        }
    }

    #[test]
    fn a_run_takes_as_long_as_what_holds_it_up_most() {
        let is_about = |span: Span, seconds: f64, holder: Holder| {
            let besides = BESIDES + (ROUNDS_TO_BEGIN + ROUNDS_TO_END) * span.page.as_secs_f64();
            let time = span.time.as_secs_f64() - besides;
            assert!((time - seconds).abs() < 1e-6 && span.holder == holder, "{seconds}: {span:?}");
        };
        let large = learnt(1_000, 100.0);
        is_about(span(&[large], 10), 10.0, Holder::Pages);
        is_about(span(&[large; 3], 10), 30.0, Holder::Pages);
        // Too few pages for more requests, and where keys lie is first to be found.
        is_about(span(&[learnt(8, 100.0)], 10), 0.4, Holder::Pages);
        is_about(span(&[Load { has_hints: false, ..large }], 10), 10.5, Holder::Pages);
        // Files of many small buckets.
        let small = Load { finish_seconds: Some(0.02), ..learnt(2, 100.0) };
        is_about(span(&vec![small; 1_000], 100), 20.0 + 2.0, Holder::Files);
        // Rates count requests that find no keys too.
        let vain = Load { requests: 2_000, ..large };
        is_about(of_loads(&[vain; 2], 100, &[Some(50)], &[None]), 40.0, Holder::BucketRate);
        is_about(of_loads(&[vain; 2], 100, &[None], &[Some(50)]), 80.0, Holder::AccountRate);
        let other = Load { account: 1, ..vain };
        is_about(of_loads(&[vain, other], 100, &[None, None], &[Some(50), None]), 40.0, Holder::AccountRate);
        is_about(span(&[Load { held_seconds: Some(30.0), ..large }], 10), 30.0, Holder::Store);
        // One chain, as where keys keep no order, is not split and so has no end to wait for.
        let chain = span(&[Load { at_once: 1, ..large }], 10).time;
        assert_eq!(chain, duration(100.0 + 0.1 + BESIDES));
    }

    #[test]
    fn what_is_not_known_is_like_the_rest_or_assumed() {
        let unknown = Load { page_seconds: None, finish_seconds: None, ..learnt(10, 0.0) };
        let alone = span(&[unknown], 10);
        assert_eq!((alone.page, alone.measured), (ASSUMED_PAGE, 0));
        let beside = span(&[unknown, learnt(30, 20.0)], 10);
        assert_eq!((beside.page, beside.measured), (Duration::from_millis(20), 1));
        let (none, huge) = (span(&[], 10), span(&[learnt(u64::MAX, 1e300)], 1));
        assert_eq!((none.page, huge.time), (ASSUMED_PAGE, Duration::MAX));
    }
}
