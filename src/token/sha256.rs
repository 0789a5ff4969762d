use std::slice;

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use zeroize::optimization_barrier;

const BLOCK: usize = 64;
const HALF: usize = BLOCK / 2;
/// What a block holds beside a text: a mark behind it, and its length at the end.
const LENGTH: usize = size_of::<u64>();
const LONGEST: usize = BLOCK - LENGTH - 1;

/// SHA-256. A short text is one block, which needs no buffer to be filled bit by bit.
#[inline(always)]
pub(super) fn sha256(text: &[u8]) -> [u8; 32] {
    if text.len() > LONGEST {
        return Sha256::digest(text).into();
    }
    let mut block = [0; BLOCK];
    match (text.first_chunk::<HALF>(), text.last_chunk::<HALF>()) {
        // Two copies of a length known beforehand, which may overlap, take no call.
        (Some(first), Some(last)) => {
            block[..HALF].copy_from_slice(first);
            block[text.len() - HALF..text.len()].copy_from_slice(last);
        }
        _ => block[..text.len()].copy_from_slice(text),
    }
    block[text.len()] = 0x80;
    block[BLOCK - LENGTH..].copy_from_slice(&(text.len() as u64 * 8).to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, slice::from_ref(&block));
    // The text is a secret: nothing of it stays on the stack.
    block.fill(0);
    optimization_barrier(&block);
    let mut hash = [0; 32];
    // Two words at a time stay in registers, where a digest's route is put in.
    let pairs = state.as_chunks().0;
    for (bytes, [high, low]) in hash.as_chunks_mut().0.iter_mut().zip(pairs) {
        *bytes = (u64::from(*high) << u32::BITS | u64::from(*low)).to_be_bytes();
    }
    hash
}

/// FIPS 180-4 section 5.3.3.
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_any_length_has_the_hash_that_sha2_gives() {
        let text: Vec<u8> = (0..200).collect();
        for length in 0..=text.len() {
            let text = &text[..length];
            assert_eq!(
                sha256(text),
                <[u8; 32]>::from(Sha256::digest(text)),
                "{length}"
            );
        }
    }
}
