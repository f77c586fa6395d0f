//! Dice for campaigns of random moments: equal seeds throw equal numbers.

pub struct Dice(pub u64);

impl Dice {
    /// Returns a number from 0 to `sides` - 1.
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Returns whether `DLQ_LONG` is set, as `scripts/check --long` does.
pub fn is_long() -> bool {
    std::env::var_os("DLQ_LONG").is_some()
}

/// Returns the number of campaigns.
pub fn campaigns() -> u64 {
    if is_long() { 5 } else { 1 }
}
