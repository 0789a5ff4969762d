use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{CustomizedPasswordHasher, Error, PasswordHasher, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// Argon2 in memory that is kept and used again.
///
/// Allocated anew for each hash, 19 MiB at an alignment of 64 bytes leave most allocators with as
/// much that they can't use again: a few dozen wrong passwords took a process to 680 MB.
pub(super) struct Hasher;

/// 1 GiB: what asks for more is no login's hash, and no such memory ends the process.
const MOST_BLOCKS: usize = 1 << 20;

/// As many pieces as there are processors; what more hashes at once took is given back.
static KEPT: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

impl CustomizedPasswordHasher<PasswordHash> for Hasher {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> Result<PasswordHash> {
        let algorithm = algorithm.map_or(Ok(Algorithm::default()), Algorithm::try_from)?;
        let version = version.map_or(Ok(Version::default()), Version::try_from)?;
        let mut output = [0; Output::MAX_LENGTH];
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let output = output.get_mut(..length).ok_or(Error::OutputSize)?;
        let argon2 = Argon2::new(algorithm, version, params.clone());
        let blocks = params.block_count();
        if blocks > MOST_BLOCKS {
            return Err(Error::ParamInvalid { name: "m" });
        }
        in_memory(blocks, |memory| {
            argon2.hash_password_into_with_memory(password, salt, output, memory)
        })?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(&params)?,
            salt: Some(Salt::new(salt)?),
            hash: Some(Output::new(output)?),
        })
    }
}

impl PasswordHasher<PasswordHash> for Hasher {
    fn hash_password_with_salt(&self, password: &[u8], salt: &[u8]) -> Result<PasswordHash> {
        self.hash_password_with_params(password, salt, Params::default())
    }
}

fn in_memory<T>(blocks: usize, hash: impl FnOnce(&mut [Block]) -> T) -> T {
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let mut memory = kept().pop().unwrap_or_default();
    if memory.len() < blocks {
        memory = vec![Block::default(); blocks];
    }
    let hashed = hash(&mut memory[..blocks]);
    let most = available_parallelism().map_or(1, NonZeroUsize::get);
    let mut kept = kept();
    if kept.len() < most {
        kept.push(memory);
    }
    hashed
}
