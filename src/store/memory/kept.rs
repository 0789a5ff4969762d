use std::any::{Any, type_name};

use crate::store::Held;
use crate::token::{Subject, TokenDigest, TokenRecord};

/// A token as it is kept, and as requests carry it around: one allocation. What a look-up compares
/// comes first, beside the count that it moves, and then the times: fewer lines to wait for.
#[repr(C)]
pub(super) struct Kept {
    pub(super) digest: TokenDigest,
    pub(super) record: TokenRecord,
}

impl Held for Kept {
    fn record(&self) -> &TokenRecord {
        &self.record
    }

    fn principal(&self) -> Option<&(dyn Any + Send + Sync)> {
        Some(self.record.subject())
    }

    fn principal_type(&self) -> &'static str {
        type_name::<Subject>()
    }
}
