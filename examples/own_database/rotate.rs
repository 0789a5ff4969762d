//! Refresh tokens: a session has one row for them, whose generation goes up.

use std::cmp::Ordering;

use rusqlite::Connection;
use tower_expiring_token::{NewToken, Rotated, RotatingStore, Rotation, StoreError, async_trait};

use crate::{UserStore, row};

#[async_trait]
impl RotatingStore for UserStore {
    async fn rotate(&self, rotation: Rotation) -> Result<Rotated, StoreError> {
        self.write(move |tokens| rotate(tokens, &rotation)).await
    }
}

fn rotate(tokens: &Connection, rotation: &Rotation) -> Result<Rotated, rusqlite::Error> {
    const LIVE: &str = "
        SELECT * FROM tokens WHERE digest = ?1 AND generation IS NOT NULL AND expires_at > ?2";
    const ACCESS: &str = "user_id = ?1 AND session = ?2 AND kind = ?3 AND generation IS NULL";

    let Rotation {
        digest, at, access, ..
    } = rotation;
    let live = row::first(tokens, LIVE, (digest.as_bytes(), at.as_micros()))?;
    let Some(refresh) = live.map(|token| token.record) else {
        return Ok(Rotated::Unknown);
    };
    let (user, session) = (
        row::user_id(refresh.subject()),
        refresh.session().as_bytes(),
    );
    let of_kind = (user, session, access.record.kind());
    let current = refresh.generation().unwrap_or_default();
    match rotation.generation.cmp(&current) {
        Ordering::Greater => Ok(Rotated::Unknown),
        Ordering::Equal => {
            let times = refresh.times().extended(*at, rotation.expires_at);
            let record = refresh.rotated(*at, times);
            tokens.execute(&format!("DELETE FROM tokens WHERE {ACCESS}"), of_kind)?;
            row::put(
                tokens,
                &NewToken {
                    digest: *digest,
                    record,
                },
            )?;
            row::put(tokens, access)?;
            Ok(Rotated::Rotated)
        }
        Ordering::Less => {
            let last = rotation.generation + 1 == current;
            let in_grace = |first| at.since(first) < rotation.grace;
            if last && refresh.rotated_at().is_some_and(in_grace) {
                let first = format!("SELECT * FROM tokens WHERE {ACCESS}");
                let first = row::first(tokens, &first, of_kind)?;
                return Ok(first.map_or(Rotated::Unknown, |access| Rotated::Again(access.record)));
            }
            let all = "DELETE FROM tokens WHERE user_id = ?1 AND session = ?2";
            tokens.execute(all, (user, session))?;
            Ok(Rotated::Reused)
        }
    }
}
