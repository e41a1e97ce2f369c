//! Amounts of named resources, as a container requests them or a node offers them.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::{Bytes, MilliCpu, Quantity};

/// Amounts by resource name. Absent and zero are different statements.
///
/// On the wire it is an object from resource name to Kubernetes quantity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceList {
    /// `cpu`
    pub cpu: Option<MilliCpu>,
    /// `memory`
    pub memory: Option<Bytes>,
    /// `ephemeral-storage`
    pub ephemeral_storage: Option<Bytes>,
    /// `pods`: how many pods a node accepts.
    pub pods: Option<i64>,
    /// Every other name (accelerators, huge pages, extended resources), in whole units.
    pub other: BTreeMap<String, i64>,
}

impl ResourceList {
    /// Processors and memory only.
    #[must_use]
    pub fn of(cpu: MilliCpu, memory: Bytes) -> ResourceList {
        ResourceList { cpu: Some(cpu), memory: Some(memory), ..ResourceList::default() }
    }

    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cpu.is_none()
            && self.memory.is_none()
            && self.ephemeral_storage.is_none()
            && self.pods.is_none()
            && self.other.is_empty()
    }

    fn set(&mut self, name: &str, amount: Quantity) {
        match name {
            "cpu" => self.cpu = Some(MilliCpu(amount.milli())),
            "memory" => self.memory = Some(Bytes(amount.units())),
            "ephemeral-storage" => self.ephemeral_storage = Some(Bytes(amount.units())),
            "pods" => self.pods = Some(amount.units()),
            _ => {
                self.other.insert(name.to_owned(), amount.units());
            }
        }
    }
}

impl Serialize for ResourceList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(cpu) = self.cpu {
            map.serialize_entry("cpu", &cpu)?;
        }
        if let Some(memory) = self.memory {
            map.serialize_entry("memory", &memory)?;
        }
        if let Some(disk) = self.ephemeral_storage {
            map.serialize_entry("ephemeral-storage", &disk)?;
        }
        if let Some(pods) = self.pods {
            map.serialize_entry("pods", &pods)?;
        }
        for (name, amount) in &self.other {
            map.serialize_entry(name, amount)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ResourceList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ResourceList, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = ResourceList;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object from resource name to quantity")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ResourceList, A::Error> {
                let mut list = ResourceList::default();
                while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                    let amount = map.next_value::<Quantity>()?;
                    list.set(&name, amount);
                }
                Ok(list)
            }
            fn visit_unit<E: de::Error>(self) -> Result<ResourceList, E> {
                Ok(ResourceList::default())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl schemars::JsonSchema for ResourceList {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ResourceList".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "object",
            "description": "Resource name to Kubernetes quantity.",
            "additionalProperties": { "type": ["string", "number"] },
            "examples": [{ "cpu": "250m", "memory": "1Gi" }]
        })
    }
}
