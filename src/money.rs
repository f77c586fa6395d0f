//! Amounts of US dollars, exact to the micro-dollar: integers, so that sums are exact.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount of US dollars, exact to the micro-dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(u64);

impl Usd {
    pub const NONE: Usd = Usd(0);

    pub const fn from_micros(micros: u64) -> Self {
        Usd(micros)
    }

    /// Converts from dollars; None for a negative or non-finite number.
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        // The cast saturates.
        (dollars.is_finite() && dollars >= 0.0).then(|| Usd((dollars * 1e6).round() as u64))
    }

    pub const fn micros(self) -> u64 {
        self.0
    }

    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Returns the sum, which saturates.
    #[must_use]
    pub fn plus(self, other: Usd) -> Self {
        Usd(self.0.saturating_add(other.0))
    }

    /// Returns the difference, or zero when the other is larger.
    #[must_use]
    pub fn less(self, other: Usd) -> Self {
        Usd(self.0.saturating_sub(other.0))
    }

    /// Returns a multiple, which saturates.
    #[must_use]
    pub fn times(self, factor: u64) -> Self {
        Usd(self.0.saturating_mul(factor))
    }

    /// Returns a share of 0 to 1.
    #[must_use]
    pub fn share(self, share: f64) -> Self {
        Usd((self.0 as f64 * share.clamp(0.0, 1.0)).round() as u64)
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(all: I) -> Usd {
        all.fold(Usd(0), Usd::plus)
    }
}

impl fmt::Display for Usd {
    /// Shows cents, and finer digits below one cent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0 {
            1..100 => 6,
            100..10_000 => 4,
            _ => 2,
        };
        write!(f, "${:.digits$}", self.dollars())
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.dollars())
    }
}

impl<'de> Deserialize<'de> for Usd {
    /// Reads a number of dollars; rejects negative and non-finite numbers.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(deserializer)?;
        let wrong = || de::Error::custom(format!("{dollars} is not an amount of money"));
        Usd::from_dollars(dollars).ok_or_else(wrong)
    }
}

/// Reads an amount that an agent reported; an invalid one is unknown.
pub fn reported<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Usd>, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.and_then(Usd::from_dollars))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_invalid_ones_are_refused() {
        let usd = |dollars| Usd::from_dollars(dollars).unwrap();
        assert_eq!(usd(0.1).plus(usd(0.2)), usd(0.3));
        let tenths = std::iter::repeat_n(usd(0.1), 1000).sum::<Usd>();
        assert_eq!((tenths, tenths.dollars()), (usd(100.0), 100.0));
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.01] {
            assert_eq!(Usd::from_dollars(bad), None, "{bad}");
        }
        assert_eq!(usd(1e300), Usd(u64::MAX));
        assert_eq!(
            (usd(1e300).plus(usd(1.0)), usd(1.0).less(usd(2.0))),
            (Usd(u64::MAX), Usd::NONE)
        );
        assert_eq!(usd(25.0).share(0.2), usd(5.0));
    }

    #[test]
    fn amounts_are_shown_in_cents_and_small_ones_in_full() {
        let rows = [
            (0.0, "$0.00"),
            (1.2, "$1.20"),
            (0.0042, "$0.0042"),
            (1.256, "$1.26"),
            (1234.5, "$1234.50"),
        ];
        for (dollars, shown) in rows {
            assert_eq!(Usd::from_dollars(dollars).unwrap().to_string(), shown);
        }
        assert_eq!(Usd::from_dollars(0.000_001).unwrap().to_string(), "$0.000001");
    }
}
