//! Comparing what the ledger kept of an entity with what its row would be kept as today.
//!
//! Field by field and byte by byte: numbers are not rounded and the order inside metadata counts, only the order of
//! the record's own fields does not.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// The fields of a record, each with its JSON text.
#[derive(Debug)]
pub(super) struct Fields(BTreeMap<String, Box<RawValue>>);

impl Fields {
    /// Reads a record; `None` when the text is not a JSON object.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().map(Self)
    }

    /// The same record without one field.
    pub(super) fn without(mut self, field: &str) -> Self {
        self.0.remove(field);
        self
    }

    /// The records of a list in a field, by their ids, which are then no longer among their fields. What cannot be read
    /// is left out.
    pub(super) fn list(&self, field: &str) -> BTreeMap<i64, Self> {
        let items: Vec<BTreeMap<String, Box<RawValue>>> = self.read(field).unwrap_or_default();
        items
            .into_iter()
            .filter_map(|mut item| {
                let id: String = serde_json::from_str(item.remove("id")?.get()).ok()?;
                Some((id.parse().ok()?, Self(item)))
            })
            .collect()
    }

    /// Takes ids from a list of ids in a field.
    pub(super) fn take_ids(&mut self, field: &str, gone: impl Fn(&str) -> bool) {
        let Some(mut ids) = self.read::<Vec<String>>(field) else {
            return;
        };
        ids.retain(|id| !gone(id));
        if let Ok(text) = serde_json::value::to_raw_value(&ids) {
            self.0.insert(field.to_owned(), text);
        }
    }

    /// Takes ids from a map by ids in a field, and the field with the last of them.
    pub(super) fn take_keys(&mut self, field: &str, gone: impl Fn(&str) -> bool) {
        let Some(mut map) = self.read::<BTreeMap<String, Box<RawValue>>>(field) else {
            return;
        };
        map.retain(|id, _| !gone(id));
        self.0.remove(field);
        if let Ok(text) = serde_json::value::to_raw_value(&map)
            && !map.is_empty()
        {
            self.0.insert(field.to_owned(), text);
        }
    }

    /// The first field in which two records differ.
    pub(super) fn difference<'a>(&'a self, other: &'a Self) -> Option<&'a str> {
        let text = |fields: &'a Self, name: &str| fields.0.get(name).map(|value| value.get());
        let mut names = self.0.keys().chain(other.0.keys());
        names
            .find(|name| text(self, name) != text(other, name))
            .map(String::as_str)
    }

    fn read<T: serde::de::DeserializeOwned>(&self, field: &str) -> Option<T> {
        serde_json::from_str(self.0.get(field)?.get()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(one: &str, other: &str) -> Option<String> {
        let (one, other) = (Fields::parse(one).unwrap(), Fields::parse(other).unwrap());
        one.difference(&other).map(str::to_owned)
    }

    #[test]
    fn a_difference_is_one_of_bytes() {
        assert_eq!(
            difference(r#"{"a":1,"b":{"x":1.0}}"#, r#"{"b":{"x":1.0},"a":1}"#),
            None
        );
        assert_eq!(
            difference(r#"{"a":1,"b":{"x":1.0}}"#, r#"{"a":1,"b":{"x":1.00}}"#),
            Some("b".to_owned())
        );
        assert_eq!(
            difference(r#"{"a":1}"#, r#"{"a":1,"b":null}"#),
            Some("b".to_owned())
        );
        assert_eq!(
            difference(r#"{"a":1,"b":null}"#, r#"{"a":1}"#),
            Some("b".to_owned())
        );
    }

    #[test]
    fn a_list_is_read_and_thinned_out() {
        let mut record =
            Fields::parse(r#"{"role_ids":["1","2"],"roles":[{"id":"7","name":"x"},{"name":"y"}]}"#)
                .unwrap();
        assert_eq!(
            record.list("roles")[&7].difference(&Fields::parse(r#"{"name":"x"}"#).unwrap()),
            None
        );
        assert_eq!(record.list("roles").len(), 1);
        record.take_ids("role_ids", |id| id == "1");
        let record = record.without("roles");
        assert_eq!(
            record.difference(&Fields::parse(r#"{"role_ids":["2"]}"#).unwrap()),
            None
        );
        assert!(Fields::parse("7").is_none());
    }

    #[test]
    fn a_map_is_thinned_out_until_it_is_gone() {
        let mut record = Fields::parse(r#"{"ends":{"1":"x","2":"y"}}"#).unwrap();
        record.take_keys("ends", |id| id == "1");
        let left = Fields::parse(r#"{"ends":{"2":"y"}}"#).unwrap();
        assert_eq!(record.difference(&left), None);
        record.take_keys("ends", |id| id == "2");
        assert_eq!(record.difference(&Fields::parse("{}").unwrap()), None);
    }
}
