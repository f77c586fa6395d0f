//! Amounts of US dollars, exact to the micro-dollar: whole numbers inside, so that sums hold.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// An amount of US dollars, exact to the micro-dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(u64);

impl Usd {
    /// Nothing.
    pub const NONE: Usd = Usd(0);
    /// More than anybody has.
    pub const MOST: Usd = Usd(u64::MAX);

    /// The amount; None when it is none: not a number, infinite, or negative.
    pub fn of(dollars: f64) -> Option<Self> {
        // A cast beyond the largest number is that number.
        (dollars.is_finite() && dollars >= 0.0).then(|| Usd((dollars * 1e6).round() as u64))
    }

    /// In dollars.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The sum; at the largest number it stays.
    #[must_use]
    pub fn plus(self, other: Usd) -> Self {
        Usd(self.0.saturating_add(other.0))
    }

    /// What is left when the other is taken away: nothing, when that is more.
    #[must_use]
    pub fn less(self, other: Usd) -> Self {
        Usd(self.0.saturating_sub(other.0))
    }

    /// A share of it, of 0 to 1.
    #[must_use]
    pub fn share(self, share: f64) -> Self {
        Usd((self.0 as f64 * share.clamp(0.0, 1.0)).round() as u64)
    }

    /// A limit of the configuration, which has checked it: what is none allows nothing.
    pub fn limit(dollars: f64) -> Self {
        Usd::of(dollars).unwrap_or_default()
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(all: I) -> Usd {
        all.fold(Usd(0), Usd::plus)
    }
}

impl fmt::Display for Usd {
    /// In cents, and finer where there is less than one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0 {
            1..100 => 6,
            100..10_000 => 4,
            _ => 2,
        };
        write!(f, "${:.digits$}", self.dollars())
    }
}

/// Reads an amount of money: what is none makes the document one that does not parse.
pub fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let dollars = f64::deserialize(deserializer)?;
    let wrong = || de::Error::custom(format!("{dollars} is not an amount of money"));
    Usd::of(dollars).map(|_| dollars).ok_or_else(wrong)
}

/// The same where there may be none.
pub fn or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let dollars = Option::<f64>::deserialize(deserializer)?;
    match dollars.filter(|dollars| Usd::of(*dollars).is_none()) {
        Some(wrong) => Err(de::Error::custom(format!("{wrong} is not an amount of money"))),
        None => Ok(dollars),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_what_is_none_is_refused() {
        let usd = |dollars| Usd::of(dollars).unwrap();
        assert_eq!(usd(0.1).plus(usd(0.2)), usd(0.3));
        let tenths = std::iter::repeat_n(usd(0.1), 1000).sum::<Usd>();
        assert_eq!((tenths, tenths.dollars()), (usd(100.0), 100.0));
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.01] {
            assert_eq!(Usd::of(bad), None, "{bad}");
        }
        assert_eq!(usd(1e300), Usd::MOST);
        assert_eq!((usd(1e300).plus(usd(1.0)), usd(1.0).less(usd(2.0))), (Usd::MOST, Usd::NONE));
        assert_eq!(usd(25.0).share(0.2), usd(5.0));
    }

    #[test]
    fn amounts_are_shown_in_cents_and_never_as_nothing() {
        let rows = [(0.0, "$0.00"), (1.2, "$1.20"), (0.0042, "$0.0042"), (1234.5, "$1234.50")];
        for (dollars, shown) in rows {
            assert_eq!(Usd::of(dollars).unwrap().to_string(), shown);
        }
        assert_eq!(Usd::of(0.000_001).unwrap().to_string(), "$0.000001");
    }
}
