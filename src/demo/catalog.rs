//! Which buckets the endpoint has.
//!
//! Responsible for their names and what stands behind each. It leaves their keys to `shape`.
//! Invariant: names are unique and iterate in byte order, as `ListBuckets` answers them.

use std::collections::BTreeMap;

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

/// The buckets of an endpoint.
#[derive(Debug)]
pub(super) struct Catalog {
    buckets: BTreeMap<String, Bucket>,
}

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
        Self { buckets }
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
