//! Lists and maps of records, split by keys and joined again.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::keys::{Keys, RecordKind};

/// The records of a list that a decision did not ask for, and where the others stood among them.
#[derive(Debug)]
pub struct ListRest<T> {
    slots: Vec<Slot<T>>,
}

#[derive(Debug)]
enum Slot<T> {
    Kept(T),
    /// The place of a record of this key that was asked for.
    Asked(String),
}

/// Takes the records out of a list that `keys` does not name.
pub fn split_list<T>(
    list: &mut Vec<T>,
    kind: RecordKind,
    keys: &Keys<'_>,
    key_of: impl Fn(&T) -> String,
) -> ListRest<T> {
    let mut slots = Vec::new();
    if !keys.contains_all(kind) {
        for record in std::mem::take(list) {
            let key = key_of(&record);
            if keys.contains(kind, &key) {
                list.push(record);
                slots.push(Slot::Asked(key));
            } else {
                slots.push(Slot::Kept(record));
            }
        }
    }
    ListRest { slots }
}

/// Puts the records back: those that were asked for in their old places, new ones at the end.
pub fn join_list<T>(list: &mut Vec<T>, rest: ListRest<T>, key_of: impl Fn(&T) -> String) {
    if rest.slots.iter().all(|slot| matches!(slot, Slot::Asked(_))) {
        return;
    }
    let mut changed: Vec<Option<T>> = std::mem::take(list).into_iter().map(Some).collect();
    let mut places: HashMap<String, VecDeque<usize>> = HashMap::new();
    for (at, record) in changed.iter().enumerate() {
        places.entry(record.as_ref().map_or_else(String::new, &key_of)).or_default().push_back(at);
    }
    for slot in rest.slots {
        match slot {
            Slot::Kept(record) => list.push(record),
            // A record that the decision has removed has no place any more.
            Slot::Asked(key) => {
                let at = places.get_mut(&key).and_then(VecDeque::pop_front);
                list.extend(at.and_then(|at| changed[at].take()));
            }
        }
    }
    list.extend(changed.into_iter().flatten());
}

/// Makes a struct of lists a [`super::Document`]: its name and version, and for each list the
/// type, the kind and the key of its records.
macro_rules! list_document {
    (
        $document:ident in $name:literal, version $version:literal;
        $($list:ident: $record:ty as $kind:expr => $key_of:expr;)*
    ) => {
        impl $crate::document::Document for $document {
            const NAME: &str = $name;
            const VERSION: u64 = $version;
            type Rest = ($($crate::document::ListRest<$record>,)*);

            fn split(&mut self, keys: &$crate::document::Keys<'_>) -> Self::Rest {
                ($($crate::document::split_list(&mut self.$list, $kind, keys, $key_of),)*)
            }

            fn join(&mut self, ($($list,)*): Self::Rest) {
                $($crate::document::join_list(&mut self.$list, $list, $key_of);)*
            }

            fn each_key(&self, see: &mut dyn FnMut(RecordKind, &str)) {
                $(
                    let key_of: fn(&$record) -> String = $key_of;
                    self.$list.iter().for_each(|record| see($kind, &key_of(record)));
                )*
            }
        }
    };
}
pub(crate) use list_document;

/// Takes the records out of a map that `keys` does not name. The keys of the map are those of the
/// records.
pub fn split_map<V>(
    map: &mut BTreeMap<String, V>,
    kind: RecordKind,
    keys: &Keys<'_>,
) -> BTreeMap<String, V> {
    if keys.contains_all(kind) {
        return BTreeMap::new();
    }
    map.extract_if(.., |id, _| !keys.contains(kind, id)).collect()
}

/// Puts the records of a map back.
pub fn join_map<V>(map: &mut BTreeMap<String, V>, rest: BTreeMap<String, V>) {
    map.extend(rest);
}
