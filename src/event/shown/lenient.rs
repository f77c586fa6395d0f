//! Fields that are read if they have the expected form, and are unknown otherwise.
//!
//! Nothing here fails on valid JSON: an event of an unknown type may have any value under a known
//! name.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::money::Usd;
use crate::time::Timestamp;

/// The most items of a list that are read.
pub(super) const ITEMS_MAX: usize = 32;

/// A value that JSON writes as a text, a number, true or false.
pub(super) trait Scalar<'de>: Sized {
    fn of_line(text: &'de str) -> Option<Self> {
        Self::of_text(text)
    }
    fn of_text(_: &str) -> Option<Self> {
        None
    }
    fn of_integer(_: u64) -> Option<Self> {
        None
    }
    fn of_number(_: f64) -> Option<Self> {
        None
    }
    fn of_bool(_: bool) -> Option<Self> {
        None
    }
}

impl<'de> Scalar<'de> for Cow<'de, str> {
    fn of_line(text: &'de str) -> Option<Self> {
        Some(Cow::Borrowed(text))
    }
    fn of_text(text: &str) -> Option<Self> {
        Some(Cow::Owned(text.to_owned()))
    }
}

impl Scalar<'_> for u64 {
    fn of_integer(number: u64) -> Option<Self> {
        Some(number)
    }
}

impl Scalar<'_> for f64 {
    fn of_integer(number: u64) -> Option<Self> {
        Some(number as f64)
    }
    fn of_number(number: f64) -> Option<Self> {
        Some(number)
    }
}

impl Scalar<'_> for Usd {
    fn of_integer(number: u64) -> Option<Self> {
        Usd::from_dollars(number as f64)
    }
    fn of_number(number: f64) -> Option<Self> {
        Usd::from_dollars(number)
    }
}

impl Scalar<'_> for bool {
    fn of_bool(flag: bool) -> Option<Self> {
        Some(flag)
    }
}

impl Scalar<'_> for Timestamp {
    fn of_text(text: &str) -> Option<Self> {
        Timestamp::parse(text)
    }
}

/// Reads a scalar; None for null and for a value of another form.
pub(super) fn scalar<'de, T: Scalar<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    from.deserialize_any(ScalarVisitor(PhantomData))
}

struct ScalarVisitor<T>(PhantomData<T>);

/// The methods of a visitor that ignore what it does not expect.
macro_rules! ignore {
    (map) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (scalars) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (rest) => {
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any value")
        }
    };
}

impl<'de, T: Scalar<'de>> Visitor<'de> for ScalarVisitor<T> {
    type Value = Option<T>;
    ignore!(map);
    ignore!(list);
    ignore!(rest);

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Option<T>, E> {
        Ok(T::of_line(text))
    }
    fn visit_str<E>(self, text: &str) -> Result<Option<T>, E> {
        Ok(T::of_text(text))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Option<T>, E> {
        Ok(T::of_integer(number))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Option<T>, E> {
        Ok(T::of_number(number))
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Option<T>, E> {
        Ok(T::of_bool(flag))
    }
}

/// Reads an object; the default for a value of another form.
pub(super) fn object<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    from.deserialize_any(ObjectVisitor(PhantomData))
}

/// Reads an object that few events have; None for a value of another form.
pub(super) fn boxed<'de, T, D>(from: D) -> Result<Option<Box<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let boxed: Boxed<T> = object(from)?;
    Ok(boxed.0)
}

struct Boxed<T>(Option<Box<T>>);

impl<T> Default for Boxed<T> {
    fn default() -> Self {
        Boxed(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Boxed<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::deserialize(from).map(|one| Boxed(Some(Box::new(one))))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;
    ignore!(list);
    ignore!(scalars);
    ignore!(rest);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// Reads the first [`ITEMS_MAX`] items of a list of objects; empty for a value of another form.
pub(super) fn objects<'de, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    from.deserialize_any(ListVisitor(PhantomData))
}

struct ListVisitor<T>(PhantomData<T>);

/// An item of a list.
struct Item<T>(T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        object(from).map(Item)
    }
}

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;
    ignore!(map);
    ignore!(scalars);
    ignore!(rest);

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while items.len() < ITEMS_MAX {
            match list.next_element::<Item<T>>()? {
                Some(Item(item)) => items.push(item),
                None => return Ok(items),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(items)
    }
}
