//! Numbers that look random, from a seed. Not for secrets.

/// Splits the names of runs off the draws, so that these stay what they are.
const RUN_SALT: u64 = 0x7275_6e20_6f66_2061;

/// A short name for the run of a program that has this seed. Two runs with the same name are
/// one in four thousand million; then an answer of the one before may pass for one of this.
pub(crate) fn run_name(seed: u64) -> u32 {
    (Random::new(seed ^ RUN_SALT).next() >> 32) as u32
}

/// The SplitMix64 generator (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`, which is not zero. The bias is far below what timeouts care about.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}
