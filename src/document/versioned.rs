//! A document's body behind its version, as it stands on disk.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// `{"version": 1, …}`, where the other fields are those of the body. Reading passes the fields on
/// one by one: serde's `flatten` would first hold all of them in memory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Versioned<T> {
    /// The version of the format.
    pub version: u64,
    /// The records.
    #[serde(flatten)]
    pub body: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Versioned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = Versioned<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document with a version")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut version = None;
        let body = BodyFields { map, version: &mut version };
        let body = T::deserialize(MapAccessDeserializer::new(body))?;
        let version = version.ok_or_else(|| A::Error::missing_field("version"))?;
        Ok(Versioned { version, body })
    }
}

/// The fields of a document without its version, which is put aside.
struct BodyFields<'a, A> {
    map: A,
    version: &'a mut Option<u64>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for BodyFields<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            if key != "version" {
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
            if self.version.replace(self.map.next_value()?).is_some() {
                return Err(A::Error::duplicate_field("version"));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}
