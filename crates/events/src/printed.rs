//! Every id serializes as it prints, so that views and answers show what events show; and names that hosts
//! keep in documents of their own are read back under the same rules.

use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{EventId, SpanId, TraceId};
use crate::text::{ArtifactId, Id, Sha256Hex, Text};
use crate::violation::Violation;

macro_rules! as_printed {
    ($($name:ident)+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )+};
}

as_printed! { EventId SpanId TraceId ArtifactId Id Sha256Hex }

impl<const MAX: usize> Serialize for Text<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

fn read<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    check: impl FnOnce(Arc<str>) -> Result<T, Violation>,
) -> Result<T, D::Error> {
    check(String::deserialize(deserializer)?.into()).map_err(D::Error::custom)
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, Self::new)
    }
}

impl<'de> Deserialize<'de> for ArtifactId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, |text| Self::parse_text(&text))
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Reason;

    #[test]
    fn names_are_read_back_under_their_own_rules() {
        let id: Id = serde_json::from_str("\"a-1\"").unwrap();
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"a-1\"");
        assert!(serde_json::from_str::<Id>("\"a\\u0007\"").unwrap_err().to_string().contains("control"));
        assert!(serde_json::from_str::<Reason>(&format!("\"{}\"", "x".repeat(1025))).is_err());
        assert!(serde_json::from_str::<ArtifactId>("\"sha256:zz\"").is_err());
    }
}
