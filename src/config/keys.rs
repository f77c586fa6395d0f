//! Key specifications: the one list that readers, variables, flags, trust and documents go by.
//!
//! [`section!`] defines a section and its keys, a row a key: description, field, type, default,
//! whether variables and flags set it (`env`) or the file alone (`file`), [`Trust`], and reader.
//! Promises: no key without a decision on trust; keys apply in the order of their table.

use super::valid::{http_host, loopback};
use super::value::{ConfigError, Field, Result};
use super::yaml::Value;

/// Path, trust and default of a key.
pub(super) struct KeySpec {
    /// Key with its section; `[]` stands for any entry: `aws.accounts[].profile`.
    pub path: &'static str,
    /// Whether a variable and a flag set the key, too.
    pub variable: bool,
    /// Whether a file that was found, not named, may set the key.
    pub trust: Trust,
    /// Whether an entry without the key is refused.
    pub required: bool,
    /// Default as YAML writes it. None: no value.
    #[cfg(test)]
    pub default: Option<&'static str>,
    /// Description, one sentence. config.yaml and dlq-config(5) open with it.
    pub description: &'static str,
}

/// Danger of a value in a file that was found in the current folder: whoever made the folder may
/// be a stranger. The text completes "may not ...".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Every value is allowed.
    Anyone,
    /// Every value is refused.
    Owner(&'static str),
    /// Values other than `false` and the empty list are refused.
    OffOnly(&'static str),
    /// The value `off` is refused.
    OnOnly(&'static str),
    /// URLs of other machines are refused.
    Loopback,
    /// Values that name a program to run are refused.
    NoCommand,
}

/// A key and the function that stores its value in `T`.
pub(super) struct Setter<T> {
    pub spec: KeySpec,
    pub set: fn(&mut T, &Field<'_>) -> Result<()>,
}

impl KeySpec {
    /// Returns the variable that sets this key.
    pub fn variable_name(&self) -> String {
        format!("DLQ_{}", self.path.replace('.', "_").to_uppercase())
    }

    /// Returns the key without its section.
    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }

    /// Returns the section of the key.
    pub fn section(&self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(section, _)| section)
    }
}

impl Trust {
    /// Refuses a value that is dangerous, if it comes from a file that is not trusted.
    pub fn check(self, field: &Field<'_>) -> Result<()> {
        match self {
            _ if field.source.trusted => Ok(()),
            Trust::Anyone => Ok(()),
            Trust::OffOnly(_) if field.is_off() => Ok(()),
            Trust::OnOnly(what) if field.is_off() => Err(field.untrusted(what)),
            Trust::OnOnly(what) => match &field.node.value {
                Value::Text(text) if text.trim().eq_ignore_ascii_case("off") => {
                    Err(field.untrusted(what))
                }
                _ => Ok(()),
            },
            Trust::Owner(what) | Trust::OffOnly(what) => Err(field.untrusted(what)),
            // A reference to a secret that may name any server.
            Trust::Loopback if matches!(field.node.value, Value::Map(_)) => {
                Err(field.untrusted("name a server on another machine"))
            }
            Trust::Loopback => match field.text().ok().as_deref().and_then(http_host) {
                Some(host) if !loopback(host) => {
                    Err(field.untrusted("name a server on another machine"))
                }
                _ => Ok(()),
            },
            Trust::NoCommand => match field.command() {
                Some(command) => Err(command.untrusted("run commands")),
                None => Ok(()),
            },
        }
    }
}

impl<T> Setter<T> {
    /// Checks trust, reads the value and stores it.
    pub fn apply(&self, target: &mut T, field: &Field<'_>) -> Result<()> {
        self.spec.trust.check(field)?;
        (self.set)(target, field)
    }
}

/// Reads a map whose keys are those of `setters`. A key without a value keeps its default.
pub(super) fn read_map<'k, T: 'k>(
    target: &mut T,
    setters: impl Iterator<Item = &'k Setter<T>> + Clone,
    map: &Field<'_>,
) -> Result<()> {
    let names: Vec<&str> = setters.clone().map(|setter| setter.spec.name()).collect();
    let entries = map.entries(&names)?;
    for setter in setters {
        let name = setter.spec.name();
        match entries.iter().find(|(given, _)| *given == name) {
            Some((_, field)) => setter.apply(target, field)?,
            None if setter.spec.required => {
                let text = format!("'{name}' is missing: {}", setter.spec.description.trim());
                return Err(map.problem(text));
            }
            None => {}
        }
    }
    Ok(())
}

/// Reads one entry of a list of maps.
pub(super) fn read_entry<T: Default>(
    setters: &'static [Setter<T>],
    map: &Field<'_>,
) -> std::result::Result<T, ConfigError> {
    let mut entry = T::default();
    read_map(&mut entry, setters.iter(), map)?;
    Ok(entry)
}

/// Defines a section, or an entry of a list: the type, its defaults, and the table of its keys.
macro_rules! section {
    (
        $(#[$meta:meta])*
        pub struct $name:ident, $table:ident for $to:ident: $target:ident $at:tt in $path:literal;
        $($(#[doc = $doc:literal])+ $field:ident $(as $key:literal)?: $type:ty =
            $default:tt, $by:ident $trust:expr => $reader:ident $args:tt;)*
        $(with $part:ident: $part_type:ty;)?
    ) => {
        $(#[$meta])*
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)*
            $(pub $part: $part_type,)?
        }

        impl Default for $name {
            fn default() -> Self {
                $name {
                    $($field: $crate::config::keys::initial!($default, $reader $args),)*
                    $($part: <$part_type>::default(),)?
                }
            }
        }

        $crate::config::keys::keys! {
            $table for $to: $target $at in $path;
            $($(#[doc = $doc])+ $field $(as $key)?: $type =
                $default, $by $trust => $reader $args;)*
        }
    };
}

/// Defines a table of keys for a type that is defined elsewhere. Rows are those of [`section!`];
/// the arguments of a reader may use what was read before.
macro_rules! keys {
    (
        $table:ident for $to:ident: $target:ident $at:tt in $path:literal;
        $($(#[doc = $doc:literal])+ $field:ident $(as $key:literal)?: $type:ty =
            $default:tt, $by:ident $trust:expr => $reader:ident $args:tt;)*
    ) => {
        pub(super) const $table: &[$crate::config::keys::Setter<$target>] = &[$(
            $crate::config::keys::Setter {
                spec: $crate::config::keys::KeySpec {
                    path: $crate::config::keys::row!(path $path, $field $($key)?),
                    variable: $crate::config::keys::row!(by $by),
                    trust: $trust,
                    required: $crate::config::keys::row!(required $default),
                    #[cfg(test)]
                    default: $crate::config::keys::row!(default $default),
                    description: concat!($($doc),+),
                },
                set: |$to, field| {
                    let value: $type =
                        $crate::config::keys::row!(value $default, field.$reader $args?);
                    $crate::config::keys::row!(store $to, $at, $field, value);
                    Ok(())
                },
            }
        ),*];
    };
}

/// The parts of a row.
macro_rules! row {
    (path $path:literal, $field:ident) => { concat!($path, ".", stringify!($field)) };
    (path $path:literal, $field:ident $key:literal) => { concat!($path, ".", $key) };
    (by env) => { true };
    (by file) => { false };
    (required required) => { true };
    (required $default:tt) => { false };
    (default none) => { None };
    (default required) => { None };
    (default $default:literal) => { Some($default) };
    (default $default:tt) => { Some(stringify!($default)) };
    (value none, $value:expr) => { Some($value) };
    (value $default:tt, $value:expr) => { $value };
    (store $target:ident, [], $field:ident, $value:ident) => { $target.$field = $value };
    (store $target:ident, [$($at:tt)+], $field:ident, $value:ident) => {
        $target.$($at)+.$field = $value
    };
}

/// The built-in value of a key.
macro_rules! initial {
    ($default:literal, $reader:ident $args:tt) => {
        $crate::config::value::built_in($default, |field| field.$reader $args)
    };
    ($none:tt, $($reader:tt)*) => { Default::default() };
}

pub(super) use {initial, keys, row, section};
