//! The option `--color`, and the decision whether an output is coloured.

use super::{Opt, ValueKind};
use crate::config::Env;
use crate::words::words;

/// The option of the programs that colour their output.
pub const COLOR: Opt = Opt::valued(
    "color",
    "WHEN",
    ValueKind::Words(&["auto", "always", "never"]),
    "colour the output: auto, always or never",
);

words! {
    #[derive(Default)]
    /// The choices of `--color`.
    Color {
        #[default]
        /// Colour on a terminal that has colours, unless `NO_COLOR` is set.
        Auto = "auto",
        Always = "always",
        Never = "never",
    }
}

impl Color {
    /// Returns the choice of the command line.
    pub fn given(given: &super::Given) -> Self {
        given.text(COLOR.long).and_then(|word| Color::parse(&word)).unwrap_or_default()
    }

    /// Returns whether the output is coloured.
    pub fn is_wanted(self, env: &Env, terminal: bool) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                terminal && env.real("NO_COLOR").is_none() && env.real("TERM") != Some("dumb")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_depends_on_option_terminal_and_environment() {
        let env = |name: &str, value: &str| Env::from_pairs([(name, value)]);
        let rows = [
            (Color::Auto, env("TERM", "xterm"), true, true),
            (Color::Auto, env("TERM", "xterm"), false, false),
            (Color::Auto, env("NO_COLOR", "1"), true, false),
            (Color::Auto, env("NO_COLOR", ""), true, true),
            (Color::Auto, env("TERM", "dumb"), true, false),
            (Color::Always, env("NO_COLOR", "1"), false, true),
            (Color::Never, env("TERM", "xterm"), true, false),
        ];
        for (color, env, terminal, expected) in rows {
            assert_eq!(color.is_wanted(&env, terminal), expected, "{color:?} {env:?} {terminal}");
        }
    }
}
