//! Numbers with bounds: counts, amounts of money, plain amounts.

use crate::codec::{DecodeError, Decoder, Encoder};
use crate::columns::{Cell, Cells, WRONG_TYPE};
use crate::json::{Json, write_f64, write_u64};
use crate::value::{Shape, Value};
use crate::violation::{Rule, Violation};

/// The largest count: every reader, whatever its language, holds it exactly.
pub const MAX_COUNT: u64 = (1 << 53) - 1;

/// The largest amount of money in one field, in US dollars.
pub(crate) const MAX_USD: f64 = 1e9;

/// A whole number from 0 to 2^53 - 1: a count, a depth, a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Count(u64);

impl Count {
    /// The count; `None` beyond [`MAX_COUNT`].
    pub const fn new(value: u64) -> Option<Self> {
        if value > MAX_COUNT { None } else { Some(Self(value)) }
    }

    /// The count, or [`MAX_COUNT`] if it is larger.
    pub const fn saturating(value: u64) -> Self {
        Self(if value > MAX_COUNT { MAX_COUNT } else { value })
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u32> for Count {
    fn from(value: u32) -> Self {
        Self(u64::from(value))
    }
}

impl Value for Count {
    const SHAPE: Shape = Shape::Count;

    fn parse(json: &Json<'_>) -> Result<Self, Violation> {
        let beyond = || Violation::new(Rule::OutOfBounds, "expected a whole number from 0 to 9007199254740991");
        match json {
            Json::Unsigned(n) => Self::new(*n).ok_or_else(beyond),
            Json::Negative(_) => Err(beyond()),
            Json::Float(n) if n.fract() != 0.0 => {
                Err(Violation::new(Rule::WrongType, "expected a whole number, found a fraction"))
            }
            Json::Float(n) if *n < 0.0 || *n > MAX_COUNT as f64 => Err(beyond()),
            Json::Float(n) => Ok(Self(*n as u64)),
            Json::Null | Json::Bool(_) | Json::Str(_) | Json::Array(_) | Json::Object(_) => {
                Err(json.wrong_type("a whole number"))
            }
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_u64(out, self.0);
    }
    fn encode(&self, out: &mut Encoder<'_>) {
        out.varint(self.0);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Self::new(input.varint()?).ok_or(DecodeError("a count is out of bounds"))
    }
    fn shred(&self, cells: &mut Cells<'_>) {
        // At most 2^53 - 1, so that it fits.
        cells.put(Cell::Int(self.0 as i64));
    }
    fn assemble(cell: Cell<'_>) -> Result<Self, DecodeError> {
        let Cell::Int(value) = cell else { return Err(WRONG_TYPE) };
        u64::try_from(value).ok().and_then(Self::new).ok_or(DecodeError("a count is out of bounds"))
    }
}

/// A finite number of at least 0.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Number(f64);

impl Number {
    /// The number; `None` if it is negative or not finite.
    pub fn new(value: f64) -> Option<Self> {
        (value.is_finite() && value >= 0.0).then_some(Self(value.abs()))
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// An amount of money in US dollars, from 0 to 10^9, as its emitter wrote it.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Usd(f64);

impl Usd {
    /// The amount; `None` if it is negative, not finite or beyond 10^9.
    pub fn new(dollars: f64) -> Option<Self> {
        (dollars.is_finite() && (0.0..=MAX_USD).contains(&dollars)).then_some(Self(dollars.abs()))
    }

    /// An amount in nano-dollars; `None` beyond 10^9.
    pub fn from_nanos(nanos: u64) -> Option<Self> {
        Self::new(nanos as f64 / 1e9)
    }

    /// The amount in dollars.
    pub const fn dollars(self) -> f64 {
        self.0
    }

    /// The amount in nano-dollars, rounded to the nearest: the unit of every sum. Exact up to a
    /// million dollars in one field; beyond that, a floating-point number holds no single nano-dollar.
    pub fn nanos(self) -> u64 {
        (self.0 * 1e9).round() as u64
    }
}

/// The number in `json`, of at least 0.
fn parse_amount(json: &Json<'_>) -> Result<f64, Violation> {
    match json {
        Json::Unsigned(n) => Ok(*n as f64),
        Json::Float(n) if *n >= 0.0 => Ok(n.abs()),
        Json::Negative(_) | Json::Float(_) => Err(Violation::new(Rule::OutOfBounds, "expected a number of at least 0")),
        Json::Null | Json::Bool(_) | Json::Str(_) | Json::Array(_) | Json::Object(_) => {
            Err(json.wrong_type("a number"))
        }
    }
}

/// Whole numbers print without a fraction, as they came.
fn write_amount(out: &mut Vec<u8>, value: f64) {
    if value.fract() == 0.0 && value <= MAX_COUNT as f64 {
        write_u64(out, value as u64);
    } else {
        write_f64(out, value);
    }
}

const AMOUNT_WHOLE: u8 = 0;
const AMOUNT_NANOS: u8 = 1;
const AMOUNT_BITS: u8 = 2;

/// Form byte, then: a varint whole number; a varint in billionths; or the 8 bytes of the number itself.
fn encode_amount(value: f64, out: &mut Encoder<'_>) {
    let nanos = (value * 1e9).round();
    if value.fract() == 0.0 && value <= MAX_COUNT as f64 {
        out.byte(AMOUNT_WHOLE);
        out.varint(value as u64);
    } else if nanos <= MAX_COUNT as f64 && (nanos / 1e9).to_bits() == value.to_bits() {
        out.byte(AMOUNT_NANOS);
        out.varint(nanos as u64);
    } else {
        out.byte(AMOUNT_BITS);
        out.bytes(&value.to_bits().to_le_bytes());
    }
}

fn decode_amount(input: &mut Decoder<'_>) -> Result<f64, DecodeError> {
    match input.byte()? {
        AMOUNT_WHOLE => Ok(input.varint()? as f64),
        AMOUNT_NANOS => Ok(input.varint()? as f64 / 1e9),
        AMOUNT_BITS => Ok(f64::from_bits(u64::from_le_bytes(input.array()?))),
        _ => Err(DecodeError("an amount has an unknown form")),
    }
}

impl Value for Number {
    const SHAPE: Shape = Shape::Number;

    fn parse(json: &Json<'_>) -> Result<Self, Violation> {
        parse_amount(json).map(Self)
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_amount(out, self.0);
    }
    fn encode(&self, out: &mut Encoder<'_>) {
        encode_amount(self.0, out);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Self::new(decode_amount(input)?).ok_or(DecodeError("a number is negative or not finite"))
    }
    fn shred(&self, cells: &mut Cells<'_>) {
        cells.put(Cell::Double(self.0));
    }
    fn assemble(cell: Cell<'_>) -> Result<Self, DecodeError> {
        let Cell::Double(value) = cell else { return Err(WRONG_TYPE) };
        Self::new(value).ok_or(DecodeError("a number is negative or not finite"))
    }
}

impl Value for Usd {
    const SHAPE: Shape = Shape::Usd;

    fn parse(json: &Json<'_>) -> Result<Self, Violation> {
        Self::new(parse_amount(json)?)
            .ok_or_else(|| Violation::new(Rule::OutOfBounds, "expected US dollars from 0 to 1000000000"))
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_amount(out, self.0);
    }
    fn encode(&self, out: &mut Encoder<'_>) {
        encode_amount(self.0, out);
    }
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Self::new(decode_amount(input)?).ok_or(DecodeError("an amount of money is out of bounds"))
    }
    fn shred(&self, cells: &mut Cells<'_>) {
        cells.put(Cell::Double(self.0));
    }
    fn assemble(cell: Cell<'_>) -> Result<Self, DecodeError> {
        let Cell::Double(value) = cell else { return Err(WRONG_TYPE) };
        Self::new(value).ok_or(DecodeError("an amount of money is out of bounds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_are_whole_and_bounded() {
        let rule = |text: &str| Count::parse(&Json::parse(text.as_bytes()).unwrap()).map_err(|v| v.rule);
        assert_eq!(rule("5.0"), Ok(Count(5)));
        assert_eq!(rule("1.5"), Err(Rule::WrongType));
        assert_eq!(rule("\"1\""), Err(Rule::WrongType));
        assert_eq!(rule("-1"), Err(Rule::OutOfBounds));
        assert_eq!(rule("-1.0"), Err(Rule::OutOfBounds));
        assert_eq!(rule("9007199254740992"), Err(Rule::OutOfBounds));
        assert_eq!(rule("18446744073709551616"), Err(Rule::OutOfBounds));
    }

    #[test]
    fn money_is_counted_in_nano_dollars() {
        assert_eq!(Usd::new(0.000_000_001).unwrap().nanos(), 1);
        assert_eq!(Usd::new(0.1).unwrap().nanos() + Usd::new(0.2).unwrap().nanos(), 300_000_000);
        assert!(Usd::new(-0.01).is_none() && Usd::new(f64::NAN).is_none() && Usd::new(1e10).is_none());
    }

    proptest! {
        #[test]
        fn every_nano_dollar_of_a_million_dollars_survives_the_way_through_a_float(nanos in 0..=1_000_000_000_000_000_u64) {
            prop_assert_eq!(Usd::from_nanos(nanos).unwrap().nanos(), nanos);
        }

        #[test]
        fn every_amount_comes_back(value in prop_oneof![0.0..1e9f64, (0u64..1 << 60).prop_map(|n| n as f64), (0u64..1 << 50).prop_map(|n| n as f64 / 1e9)]) {
            let mut out = Vec::new();
            encode_amount(value, &mut Encoder::new(&mut out));
            prop_assert_eq!(decode_amount(&mut Decoder::new(&out)).unwrap().to_bits(), value.to_bits());
        }
    }
}
