//! Writing JSON: the bytes of `serde_json`, in a third of its time.
//!
//! A page of fifty items is mostly text. `serde_json` looks at every byte of it, of the names of fields too; here eight
//! bytes of a text are looked at together, and the name of a field is taken as it is.

use serde::ser::{self, Error as _, Serialize, Serializer};
use serde_json::Error;

use super::RAW_VALUE;

/// The JSON of a value, as `serde_json::to_vec` writes it; `capacity` is how many bytes are expected. The keys of maps must
/// be texts, and the names of fields need no escape.
pub fn to_vec<T: Serialize + ?Sized>(value: &T, capacity: usize) -> Result<Vec<u8>, Error> {
    let mut writer = Writer {
        out: Vec::with_capacity(capacity),
        raw: false,
    };
    value.serialize(&mut writer)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    /// Whether the next text is JSON already.
    raw: bool,
}

impl Writer {
    fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Writes what is rare in the way of `serde_json`.
    fn put_as_usual<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        serde_json::to_writer(&mut self.out, value)
    }

    fn name(&mut self, name: &str) {
        self.put(b"\"");
        self.put(name.as_bytes());
        self.put(b"\":");
    }

    fn open(&mut self, start: &'static [u8], end: &'static [u8]) -> Items<'_> {
        self.put(start);
        Items {
            writer: self,
            first: true,
            end,
        }
    }

    fn open_variant(
        &mut self,
        variant: &str,
        start: &'static [u8],
        end: &'static [u8],
    ) -> Items<'_> {
        self.put(b"{");
        self.name(variant);
        self.open(start, end)
    }
}

/// Whether a text holds a control character, a quotation mark or a backslash.
fn needs_escapes(text: &[u8]) -> bool {
    let Some(&last) = text.last_chunk() else {
        let needs_escape = |byte| matches!(byte, ..b' ' | b'"' | b'\\');
        return text.iter().copied().any(needs_escape);
    };
    // The last chunk may overlap with those before it.
    let (chunks, _) = text.as_chunks();
    chunks.iter().copied().any(needs_escape_in_any) || needs_escape_in_any(last)
}

/// All eight bytes at once (Bit Twiddling Hacks, "Determine if a word has a byte less than n").
fn needs_escape_in_any(chunk: [u8; 8]) -> bool {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    const TOP_BITS: u64 = EACH << 7;
    let word = u64::from_le_bytes(chunk);
    let any_less = |word: u64, bound: u8| word.wrapping_sub(EACH * u64::from(bound)) & !word;
    let any_equal = |byte: u8| any_less(word ^ (EACH * u64::from(byte)), 1);
    (any_less(word, b' ') | any_equal(b'"') | any_equal(b'\\')) & TOP_BITS != 0
}

/// An open array or object.
struct Items<'a> {
    writer: &'a mut Writer,
    first: bool,
    /// Empty for a raw value, which is no object of its own.
    end: &'static [u8],
}

impl Items<'_> {
    fn separate(&mut self) {
        if !std::mem::replace(&mut self.first, false) {
            self.writer.put(b",");
        }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.separate();
        value.serialize(&mut *self.writer)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        if self.end.is_empty() {
            self.writer.raw = true;
        } else {
            self.separate();
            self.writer.name(name);
        }
        value.serialize(&mut *self.writer)
    }

    fn close(self) {
        self.writer.put(self.end);
    }
}

macro_rules! integers {
    ($($name:ident: $number:ty),+) => {$(
        fn $name(self, number: $number) -> Result<(), Error> {
            self.put(itoa::Buffer::new().format(number).as_bytes());
            Ok(())
        }
    )+};
}

