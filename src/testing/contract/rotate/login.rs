use std::sync::Arc;
use std::time::Duration;

use super::GRACE;
use crate::store::{NewToken, RotatingStore, Rotation};
use crate::testing::contract::broken::Fault;
use crate::testing::contract::stage::Stage;
use crate::testing::contract::token::{ADD, Draft, at};
use crate::token::TokenTimes;

/// A session: its access token, and its rotations.
pub(in super::super) struct Login {
    pub(in super::super) draft: Draft,
    pub(in super::super) refresh: NewToken,
}

impl Login {
    pub(in super::super) fn new(draft: Draft) -> Self {
        let refresh = draft.refresh(0, None);
        Self { draft, refresh }
    }

    /// A rotation that brings the access token of this number.
    pub(in super::super) fn rotation(
        &self,
        generation: u32,
        number: u64,
        at_second: u64,
    ) -> Rotation {
        Rotation {
            digest: self.refresh.digest,
            generation,
            at: at(at_second),
            grace: GRACE,
            expires_at: at(at_second + 600),
            access: self.access(number, at_second),
        }
    }

    fn access(&self, number: u64, at_second: u64) -> NewToken {
        self.draft.clone().numbered(number).later(at_second).token()
    }

    /// The refresh token after its last rotation.
    pub(super) fn rotated(&self, generation: u32, at_second: u64) -> NewToken {
        let at = at(at_second);
        let times = TokenTimes {
            last_used_at: at,
            expires_at: at + Duration::from_secs(600),
            ..*self.refresh.record.times()
        };
        let refresh = self.draft.refresh(generation, Some(at));
        NewToken {
            digest: refresh.digest,
            record: refresh.record.at(times),
        }
    }
}

/// A store with a session of its first subject.
pub(super) async fn logged_in<S: RotatingStore>(
    stage: &Stage<'_, S>,
) -> Result<(Arc<S>, Login), Fault> {
    let store = stage.empty().await?;
    let login = Login::new(stage.token(1).scopes("read"));
    store.insert(login.draft.refreshable(), ADD).await?;
    Ok((store, login))
}
