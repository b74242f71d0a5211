//! Keys that say one thing in two ways: which way counts where layers say both.
//!
//! Responsible for the pairs of such ways. It leaves to the tables what to make of a layer that says
//! both by itself. It owns the invariant that the way of the highest layer that says any is the only
//! one left of all layers, so that nobody behind has to know which layer said what.
//!
//! Environment variables have no order that their author chose: two of them say both in one layer.

use figment::value::Dict;

use super::layers::Layer;
use super::source::Origin;

/// Two ways, each by its keys.
type Ways = [&'static [&'static str]; 2];

/// The ways of the table `[window]`.
const WINDOW: Ways = [&["period"], &["since", "until"]];
/// The ways of each table `[accounts.NAME]`.
const ACCOUNT: Ways = [&["account_ids"], &["account_ids_file"]];

/// Takes out of each layer what a higher one says in the other way. The lowest layer comes first.
pub fn settle(layers: &mut [Layer]) {
    for place in 1..layers.len() {
        let (below, above) = layers.split_at_mut(place);
        let is_variable = above[0].origin() == Origin::Variable;
        for (table, keys) in lost(&above[0].values) {
            for layer in below.iter_mut().filter(|layer| !is_variable || layer.origin() != Origin::Variable) {
                layer.remove(&table, keys);
            }
        }
    }
}

/// The keys that a layer with these values takes from those below it, by the path of their table.
fn lost(values: &Dict) -> Vec<(Vec<&str>, &'static [&'static str])> {
    let table = |values: &Dict, ways: Ways| {
        let says = |keys: &[&str]| keys.iter().any(|key| values.contains_key(*key));
        match ways.map(says) {
            [true, false] => Some(ways[1]),
            [false, true] => Some(ways[0]),
            // Of a layer that says both, the tables make a problem.
            _ => None,
        }
    };
    let inner = |key: &str| values.get(key).and_then(|value| value.as_dict());
    let window = inner("window").and_then(|window| Some((vec!["window"], table(window, WINDOW)?)));
    let accounts = inner("accounts").into_iter().flatten().filter_map(|(name, account)| {
        let keys = table(account.as_dict()?, ACCOUNT)?;
        Some((vec!["accounts", name.as_str()], keys))
    });
    window.into_iter().chain(accounts).collect()
}