impl<'a> Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Items<'a>;
    type SerializeStruct = Items<'a>;
    type SerializeStructVariant = Items<'a>;

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    }

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        if std::mem::replace(&mut self.raw, false) {
            self.put(text.as_bytes());
        } else if needs_escapes(text.as_bytes()) {
            return self.put_as_usual(text);
        } else {
            self.put(b"\"");
            self.put(text.as_bytes());
            self.put(b"\"");
        }
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.put(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, number: f32) -> Result<(), Error> {
        self.put_as_usual(&number)
    }

    fn serialize_f64(self, number: f64) -> Result<(), Error> {
        self.put_as_usual(&number)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.put_as_usual(&value)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.put(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let mut items = self.open(b"{", b"}");
        items.field(variant, value)?;
        items.close();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, Error> {
        Ok(self.open(b"[", b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, Error> {
        Ok(self.open(b"[", b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, Error> {
        Ok(self.open(b"[", b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a>, Error> {
        Ok(self.open_variant(variant, b"[", b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Items<'a>, Error> {
        Ok(self.open(b"{", b"}"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Items<'a>, Error> {
        Ok(if name == RAW_VALUE {
            self.open(b"", b"")
        } else {
            self.open(b"{", b"}")
        })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a>, Error> {
        Ok(self.open_variant(variant, b"{", b"}}"))
    }
}

macro_rules! arrays {
    ($($trait:ident: $element:ident),+) => {$(
        impl ser::$trait for Items<'_> {
            type Ok = ();
            type Error = Error;

            fn $element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )+};
}

macro_rules! objects {
    ($($trait:ident),+) => {$(
        impl ser::$trait for Items<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )+};
}

arrays! {
    SerializeSeq: serialize_element, SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field
}
objects! { SerializeStruct, SerializeStructVariant }

impl ser::SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.separate();
        let start = self.writer.out.len();
        key.serialize(&mut *self.writer)?;
        if self.writer.out.get(start) != Some(&b'"') {
            return Err(Error::custom("the key of a map must be a text"));
        }
        self.writer.put(b":");
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::JsonObject;

    #[derive(serde::Serialize)]
    enum Shape {
        Point,
        Circle(f64),
        Line(i8, u64),
        Square { side: Option<char>, at: (i64, i128) },
    }

    #[derive(serde::Serialize)]
    struct Outer<'a> {
        shapes: [Shape; 4],
        metadata: JsonObject,
        raw: Box<serde_json::value::RawValue>,
        nothing: (),
        map: BTreeMap<String, Vec<bool>>,
        #[serde(flatten)]
        inner: BTreeMap<&'a str, serde_json::Value>,
        #[serde(with = "bytes")]
        bytes: &'a [u8],
    }

    mod bytes {
        pub(super) fn serialize<S: serde::Serializer>(
            bytes: &&[u8],
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(bytes)
        }
    }

    #[test]
    fn every_shape_is_written_as_by_serde_json() {
        let shapes = [
            Shape::Point,
            Shape::Circle(1.5),
            Shape::Line(-7, u64::MAX),
            Shape::Square {
                side: Some('"'),
                at: (i64::MIN, i128::MAX),
            },
        ];
        let outer = Outer {
            shapes,
            metadata: JsonObject::parse("{\"a\": \"\\n\"}").unwrap(),
            raw: serde_json::value::to_raw_value(&[1, 2]).unwrap(),
            nothing: (),
            map: BTreeMap::from([
                ("a\"b".to_owned(), vec![true, false]),
                ("c".to_owned(), vec![]),
            ]),
            inner: BTreeMap::from([("x", serde_json::json!({"y": [null, 1, -1, 0.1, {}]}))]),
            bytes: b"\0z",
        };
        assert_eq!(
            to_vec(&outer, 0).unwrap(),
            serde_json::to_vec(&outer).unwrap()
        );
    }

    #[test]
    fn every_character_is_written_as_by_serde_json_at_every_place() {
        for character in (0..=0x17f)
            .filter_map(char::from_u32)
            .chain(['\u{2028}', '🦀'])
        {
            for place in 0..20 {
                let text = format!("{}{character}{}", "a".repeat(place), "é".repeat(19 - place));
                let written = to_vec(text.as_str(), 0).unwrap();
                assert_eq!(written, serde_json::to_vec(&text).unwrap(), "{text:?}");
            }
        }
    }

    #[test]
    fn a_text_of_any_length_is_written_as_by_serde_json() {
        for length in 1..40 {
            for place in 0..length {
                for character in ['"', '\\', '\n', '\x1f', '!', '#', '[', ']', ' ', '\x7f'] {
                    let mut text = "a".repeat(length);
                    text.replace_range(place..=place, &character.to_string());
                    let written = to_vec(text.as_str(), 0).unwrap();
                    assert_eq!(written, serde_json::to_vec(&text).unwrap(), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn a_key_that_is_no_text_is_refused() {
        assert!(to_vec(&BTreeMap::from([(1, 2)]), 0).is_err());
    }
}
