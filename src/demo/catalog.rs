//! Which buckets the endpoint has.
//!
//! Responsible for their names and what stands behind each. It leaves their keys to `shape`.
//! Invariant: names are unique and iterate in byte order, as `ListBuckets` answers them.

use std::collections::BTreeMap;

use super::REGION;
use super::hash::seed_of;
use super::shape::{KeyStyle, Shape};
use super::spec::Spec;

/// Names that no client should turn into a path or print as it stands.
pub(super) const HOSTILE_NAMES: [&str; 2] = ["../../etc", "demo-line\nbreak"];

/// What `HOSTILE_NAMES[0]` can be turned into on its way through clients that tidy up paths.
const TIDIED_HOSTILE_NAMES: [&str; 3] = ["etc", "../etc", "/etc"];

const HOSTILE_OBJECTS: u64 = 10;

/// What stands behind a bucket's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bucket {
    /// Can be listed.
    Open(Shape),
    /// Exists, but every request is refused.
    Denied,
    /// Is listed among the buckets, but does not exist.
    Missing,
}

/// A bucket in another region than the endpoint's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Elsewhere {
    pub(super) region: &'static str,
    pub(super) answer: ElsewhereAnswer,
}

/// What is answered to who asks in the wrong region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ElsewhereAnswer {
    /// 301, with the region in a header.
    Permanent,
    /// 307, likewise.
    Temporary,
    /// 400, with the region in the document.
    Malformed,
    /// 301; and in the right region the access key is not known.
    Disabled,
}

/// The buckets of an endpoint.
#[derive(Debug)]
pub(super) struct Catalog {
    buckets: BTreeMap<String, Bucket>,
    elsewhere: BTreeMap<String, Elsewhere>,
}

const ELSEWHERE: &str = "eu-west-1";
const DISABLED: &str = "me-south-1";
const ELSEWHERE_OBJECTS: u64 = 100;

impl Catalog {
    pub(super) fn new(spec: &Spec) -> Self {
        let open = |name: String, style, objects| {
            let shape = Shape::new(style, objects, seed_of(spec.seed, &name));
            (name, Bucket::Open(shape))
        };
        let mut buckets = BTreeMap::new();
        for &style in &spec.styles {
            if spec.buckets == 1 {
                buckets.extend([open(format!("demo-{style}"), style, spec.objects)]);
            } else {
                buckets.extend(
                    (1..=spec.buckets).map(|number| open(format!("demo-{style}-{number:04}"), style, spec.objects)),
                );
            }
        }
        let numbered = 1..=spec.small;
        let styles = spec.styles.iter().cycle();
        buckets.extend(
            numbered
                .zip(styles)
                .map(|(number, &style)| open(format!("demo-small-{number:04}"), style, spec.small_objects)),
        );
        buckets.extend((1..=spec.denied).map(|number| (format!("demo-denied-{number}"), Bucket::Denied)));
        buckets.extend((1..=spec.missing).map(|number| (format!("demo-missing-{number}"), Bucket::Missing)));
        if spec.hostile {
            buckets.extend(HOSTILE_NAMES.map(|name| open(name.to_owned(), KeyStyle::Flat, HOSTILE_OBJECTS)));
        }
        let mut elsewhere = BTreeMap::new();
        let answers = [ElsewhereAnswer::Permanent, ElsewhereAnswer::Temporary, ElsewhereAnswer::Malformed];
        for (number, answer) in (1..=spec.elsewhere).zip(answers.into_iter().cycle()) {
            elsewhere.insert(format!("demo-elsewhere-{number}"), Elsewhere { region: ELSEWHERE, answer });
        }
        for number in 1..=spec.disabled {
            let place = Elsewhere { region: DISABLED, answer: ElsewhereAnswer::Disabled };
            elsewhere.insert(format!("demo-disabled-{number}"), place);
        }
        buckets.extend(elsewhere.keys().map(|name| open(name.clone(), KeyStyle::Flat, ELSEWHERE_OBJECTS)));
        Self { buckets, elsewhere }
    }

    /// Where a bucket is that is in another region than the endpoint's.
    pub(super) fn elsewhere(&self, name: &str) -> Option<Elsewhere> {
        self.elsewhere.get(name).copied()
    }

    /// The region a bucket is in.
    pub(super) fn region_of(&self, name: &str) -> &'static str {
        self.elsewhere(name).map_or(REGION, |place| place.region)
    }

    /// The region that the list of buckets tells: that of a bucket that is elsewhere is out of date.
    pub(super) fn region_told(&self, name: &str) -> &'static str {
        let place = self.elsewhere(name).filter(|place| place.answer == ElsewhereAnswer::Disabled);
        place.map_or(REGION, |place| place.region)
    }

    /// The bucket of this name; a hostile one also under a tidied form of its name.
    pub(super) fn find(&self, name: &str) -> Option<&Bucket> {
        self.buckets
            .get(name)
            .or_else(|| TIDIED_HOSTILE_NAMES.contains(&name).then(|| self.buckets.get(HOSTILE_NAMES[0])).flatten())
    }

    /// All names that begin with `prefix` and are greater than `after`, in byte order.
    pub(super) fn names<'a>(&'a self, prefix: &'a str, after: Option<&'a str>) -> impl Iterator<Item = &'a str> {
        self.buckets
            .keys()
            .map(String::as_str)
            .filter(move |name| name.starts_with(prefix))
            .filter(move |name| after.is_none_or(|after| *name > after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(text: &str) -> Catalog {
        Catalog::new(&text.parse().unwrap())
    }

    fn names(text: &str) -> Vec<String> {
        catalog(text).names("", None).map(str::to_owned).collect()
    }

    #[test]
    fn one_bucket_per_shape_by_default() {
        assert_eq!(names("demo:"), ["demo-dates", "demo-flat", "demo-skewed", "demo-unicode", "demo-uuid"]);
    }

    #[test]
    fn numbered_small_denied_missing_and_hostile() {
        assert_eq!(
            names("demo:?shape=flat&buckets=2&small=2&denied=1&missing=1&hostile=1"),
            [
                "../../etc",
                "demo-denied-1",
                "demo-flat-0001",
                "demo-flat-0002",
                "demo-line\nbreak",
                "demo-missing-1",
                "demo-small-0001",
                "demo-small-0002",
            ]
        );
        assert_eq!(names("demo:?buckets=0"), Vec::<String>::new());
    }

    #[test]
    fn small_buckets_take_the_shapes_in_turn() {
        let catalog = catalog("demo:?small=6&small_objects=3");
        let objects = |name| match catalog.find(name) {
            Some(Bucket::Open(shape)) => shape.objects(),
            other => panic!("{name} is {other:?}"),
        };
        assert_eq!(objects("demo-small-0006"), 3);
        assert_ne!(catalog.find("demo-small-0001"), catalog.find("demo-small-0002"));
    }

    #[test]
    fn hostile_names_are_found_however_tidied() {
        let catalog = catalog("demo:?hostile=1");
        for name in ["../../etc", "etc", "/etc", "../etc", "demo-line\nbreak"] {
            assert!(matches!(catalog.find(name), Some(Bucket::Open(_))), "{name}");
        }
        assert_eq!(Catalog::new(&Spec::default()).find("etc"), None);
    }

    #[test]
    fn names_are_narrowed_by_prefix_and_position() {
        let catalog = catalog("demo:");
        let found: Vec<&str> = catalog.names("demo-u", Some("demo-unicode")).collect();
        assert_eq!(found, ["demo-uuid"]);
    }
}
