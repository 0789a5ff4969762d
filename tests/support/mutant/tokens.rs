use tower_expiring_token::{
    Finding, Found, Scopes, StoreError, Subject, Timestamp, TokenDigest, TokenRecord, TokenStore,
    TokenTimes, Touch, async_trait,
};

use super::{Mutant, Wrong};

#[async_trait]
impl TokenStore for Mutant {
    type Principal = Subject;

    async fn find(&self, digest: &TokenDigest) -> Finding<Subject> {
        if self.is(Wrong::FindAnswersTheCallBefore) {
            return self.answer_of_the_call_before(digest).await;
        }
        if self.is(Wrong::FindKeepsWhatItRead) {
            return self.cached_answer(digest).await;
        }
        let mut digest = *digest;
        if self.is(Wrong::FindByHalfTheDigest) {
            let half = |other: &TokenDigest| other.as_bytes()[..16] == digest.as_bytes()[..16];
            let other = self.all().into_iter().find(|(other, _)| half(other));
            digest = other.map_or(digest, |(other, _)| other);
        }
        let Some(found) = self.store.find(&digest).await? else {
            return Ok(None);
        };
        let record = found.record();
        let times = record.times();
        Ok(match self.wrong {
            Wrong::FindHidesTheDead if times.last_used_at >= times.expires_at => None,
            Wrong::FindForgetsPrincipals => Some(Found::suspended(record.clone())),
            Wrong::Seconds => Some(with_times(record, 1_000_000)),
            Wrong::Milliseconds => Some(with_times(record, 1_000)),
            Wrong::ShortScopes => Some(short(record, 100, usize::MAX)),
            Wrong::ShortLabels => Some(short(record, usize::MAX, 255)),
            _ => Some(found),
        })
    }

    fn find_now(&self, digest: &TokenDigest) -> Option<Finding<Subject>> {
        if self.is(Wrong::FindNowRemembers) {
            let record = self.kept(digest).or_else(|| self.seen(digest));
            return Some(Ok(record.map(|record| {
                let subject = record.subject().clone();
                Found::new(record, subject)
            })));
        }
        None
    }

