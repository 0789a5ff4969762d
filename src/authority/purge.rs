use std::num::NonZeroUsize;

use super::{Event, TokenAuthority};
use crate::clock::Timestamp;
use crate::store::{IssuingStore, StoreError};

const BATCH: NonZeroUsize = NonZeroUsize::new(10_000).expect("is not zero");

impl<S: IssuingStore> TokenAuthority<S> {
    /// Removes the records of tokens that have been dead for longer than the retention, in small
    /// steps; how many. It goes by the [ends](crate::TokenTimes::ends_at) that no use moves, so it
    /// can't take a live token, and one that was idle for too long stays until its life would have
    /// been over. Call it now and then: without it, dead tokens are refused as ever, but kept.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store can't say; what was removed by then is gone.
    pub async fn purge(&self) -> Result<u64, StoreError> {
        let ended_by = self.purge_end();
        let mut purged = 0;
        loop {
            let batch = self.purge_batch(ended_by, BATCH).await?;
            purged += batch as u64;
            if batch < BATCH.get() {
                return Ok(purged);
            }
        }
    }

    pub(super) async fn purge_batch(
        &self,
        ended_by: Timestamp,
        most: NonZeroUsize,
    ) -> Result<usize, StoreError> {
        let batch = self.shared.store.purge(ended_by, most).await?;
        if batch > 0 {
            let tokens = batch as u64;
            self.tell(&Event::Purged { tokens });
        }
        Ok(batch)
    }

    /// What had ended by then may go.
    pub(super) fn purge_end(&self) -> Timestamp {
        self.now() - self.shared.retention
    }
}
