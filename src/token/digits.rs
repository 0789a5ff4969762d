use std::fmt;

/// A text that is not as many hex digits as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDigits {
    expected: usize,
}

/// The bytes that these hex digits, in either case, stand for.
pub(crate) fn parse<const N: usize>(text: &str) -> Result<[u8; N], InvalidDigits> {
    let mut bytes = [0; N];
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(InvalidDigits { expected: 2 * N }),
    }
}

impl fmt::Display for InvalidDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected {} hex digits, found something else",
            self.expected
        )
    }
}

impl std::error::Error for InvalidDigits {}
