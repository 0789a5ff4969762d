use tower_expiring_token::{
    IssuingStore, NewToken, Rotated, RotatingStore, Rotation, StoreError, TokenRecord, TokenTimes,
    async_trait,
};

use super::{Mutant, Wrong};

#[async_trait]
impl RotatingStore for Mutant {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.forget();
        let refresh = self.kept(&rotation.digest);
        let current = refresh.as_ref().and_then(TokenRecord::generation);
        let subject = rotation.access.record.subject().clone();
        let before = self.of(&subject);
        let NewToken { digest, record } = rotation.access.clone();
        let mut rotation = rotation;
        match self.wrong {
            Wrong::TwoWin => tokio::task::yield_now().await,
            Wrong::RotateInTwoSteps if current == Some(rotation.generation) => {
                for (digest, old) in &before {
                    if old.generation().is_none() && old.session() == record.session() {
                        self.store.remove(digest).await?;
                    }
                }
                tokio::task::yield_now().await;
            }
            Wrong::AnyGeneration => {
                rotation.generation = rotation.generation.min(current.unwrap_or_default());
            }
            Wrong::ReuseChecksLate if current > Some(rotation.generation.saturating_add(1)) => {
                let read: Vec<_> = self.of(&subject);
                tokio::task::yield_now().await;
                for (digest, old) in read {
                    if old.session() == record.session() {
                        self.store.remove(&digest).await?;
                    }
                }
                return Ok(Rotated::Reused);
            }
            _ => {}
        }
        let rotated = self.store.rotate(rotation.clone()).await?;
        match (self.wrong, &rotated) {
            (Wrong::TwoWin, Rotated::Again(_)) if current == Some(rotation.generation) => {
                self.put(digest, record).await;
                return Ok(Rotated::Rotated);
            }
            (Wrong::RotateKeepsOlder, Rotated::Rotated) => {
                for (digest, old) in before {
                    if self.kept(&digest).is_none() {
                        self.put(digest, old).await;
                    }
                }
            }
            (Wrong::RotateIsNoUse, Rotated::Rotated) => {
                if let Some((refresh, old)) = self.kept(&rotation.digest).zip(refresh) {
                    let last_used_at = old.times().last_used_at;
                    let times = TokenTimes {
                        last_used_at,
                        ..*refresh.times()
                    };
                    self.put(rotation.digest, refresh.at(times)).await;
                }
            }
            (Wrong::RotateMovesEndBack, Rotated::Rotated) => {
                if let Some(refresh) = self.kept(&rotation.digest) {
                    let times = *refresh.times();
                    let expires_at = rotation.expires_at.min(times.ends_at);
                    let times = TokenTimes {
                        expires_at,
                        ..times
                    };
                    self.put(rotation.digest, refresh.at(times)).await;
                }
            }
            (Wrong::AgainIsNew, Rotated::Again(_)) => {
                self.put(digest, record.clone()).await;
                return Ok(Rotated::Again(record));
            }
            (Wrong::GraceBeginsAgain, Rotated::Again(_)) => {
                if let Some(refresh) = self.kept(&rotation.digest) {
                    let again = rotated_at(&refresh, &rotation);
                    self.put(rotation.digest, again).await;
                }
            }
            (Wrong::ReuseIsForgiven, Rotated::Reused) => {
                for (digest, old) in before {
                    self.put(digest, old).await;
                }
            }
            (Wrong::AgainAfterLogout, Rotated::Unknown) if rotation.generation == 0 => {
                let seen = self.seen.lock().unwrap().clone();
                let session = record.session();
                let first = seen.into_values().find(|old| {
                    old.session() == session && old.times().issued_at < record.times().issued_at
                });
                return Ok(first.map_or(Rotated::Unknown, Rotated::Again));
            }
            (Wrong::AccessComesLate, Rotated::Rotated) => {
                tokio::task::yield_now().await;
                self.put(digest, record).await;
            }
            _ => {}
        }
        if rotated == Rotated::Rotated {
            let NewToken { digest, record } = rotation.access;
            self.seen.lock().unwrap().insert(digest, record);
        }
        Ok(rotated)
    }
}

/// The same refresh token, rotated when this rotation came.
fn rotated_at(refresh: &TokenRecord, rotation: &Rotation) -> TokenRecord {
    TokenRecord::builder(
        refresh.kind(),
        *refresh.session(),
        refresh.subject(),
        *refresh.times(),
    )
    .scopes(refresh.scopes().clone())
    .seed(refresh.seed().cloned())
    .refresh(refresh.generation().unwrap_or_default(), Some(rotation.at))
    .build()
}
