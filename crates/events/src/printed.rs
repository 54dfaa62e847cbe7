//! Every id serializes as it prints, so that views and answers show what events show.

use serde::{Serialize, Serializer};

use crate::ids::{EventId, SpanId, TraceId};
use crate::text::{ArtifactId, Id, Sha256Hex};

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
