//! Reading large objects of which most fields are usually absent.

/// Reads a struct by filling its default in place, field by field.
///
/// A derived reader holds every field apart until the end and then moves all of them; a snapshot
/// has tens of thousands of pods with thirty fields each, most of them absent. Fields that are not
/// known are passed over, and counted by [`super::decode`]. Of a field that stands twice the last one
/// counts. A field that the list lacks does not compile.
macro_rules! filled_in {
    ($struct:ident { $($field:ident),+ $(,)? }) => {
        impl<'de> serde::Deserialize<'de> for $struct {
            fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<$struct, D::Error> {
                #[derive(serde::Deserialize)]
                #[serde(field_identifier)]
                #[allow(non_camel_case_types)]
                enum Field {
                    $($field,)+
                    #[serde(other)]
                    Unknown,
                }
                struct Fill;
                impl<'de> serde::de::Visitor<'de> for Fill {
                    type Value = $struct;

                    fn expecting(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        text.write_str(concat!("struct ", stringify!($struct)))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<$struct, A::Error> {
                        let mut filled = $struct::default();
                        while let Some(field) = map.next_key::<Field>()? {
                            match field {
                                $(Field::$field => filled.$field = map.next_value()?,)+
                                Field::Unknown => {
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        let $struct { $($field: _),+ } = &filled;
                        Ok(filled)
                    }
                }
                const FIELDS: &[&str] = &[$(stringify!($field)),+];
                reader.deserialize_struct(stringify!($struct), FIELDS, Fill)
            }
        }
    };
}

pub(super) use filled_in;
