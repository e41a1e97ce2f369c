//! Policies: defaults in code, overridden field by field, validated when they are set.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use facts::cluster::DecodeError;

/// Lays overrides over the defaults (RFC 7386) and reads the result.
///
/// # Errors
/// An override that no field of the policy knows or that has the wrong type, named by pointer
/// below `at`.
pub fn overlay<P>(at: &str, overrides: Option<&str>) -> Result<P, DecodeError>
where
    P: DeserializeOwned + Serialize + Default,
{
    let Some(overrides) = overrides.filter(|text| !is_blank(text)) else {
        return Ok(P::default());
    };
    let broken = |error: serde_json::Error| DecodeError {
        pointer: at.to_owned(),
        message: error.to_string(),
    };
    let overrides: Value = serde_json::from_str(overrides).map_err(broken)?;
    if !overrides.is_object() {
        return Err(DecodeError {
            pointer: at.to_owned(),
            message: "expected an object of policy fields".to_owned(),
        });
    }
    let mut merged = serde_json::to_value(P::default()).map_err(broken)?;
    merge(&mut merged, &overrides);
    read(at, &merged)
}

/// Reads limits; absent ones limit nothing.
///
/// # Errors
/// As [`overlay`].
pub fn constraints<C: DeserializeOwned + Default>(
    at: &str,
    text: Option<&str>,
) -> Result<C, DecodeError> {
    let Some(text) = text.filter(|text| !is_blank(text)) else {
        return Ok(C::default());
    };
    let value: Value = serde_json::from_str(text)
        .map_err(|error| DecodeError { pointer: at.to_owned(), message: error.to_string() })?;
    read(at, &value)
}

/// The canonical JSON of a policy.
#[must_use]
pub fn canonical<P: Serialize>(policy: &P) -> String {
    // Policies are plain structs: they have no map with keys that JSON could not write.
    serde_json::to_string(policy).unwrap_or_default()
}

fn read<T: DeserializeOwned>(at: &str, value: &Value) -> Result<T, DecodeError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let below = if path == "." {
            String::new()
        } else {
            format!("/{}", path.replace(['.', '['], "/").replace(']', ""))
        };
        DecodeError { pointer: format!("{at}{below}"), message: error.into_inner().to_string() }
    })
}

/// Lays a patch over a document (RFC 7386).
pub fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    target.remove(key);
                } else {
                    merge(target.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

fn is_blank(text: &str) -> bool {
    matches!(text.trim(), "" | "null" | "{}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        limit: f64,
        nested: Nested,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize, Default)]
    #[serde(default, deny_unknown_fields)]
    struct Nested {
        names: Vec<String>,
    }
    impl Default for Sample {
        fn default() -> Sample {
            Sample { limit: 0.75, nested: Nested::default() }
        }
    }

    #[test]
    fn overrides_change_only_what_they_name() {
        let policy: Sample =
            overlay("/requirements", Some(r#"{"nested":{"names":["m5"]}}"#)).unwrap();
        assert_eq!(policy.limit, 0.75);
        assert_eq!(policy.nested.names, ["m5"]);
        assert_eq!(overlay::<Sample>("", None).unwrap(), Sample::default());
        // `null` puts a field back to its default.
        let back: Sample = overlay("", Some(r#"{"limit":null}"#)).unwrap();
        assert_eq!(back, Sample::default());
    }

    #[test]
    fn a_mistake_is_named_by_pointer() {
        let check = |text: &str, pointer: &str, part: &str| {
            let error = overlay::<Sample>("/requirements", Some(text)).unwrap_err();
            assert_eq!(error.pointer, pointer, "{error}");
            assert!(error.message.contains(part), "{error}");
        };
        check(r#"{"limits":1}"#, "/requirements/limits", "unknown field");
        check(r#"{"limit":"x"}"#, "/requirements/limit", "invalid type");
        check(r#"{"nested":{"names":[1]}}"#, "/requirements/nested/names/0", "expected a string");
        check("[1]", "/requirements", "expected an object");
        check("{", "/requirements", "EOF");
    }
}
