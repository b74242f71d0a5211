//! Deterministic mixing: the only source of irregularity in the synthetic buckets.
//!
//! Responsible for turning a seed and a number into 64 well-spread bits. It leaves to others what
//! the bits mean. Invariant: a value depends on its two arguments alone, on every platform.

/// Increment and multipliers of `SplitMix64` (Steele, Lea and Flood, 2014).
const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;
const FIRST_MULTIPLIER: u64 = 0xbf58_476d_1ce4_e5b9;
const SECOND_MULTIPLIER: u64 = 0x94d0_49bb_1331_11eb;

/// The `value`-th output of a `SplitMix64` generator that starts at `seed`.
pub(super) fn mix(seed: u64, value: u64) -> u64 {
    let mut bits = seed.wrapping_add(value.wrapping_add(1).wrapping_mul(INCREMENT));
    bits = (bits ^ (bits >> 30)).wrapping_mul(FIRST_MULTIPLIER);
    bits = (bits ^ (bits >> 27)).wrapping_mul(SECOND_MULTIPLIER);
    bits ^ (bits >> 31)
}

/// A seed for whatever is called `name`, so that equal ranks of two buckets differ.
pub(super) fn seed_of(seed: u64, name: &str) -> u64 {
    name.bytes().fold(mix(seed, 0), |state, byte| mix(state, u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_outputs_are_those_of_splitmix64() {
        // Reference outputs of the published generator for the seed 1234567.
        let outputs: Vec<u64> = (0..3).map(|index| mix(1_234_567, index)).collect();
        assert_eq!(outputs, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn names_and_seeds_give_seeds_of_their_own() {
        assert_ne!(seed_of(1, "demo-flat"), seed_of(1, "demo-uuid"));
        assert_ne!(seed_of(1, "demo-flat"), seed_of(2, "demo-flat"));
    }
}
