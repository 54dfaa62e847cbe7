//! The macro behind every table of fields: one declaration gives the struct, its checks, its JSON,
//! its stored form, its columns, its schema row and its redaction, so that none can drift from another.

/// Declares structs whose fields are rows of a table: `tag presence name: Type`.
///
/// Stored form: a varint whose bit `n` says that the nullable or optional field number `n` (counted
/// in table order) has a value, then the values in table order. New fields are optional and go last.
macro_rules! record {
    ($($(#[doc = $doc:literal])+ $name:ident {
        $($(#[doc = $fdoc:literal])+ $tag:literal $presence:ident $field:ident: $ty:ty,)+
    })+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[doc = $fdoc])+ pub $field: record!(@type $presence $ty),)+
        }

        impl $name {
            /// What it says, in one or two sentences.
            pub const DOC: &'static str = concat!($($doc),+).trim_ascii();
            /// The rows of its table.
            pub const FIELDS: &'static [$crate::value::FieldSpec] = &[
                $($crate::value::FieldSpec {
                    name: stringify!($field),
                    tag: $tag,
                    presence: record!(@presence $presence),
                    shape: <$ty as $crate::value::Value>::SHAPE,
                    doc: concat!($($fdoc),+).trim_ascii(),
                },)+
            ];
        }

        impl $name {
            /// Puts its leaves, all but the row `_without` (0 for none).
            pub(crate) fn shred_fields(&self, _without: u8, cells: &mut $crate::columns::Cells<'_>) {
                $(if $tag != _without {
                    record!(@shred $presence self.$field, cells);
                })+
            }

            /// Takes its leaves; the row `_without` is the event's own session.
            pub(crate) fn assemble_fields(
                _without: u8,
                row: &mut $crate::columns::Row<'_, '_>,
            ) -> Result<Self, $crate::codec::DecodeError> {
                Ok(Self { $($field: record!(@assemble $presence $tag $ty, _without, row),)+ })
            }
        }

        impl $crate::value::Value for $name {
            const SHAPE: $crate::value::Shape = $crate::value::Shape::Object(Self::FIELDS);

            fn parse(json: &$crate::json::Json<'_>) -> Result<Self, $crate::violation::Violation> {
                let fields = $crate::value::object(json)?;
                let slots = $crate::value::Slots::<{ Self::FIELDS.len() }>::new(fields, Self::FIELDS);
                let parsed = Self { $($field: $crate::value::$presence(slots.row($tag), stringify!($field))?,)+ };
                slots.only(Self::FIELDS)?;
                Ok(parsed)
            }

            fn write(&self, out: &mut Vec<u8>) {
                out.push(b'{');
                $(record!(@write $presence self.$field, out, stringify!($field));)+
                out.push(b'}');
            }

            fn encode(&self, out: &mut $crate::codec::Encoder<'_>) {
                let mut _present = 0_u64;
                let mut _bit = 1_u64;
                $(record!(@mark $presence self.$field, _present, _bit);)+
                out.varint(_present);
                $(record!(@encode $presence self.$field, out);)+
            }

            fn decode(input: &mut $crate::codec::Decoder<'_>) -> Result<Self, $crate::codec::DecodeError> {
                let mut _present = input.varint()?;
                let decoded = Self { $($field: record!(@decode $presence $ty, input, _present),)+ };
                if _present != 0 {
                    return Err($crate::codec::DecodeError("it holds a field of a newer version"));
                }
                Ok(decoded)
            }

            fn shred_required(&self, cells: &mut $crate::columns::Cells<'_>) {
                self.shred_fields(0, cells);
            }

            fn assemble_required(
                row: &mut $crate::columns::Row<'_, '_>,
            ) -> Result<Self, $crate::codec::DecodeError> {
                Self::assemble_fields(0, row)
            }

            fn map_text(&mut self, map: &mut $crate::value::TextMap<'_>) {
                $(record!(@map $presence self.$field, map);)+
            }

            fn check(&self) -> Result<(), $crate::violation::Violation> {
                $(record!(@check $presence self.$field, stringify!($field));)+
                Ok(())
            }

            fn bulk_bytes(&self) -> usize {
                0 $(+ record!(@bulk $presence self.$field))+
            }
        }
    )+};

    (@type required $ty:ty) => { $ty };
    (@type nullable $ty:ty) => { Option<$ty> };
    (@type optional $ty:ty) => { Option<$ty> };

    (@presence required) => { $crate::value::Presence::Required };
    (@presence nullable) => { $crate::value::Presence::Nullable };
    (@presence optional) => { $crate::value::Presence::Optional };

    (@write required $value:expr, $out:ident, $name:expr) => {
        $crate::value::write_key($out, $name);
        $crate::value::Value::write(&$value, $out);
    };
    (@write nullable $value:expr, $out:ident, $name:expr) => {
        $crate::value::write_key($out, $name);
        match &$value {
            Some(value) => $crate::value::Value::write(value, $out),
            None => $out.extend_from_slice(b"null"),
        }
    };
    (@write optional $value:expr, $out:ident, $name:expr) => {
        if let Some(value) = &$value {
            $crate::value::write_key($out, $name);
            $crate::value::Value::write(value, $out);
        }
    };

    (@mark required $value:expr, $present:ident, $bit:ident) => {};
    (@mark nullable $value:expr, $present:ident, $bit:ident) => { record!(@mark optional $value, $present, $bit) };
    (@mark optional $value:expr, $present:ident, $bit:ident) => {
        if $value.is_some() {
            $present |= $bit;
        }
        $bit <<= 1;
    };

    (@encode required $value:expr, $out:ident) => { $crate::value::Value::encode(&$value, $out); };
    (@encode nullable $value:expr, $out:ident) => { record!(@encode optional $value, $out) };
    (@encode optional $value:expr, $out:ident) => {
        if let Some(value) = &$value {
            $crate::value::Value::encode(value, $out);
        }
    };

    (@decode required $ty:ty, $input:ident, $present:ident) => { <$ty as $crate::value::Value>::decode($input)? };
    (@decode nullable $ty:ty, $input:ident, $present:ident) => { record!(@decode optional $ty, $input, $present) };
    (@decode optional $ty:ty, $input:ident, $present:ident) => {{
        let there = $present & 1 == 1;
        $present >>= 1;
        if there { Some(<$ty as $crate::value::Value>::decode($input)?) } else { None }
    }};

    (@shred required $value:expr, $cells:ident) => { $crate::value::Value::shred_required(&$value, $cells) };
    (@shred nullable $value:expr, $cells:ident) => { record!(@shred optional $value, $cells) };
    (@shred optional $value:expr, $cells:ident) => {
        match &$value {
            Some(value) => $crate::value::Value::shred(value, $cells),
            None => $cells.absent(),
        }
    };

    (@assemble required $tag:literal $ty:ty, $_without:ident, $row:ident) => {
        if $tag == $_without {
            <$ty as $crate::value::Value>::from_session($row)?
        } else {
            <$ty as $crate::value::Value>::assemble_required($row)?
        }
    };
    (@assemble nullable $tag:literal $ty:ty, $_without:ident, $row:ident) => {
        record!(@assemble optional $tag $ty, $_without, $row)
    };
    (@assemble optional $tag:literal $ty:ty, $_without:ident, $row:ident) => {
        $row.take().map(<$ty as $crate::value::Value>::assemble).transpose()?
    };

    (@map required $value:expr, $map:ident) => { $crate::value::Value::map_text(&mut $value, $map); };
    (@map nullable $value:expr, $map:ident) => { record!(@map optional $value, $map) };
    (@map optional $value:expr, $map:ident) => {
        if let Some(value) = &mut $value {
            $crate::value::Value::map_text(value, $map);
        }
    };

    (@check required $value:expr, $name:expr) => {
        $crate::value::Value::check(&$value).map_err(|v| v.within($name))?;
    };
    (@check nullable $value:expr, $name:expr) => { record!(@check optional $value, $name) };
    (@check optional $value:expr, $name:expr) => {
        if let Some(value) = &$value {
            $crate::value::Value::check(value).map_err(|v| v.within($name))?;
        }
    };

    (@bulk required $value:expr) => { $crate::value::Value::bulk_bytes(&$value) };
    (@bulk nullable $value:expr) => { record!(@bulk optional $value) };
    (@bulk optional $value:expr) => { $value.as_ref().map_or(0, $crate::value::Value::bulk_bytes) };
}
