//! OTLP's JSON: protobuf's JSON mapping with ids in hexadecimal.
//!
//! What is written is the canonical form. What is read is all that real senders write: names in camel and in
//! snake case, ids in either case of hexadecimal or in base64, 64-bit numbers as text or as numbers, choices
//! by number or by name, null for whatever is absent. Unknown names are passed over. A simple value of
//! another type than its field is as good as absent, so that one odd field costs neither its span nor its
//! request; text that is no JSON, and a list or an object where another belongs, refuse the request.

mod reader;
mod scalars;
mod writer;

pub(crate) use reader::{Fill, read};
