//! Refresh tokens that nobody issued, with a checksum that is right.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use xxhash_rust::xxh3::xxh3_64;

const PREFIX_AND_ROUTE: usize = 6;
const CHECKSUM: usize = 6;
const GENERATION: std::ops::Range<usize> = 16..20;

/// The session and the generation of one, the proof of another.
pub(crate) fn with_proof_of(text: &str, other: &str) -> String {
    let mut bytes = open(text);
    bytes[GENERATION.end..].copy_from_slice(&open(other)[GENERATION.end..]);
    seal(text, &bytes)
}

/// The same for another generation.
pub(crate) fn of_generation(text: &str, generation: u32) -> String {
    let mut bytes = open(text);
    bytes[GENERATION].copy_from_slice(&generation.to_be_bytes());
    seal(text, &bytes)
}

fn open(text: &str) -> Vec<u8> {
    let body = &text[PREFIX_AND_ROUTE..text.len() - CHECKSUM];
    URL_SAFE_NO_PAD.decode(body).unwrap()
}

fn seal(text: &str, bytes: &[u8]) -> String {
    let mut text = text[..PREFIX_AND_ROUTE].to_owned();
    URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
    let sum = xxh3_64(text.as_bytes());
    // The last six of eight characters.
    let characters = URL_SAFE_NO_PAD.encode((sum << 28).to_be_bytes());
    text + &characters[..CHECKSUM]
}