    async fn extend(&self, touches: &[Touch]) -> Result<(), StoreError> {
        self.forget();
        if self.is(Wrong::ExtendStopsAtAHundred) {
            return self.store.extend(&touches[..touches.len().min(100)]).await;
        }
        if self.is(Wrong::TouchesDeadlock) {
            return self.extend_row_by_row(touches).await;
        }
        for touch in touches {
            let Some((record, times)) = self.touched(touch) else {
                self.store.extend(&[*touch]).await?;
                continue;
            };
            if self.is(Wrong::ExtendSavesWhatItRead) {
                tokio::task::yield_now().await;
            }
            self.put(touch.digest, record.at(times)).await;
            if self.is(Wrong::ExtendTouchesTheSession) {
                for (digest, other) in self.of(record.subject()) {
                    if other.session() == record.session() {
                        self.put(digest, other.at(times)).await;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Mutant {
    /// What this touch makes of which record; none: what it should.
    fn touched(&self, touch: &Touch) -> Option<(TokenRecord, TokenTimes)> {
        let Touch {
            digest,
            used_at,
            expires_at,
        } = *touch;
        let kept = self.kept(&digest);
        match self.wrong {
            Wrong::ExtendSavesBlindly | Wrong::PurgeIsUndone => {
                // One of the two only after a removal, the other only after a purge.
                let record = kept.or_else(|| self.seen(&digest))?;
                let purged = record
                    .times()
                    .ends_at
                    .since(record.times().issued_at)
                    .as_secs()
                    == 100;
                let wrong = purged == self.is(Wrong::PurgeIsUndone);
                wrong.then(|| (record.clone(), record.times().extended(used_at, expires_at)))
            }
            Wrong::ExtendMakesTokens => {
                let (_, record) = self.all().into_iter().next()?;
                kept.is_none().then(|| (record.clone(), *record.times()))
            }
            wrong => {
                let record = kept?;
                let old = *record.times();
                let extended = old.extended(used_at, expires_at);
                let times = match wrong {
                    Wrong::ExtendSavesWhatItRead | Wrong::ExtendTouchesTheSession => extended,
                    Wrong::ExtendMovesBack if used_at < old.expires_at => TokenTimes {
                        last_used_at: used_at,
                        expires_at: expires_at.min(old.ends_at),
                        ..old
                    },
                    Wrong::ExtendGoesBeyond if used_at < old.expires_at => TokenTimes {
                        expires_at: old.expires_at.max(expires_at),
                        ..extended
                    },
                    Wrong::ExtendRevivesTheDead => {
                        let unending = TokenTimes {
                            expires_at: Timestamp::MAX,
                            ..old
                        };
                        TokenTimes {
                            expires_at: old.expires_at.max(expires_at.min(old.ends_at)),
                            ..unending.extended(used_at, expires_at)
                        }
                    }
                    Wrong::ExtendAddsUp => TokenTimes {
                        expires_at: (extended.expires_at + used_at.since(old.issued_at) / 100)
                            .min(old.ends_at),
                        ..extended
                    },
                    _ => return None,
                };
                Some((record, times))
            }
        }
    }

    /// Locks each row until all are touched, in the order in which they came.
    async fn extend_row_by_row(&self, touches: &[Touch]) -> Result<(), StoreError> {
        let mut own = Vec::new();
        let mut deadlock = false;
        for touch in touches {
            if own.contains(&touch.digest) {
                continue;
            }
            if !self.locked.lock().unwrap().insert(touch.digest) {
                deadlock = true;
                break;
            }
            own.push(touch.digest);
            tokio::task::yield_now().await;
        }
        self.locked.lock().unwrap().retain(|row| !own.contains(row));
        if deadlock {
            return Err(StoreError::new("deadlock detected"));
        }
        self.store.extend(touches).await
    }

    /// A cache as people write it: what changes is forgotten, and what was read before comes late.
    async fn cached_answer(&self, digest: &TokenDigest) -> Finding<Subject> {
        let cached = self.cache.lock().unwrap().get(digest).cloned();
        let record = match cached {
            Some(record) => Some(record),
            None => self.kept(digest),
        };
        tokio::task::yield_now().await;
        Ok(record.map(|record| {
            self.cache.lock().unwrap().insert(*digest, record.clone());
            let subject = record.subject().clone();
            Found::new(record, subject)
        }))
    }

    /// A connection whose next answer is that to the call that nobody waited for.
    async fn answer_of_the_call_before(&self, digest: &TokenDigest) -> Finding<Subject> {
        let asked = *self.before.lock().unwrap().get_or_insert(*digest);
        tokio::task::yield_now().await;
        *self.before.lock().unwrap() = None;
        self.store.find(&asked).await
    }
}

fn with_times(record: &TokenRecord, step: i64) -> Found<Subject> {
    let cut = |at: Timestamp| Timestamp::from_micros(at.as_micros() / step * step);
    let times = record.times();
    let times = TokenTimes {
        issued_at: cut(times.issued_at),
        authenticated_at: cut(times.authenticated_at),
        last_used_at: cut(times.last_used_at),
        expires_at: cut(times.expires_at),
        ends_at: cut(times.ends_at),
    };
    Found::new(record.at(times), record.subject().clone())
}

fn short(record: &TokenRecord, scopes: usize, label: usize) -> Found<Subject> {
    let text = record.scopes().as_str();
    let scopes = Scopes::parse(text[..text.len().min(scopes)].trim_end()).unwrap();
    let label: String = record
        .label()
        .unwrap_or_default()
        .chars()
        .take(label)
        .collect();
    let mut builder = TokenRecord::builder(
        record.kind(),
        *record.session(),
        record.subject(),
        *record.times(),
    )
    .scopes(scopes)
    .label(&label)
    .client(record.client())
    .seed(record.seed().cloned());
    if let Some(generation) = record.generation() {
        builder = builder.refresh(generation, record.rotated_at());
    }
    Found::new(builder.build(), record.subject().clone())
}
