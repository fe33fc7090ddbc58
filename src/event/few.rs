//! [`Few`]: a bounded list that says how much it left out.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most items that a [`Few`] keeps.
pub const MAX_FEW_ITEMS: usize = 64;

/// At most [`MAX_FEW_ITEMS`] items, and how many more there were.
///
/// In JSON an array of the items; if there were more, its last element is `{"more": n}`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Few<T> {
    items: Vec<T>,
    more: u64,
}

impl<T> Few<T> {
    /// The items kept, the first ones.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// How many were left out.
    pub fn more(&self) -> u64 {
        self.more
    }

    pub(crate) fn push(&mut self, item: T) {
        if self.items.len() < MAX_FEW_ITEMS {
            self.items.push(item);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { items: Vec::new(), more: 0 }
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T: fmt::Debug> fmt::Debug for Few<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        list.entries(&self.items);
        if self.more > 0 {
            list.entry(&format_args!("and {} more", self.more));
        }
        list.finish()
    }
}

impl<T, U: Into<T>> FromIterator<U> for Few<T> {
    fn from_iter<I: IntoIterator<Item = U>>(items: I) -> Self {
        let mut few = Self::default();
        items.into_iter().for_each(|item| few.push(item.into()));
        few
    }
}

impl<T, U: Into<T>> From<Vec<U>> for Few<T> {
    fn from(items: Vec<U>) -> Self {
        items.into_iter().collect()
    }
}

impl<T, U: Into<T>, const N: usize> From<[U; N]> for Few<T> {
    fn from(items: [U; N]) -> Self {
        items.into_iter().collect()
    }
}

impl<T, U: Into<T> + Clone> From<&[U]> for Few<T> {
    fn from(items: &[U]) -> Self {
        items.iter().cloned().collect()
    }
}

#[derive(Serialize)]
struct More {
    more: u64,
}

impl<T: Serialize> Serialize for Few<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.items.len() + usize::from(self.more > 0)))?;
        for item in &self.items {
            seq.serialize_element(item)?;
        }
        if self.more > 0 {
            seq.serialize_element(&More { more: self.more })?;
        }
        seq.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FewVisitor(PhantomData))
    }
}

struct FewVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FewVisitor<T> {
    type Value = Few<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array, its last element possibly {\"more\": n}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Few<T>, A::Error> {
        let mut few = Few::default();
        while let Some(element) = seq.next_element_seed(ElementSeed(PhantomData))? {
            match element {
                Element::Item(item) => few.push(item),
                Element::More(more) => few.more = few.more.saturating_add(more),
            }
        }
        Ok(few)
    }
}

enum Element<T> {
    Item(T),
    More(u64),
}

struct ElementSeed<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for ElementSeed<T> {
    type Value = Element<T>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Element<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// An item is a text or an integer, so an object can only be the count of what was left out.
impl<'de, T: Deserialize<'de>> Visitor<'de> for ElementSeed<T> {
    type Value = Element<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, an integer or {\"more\": n}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Element<T>, E> {
        T::deserialize(de::value::StrDeserializer::new(text)).map(Element::Item)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Element<T>, E> {
        T::deserialize(de::value::U64Deserializer::new(number)).map(Element::Item)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Element<T>, A::Error> {
        match map.next_entry::<String, u64>()? {
            Some((key, more)) if key == "more" => match map.next_key::<String>()? {
                None => Ok(Element::More(more)),
                Some(key) => Err(de::Error::unknown_field(&key, &["more"])),
            },
            Some((key, _)) => Err(de::Error::unknown_field(&key, &["more"])),
            None => Err(de::Error::missing_field("more")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Text;

    #[test]
    fn the_sixty_fifth_item_is_only_counted() {
        let few: Few<Text> = (0..70).map(|n| n.to_string()).collect();
        assert_eq!((few.items().len(), few.more()), (64, 6));
        let json = serde_json::to_string(&few).unwrap();
        assert!(json.ends_with(r#""63",{"more":6}]"#), "{json}");
        assert_eq!(serde_json::from_str::<Few<Text>>(&json).unwrap(), few);
    }

    #[test]
    fn a_longer_array_from_outside_is_bounded_too() {
        let json = serde_json::to_string(&vec!["a"; 100]).unwrap();
        let few: Few<Text> = serde_json::from_str(&json).unwrap();
        assert_eq!((few.items().len(), few.more()), (64, 36));
    }

    #[test]
    fn an_object_that_is_not_the_count_is_refused() {
        assert!(serde_json::from_str::<Few<Text>>(r#"["a",{"less":1}]"#).is_err());
        assert!(serde_json::from_str::<Few<Text>>(r#"["a",{"more":1,"x":2}]"#).is_err());
    }
}
