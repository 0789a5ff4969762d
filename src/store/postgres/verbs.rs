//! The store's verbs, each one statement.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::time::Duration;

use async_trait::async_trait;
use tokio_postgres::Row;

use super::PostgresStore;
use super::row::{self, NewRow, Time};
use crate::clock::Timestamp;
use crate::store::{
    Finding, Inserted, IssuingStore, NewSession, Place, Rotated, RotatingStore, Rotation, Slot,
    StoreError, TokenStore, Touch,
};
use crate::token::{SessionId, Subject, TokenDigest, TokenRecord};

/// How many touches one statement writes down.
const TOUCHES: usize = 1_000;
/// How often a use is tried on a row that others hold, with pauses from 1 ms on: for half a second.
const TRIES: u32 = 20;
const LONGEST_PAUSE: Duration = Duration::from_millis(32);

#[async_trait]
impl TokenStore for PostgresStore {
    type Principal = Subject;

    async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        self.0.lookups.find(digest).await
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        let mut left = touches.to_vec();
        while !left.is_empty() {
            // A statement writes each token once: what comes twice goes by the next one.
            let mut seen = HashSet::new();
            let (now, later): (Vec<Touch>, Vec<Touch>) = left
                .into_iter()
                .partition(|touch| seen.len() < TOUCHES && seen.insert(touch.digest));
            self.extend_once_each(now).await?;
            left = later;
        }
        Ok(())
    }
}

impl PostgresStore {
    /// Others hold a row for a moment, unless it is in a transaction of the application's.
    async fn extend_once_each(&self, mut touches: Vec<Touch>) -> Result<(), StoreError> {
        let mut pause = Duration::from_millis(1);
        for _ in 1..TRIES {
            let held = self.extend_free(&touches).await?;
            if held.is_empty() {
                return Ok(());
            }
            touches.retain(|touch| held.contains(&touch.digest));
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(2 * pause);
        }
        match self.extend_free(&touches).await?.len() {
            0 => Ok(()),
            held => Err(StoreError::new(format!(
                "expected to write down uses, found the rows of {held} held by other transactions; try again"
            ))),
        }
    }

    /// Writes down those whose rows nobody holds. The others.
    async fn extend_free(&self, touches: &[Touch]) -> Result<HashSet<TokenDigest>, StoreError> {
        let digests: Vec<&[u8]> = touches
            .iter()
            .map(|touch| &touch.digest.as_bytes()[..])
            .collect();
        let used: Vec<Time> = touches.iter().map(|touch| Time(touch.used_at)).collect();
        let expires: Vec<Time> = touches.iter().map(|touch| Time(touch.expires_at)).collect();
        let sql = &self.0.statements.extend;
        let rows = self
            .0
            .writes
            .rows(sql, &[&digests, &used, &expires])
            .await?;
        let held = rows.iter().map(row::digest);
        held.collect::<Result<_, _>>().map_err(StoreError::new)
    }
}

#[async_trait]
impl IssuingStore for PostgresStore {
    async fn insert(&self, new: NewSession, slot: Slot) -> Result<Inserted, StoreError> {
        let place = match slot.place {
            Place::Add => "add",
            Place::Renew => "renew",
            Place::KeepLive => "keep_live",
            Place::ReplaceAll => "replace_all",
        };
        let most = slot.limit.map(most);
        let (access, refresh) = (NewRow(&new.access), new.refresh.as_ref().map(NewRow));
        let sql = &self.0.statements.insert;
        let rows = self
            .0
            .writes
            .rows(sql, &[&access, &refresh, &place, &most])
            .await?;
        let Some(row) = rows.first() else {
            return Err(StoreError::new(
                "expected what came of a login, found no row",
            ));
        };
        let digest: Option<&[u8]> = row.try_get(1).map_err(StoreError::new)?;
        Ok(Inserted {
            instead: digest.map(|_| record(row, 1)).transpose()?,
            ended: count(&rows)?,
        })
    }

    async fn remove(&self, digest: &TokenDigest) -> Result<bool, StoreError> {
        let sql = &self.0.statements.remove;
        let removed = self
            .0
            .writes
            .execute(sql, &[&digest.as_bytes().as_slice()])
            .await?;
        Ok(removed > 0)
    }

    async fn remove_session(
        &self,
        subject: &Subject,
        session: &SessionId,
    ) -> Result<u64, StoreError> {
        let sql = &self.0.statements.remove_session;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&subject.as_str(), &session.as_bytes().as_slice()];
        count(&self.0.writes.rows(sql, &values).await?)
    }

    async fn remove_subject(
        &self,
        subject: &Subject,
        but: Option<&SessionId>,
    ) -> Result<u64, StoreError> {
        let sql = &self.0.statements.remove_subject;
        let but = but.map(|session| session.as_bytes().as_slice());
        count(&self.0.writes.rows(sql, &[&subject.as_str(), &but]).await?)
    }

    async fn list(&self, subject: &Subject) -> Result<Vec<TokenRecord>, StoreError> {
        let sql = &self.0.statements.list;
        let rows = self.0.writes.rows(sql, &[&subject.as_str()]).await?;
        rows.iter().map(|row| record(row, 0)).collect()
    }

    async fn purge(&self, ended_by: Timestamp, limit: NonZeroUsize) -> Result<usize, StoreError> {
        let statements = &self.0.statements;
        let mut left = most(limit);
        let mut purged = 0;
        for sql in [&statements.purge_free, &statements.purge_all] {
            let removed = self
                .0
                .writes
                .execute(sql, &[&Time(ended_by), &left])
                .await?;
            purged += usize::try_from(removed).unwrap_or(usize::MAX);
            left = left.saturating_sub_unsigned(removed);
            if left <= 0 {
                break;
            }
        }
        Ok(purged)
    }
}

#[async_trait]
impl RotatingStore for PostgresStore {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        let again_after = Time(rotation.at - rotation.grace);
        let (at, expires_at) = (Time(rotation.at), Time(rotation.expires_at));
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] = [
            &rotation.digest.as_bytes().as_slice(),
            &i64::from(rotation.generation),
            &at,
            &again_after,
            &expires_at,
            &NewRow(&rotation.access),
        ];
        let rows = self
            .0
            .writes
            .rows(&self.0.statements.rotate, &values)
            .await?;
        let Some(row) = rows.first() else {
            return Ok(Rotated::Unknown);
        };
        match row.try_get::<_, &str>(0).map_err(StoreError::new)? {
            "rotated" => Ok(Rotated::Rotated),
            "again" => Ok(Rotated::Again(record(row, 1)?)),
            "reused" => Ok(Rotated::Reused),
            _ => Ok(Rotated::Unknown),
        }
    }
}

fn record(row: &Row, first: usize) -> Result<TokenRecord, StoreError> {
    row::record(row, first).map_err(StoreError::new)
}

fn count(rows: &[Row]) -> Result<u64, StoreError> {
    let count = rows.first().map_or(Ok(0_i64), |row| row.try_get(0));
    let count = count.map_err(StoreError::new)?;
    u64::try_from(count).map_err(StoreError::new)
}

fn most(limit: NonZeroUsize) -> i64 {
    i64::try_from(limit.get()).unwrap_or(i64::MAX)
}
