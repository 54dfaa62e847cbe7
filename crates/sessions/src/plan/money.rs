//! Dollars as they are written, to nano-dollars without a detour over binary fractions.

/// Digits after the point that a nano-dollar has.
const DIGITS: i64 = 9;

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAmount {
    /// Below zero.
    Negative,
    /// No number, or none that ends.
    NotFinite,
    /// Something is left below a nano-dollar.
    TooFine,
    /// More than `u64::MAX` nano-dollars.
    TooLarge,
}

/// The nano-dollars of a decimal number such as `0.15`, `3` or `2.5e-3`; exact, or none.
pub(super) fn nanos(text: &str) -> Result<u64, NoAmount> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().map_err(|_| NoAmount::NotFinite)?),
        None => (text, 0),
    };
    let (is_negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NoAmount::NotFinite);
    }
    // The number is `digits` with its last digit at 10^-scale nano-dollars.
    let trailing = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    let digits = &digits[..digits.len() - trailing];
    if digits.is_empty() {
        return Ok(0);
    }
    if is_negative {
        return Err(NoAmount::Negative);
    }
    let scale = (fraction.len() as i64 - trailing as i64).saturating_sub(exponent).saturating_sub(DIGITS);
    if scale > 0 {
        return Err(NoAmount::TooFine);
    }
    let mut nanos = 0_u64;
    for digit in digits {
        let digit = u64::from(digit - b'0');
        nanos = nanos.checked_mul(10).and_then(|nanos| nanos.checked_add(digit)).ok_or(NoAmount::TooLarge)?;
    }
    let zeros = u32::try_from(scale.unsigned_abs()).map_err(|_| NoAmount::TooLarge)?;
    10_u64.checked_pow(zeros).and_then(|factor| nanos.checked_mul(factor)).ok_or(NoAmount::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_are_exact() {
        for (text, wanted) in [
            ("0", Ok(0)),
            ("-0.0", Ok(0)),
            ("3", Ok(3_000_000_000)),
            ("+3.0", Ok(3_000_000_000)),
            ("0.1", Ok(100_000_000)),
            ("0.3", Ok(300_000_000)),
            ("0.000000001", Ok(1)),
            ("0.0000000010", Ok(1)),
            ("2.5e-3", Ok(2_500_000)),
            ("25E-1", Ok(2_500_000_000)),
            ("1e9", Ok(1_000_000_000_000_000_000)),
            ("00012.50", Ok(12_500_000_000)),
            ("18446744073.709551615", Ok(u64::MAX)),
            ("18446744073.709551616", Err(NoAmount::TooLarge)),
            ("1e999999999999", Err(NoAmount::TooLarge)),
            ("1e99999999999999999999", Err(NoAmount::NotFinite)),
            ("0.0000000001", Err(NoAmount::TooFine)),
            ("1e-999999999999", Err(NoAmount::TooFine)),
            ("-1", Err(NoAmount::Negative)),
            ("inf", Err(NoAmount::NotFinite)),
            ("nan", Err(NoAmount::NotFinite)),
            ("", Err(NoAmount::NotFinite)),
            (".", Err(NoAmount::NotFinite)),
        ] {
            assert_eq!(nanos(text), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(amount in any::<u64>()) {
            let text = format!("{}.{:09}", amount / 1_000_000_000, amount % 1_000_000_000);
            prop_assert_eq!(nanos(&text), Ok(amount));
        }

        #[test]
        fn no_text_is_a_panic(text in "[-+0-9eE._]{0,40}") {
            let _ = nanos(&text);
        }
    }
}
