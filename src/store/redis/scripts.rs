//! Every verb but the look-up: one script each, so that it happens whole or not at all.

use std::num::NonZeroUsize;
use std::time::Duration;

use redis::{Script, ScriptInvocation};

use super::keys::{Keys, tag};
use super::packed::{pack, unpack};
use crate::clock::Timestamp;
use crate::store::{
    Inserted, NewSession, NewToken, Place, Rotated, Rotation, Slot, StoreError, Touch,
};
use crate::token::{SessionId, Subject, TokenDigest, TokenRecord};

macro_rules! verbs {
    ($($verb:ident),*) => {
        /// The scripts, told by their digests where the server has them already.
        pub(super) struct Scripts {
            $($verb: Script,)*
        }

        impl Default for Scripts {
            fn default() -> Self {
                Self {
                    $($verb: Script::new(concat!(
                        include_str!("lua/head.lua"),
                        include_str!(concat!("lua/", stringify!($verb), ".lua")),
                    )),)*
                }
            }
        }
    };
}

verbs!(extend, insert, list, purge, remove, remove_where, rotate);

impl Scripts {
    pub(super) fn extend(&self, keys: &Keys, touches: &[Touch]) -> ScriptInvocation<'_> {
        let mut call = call(&self.extend, keys);
        for touch in touches {
            call.key(keys.token(&touch.digest))
                .arg(bytes(touch.used_at))
                .arg(bytes(touch.expires_at));
        }
        call
    }

    pub(super) fn insert(
        &self,
        keys: &Keys,
        new: &NewSession,
        slot: Slot,
        retention: Duration,
    ) -> Result<ScriptInvocation<'_>, StoreError> {
        let place = match slot.place {
            Place::Add => "add",
            Place::Renew => "renew",
            Place::KeepLive => "keep live",
            Place::ReplaceAll => "replace all",
        };
        let mut call = call(&self.insert, keys);
        call.key(keys.list(new.access.record.subject()))
            .arg(place)
            .arg(slot.limit.map_or(0, NonZeroUsize::get));
        push_new(&mut call, &new.access, retention)?;
        if let Some(refresh) = &new.refresh {
            push_new(&mut call, refresh, retention)?;
        }
        Ok(call)
    }

    pub(super) fn remove(&self, keys: &Keys, digest: &TokenDigest) -> ScriptInvocation<'_> {
        let mut call = call(&self.remove, keys);
        call.key(keys.token(digest)).arg(digest.to_string());
        call
    }

    pub(super) fn remove_where(
        &self,
        keys: &Keys,
        subject: &Subject,
        session: Option<&SessionId>,
        but: Option<&SessionId>,
    ) -> ScriptInvocation<'_> {
        let bytes = |session: Option<&SessionId>| session.map_or(vec![], |id| id.as_bytes().into());
        let mut call = call(&self.remove_where, keys);
        call.key(keys.list(subject))
            .arg(bytes(session))
            .arg(bytes(but));
        call
    }

    pub(super) fn list(&self, keys: &Keys, subject: &Subject) -> ScriptInvocation<'_> {
        let mut call = call(&self.list, keys);
        call.key(keys.list(subject));
        call
    }

    /// Purges some routes, in at most so many steps.
    pub(super) fn purge(
        &self,
        keys: &Keys,
        routes: impl Iterator<Item = u16>,
        ended_by: Timestamp,
        most: usize,
    ) -> ScriptInvocation<'_> {
        let mut call = call(&self.purge, keys);
        call.arg(bytes(ended_by)).arg(most);
        for route in routes {
            call.arg(tag(route));
        }
        call
    }

    pub(super) fn rotate(
        &self,
        keys: &Keys,
        rotation: &Rotation,
        retention: Duration,
    ) -> Result<ScriptInvocation<'_>, StoreError> {
        let mut call = call(&self.rotate, keys);
        call.key(keys.token(&rotation.digest))
            .arg(rotation.digest.to_string())
            .arg(rotation.generation)
            .arg(bytes(rotation.at))
            .arg(i64::try_from(rotation.grace.as_micros()).unwrap_or(i64::MAX))
            .arg(bytes(rotation.expires_at));
        push_new(&mut call, &rotation.access, retention)?;
        Ok(call)
    }
}

// === what they answer ===

pub(super) fn inserted((ended, instead): (u64, Option<Vec<u8>>)) -> Result<Inserted, StoreError> {
    let instead = instead.map(|value| unpack(&value)).transpose()?;
    Ok(Inserted { instead, ended })
}

pub(super) fn listed(values: Vec<Vec<u8>>) -> Result<Vec<TokenRecord>, StoreError> {
    values.iter().map(|value| unpack(value)).collect()
}

pub(super) fn rotated(answer: Vec<Vec<u8>>) -> Result<Rotated, StoreError> {
    let mut parts = answer.iter().map(Vec::as_slice);
    match (parts.next(), parts.next()) {
        (Some(b"rotated"), None) => Ok(Rotated::Rotated),
        (Some(b"again"), Some(access)) => unpack(access).map(Rotated::Again),
        (Some(b"reused"), None) => Ok(Rotated::Reused),
        (Some(b"unknown"), None) => Ok(Rotated::Unknown),
        _ => Err(StoreError::new(
            "expected what came of a rotation, found something else",
        )),
    }
}

fn call<'a>(script: &'a Script, keys: &Keys) -> ScriptInvocation<'a> {
    script.arg(keys.prefix())
}

fn bytes(time: Timestamp) -> Vec<u8> {
    time.as_micros().to_be_bytes().into()
}

fn push_new(
    call: &mut ScriptInvocation<'_>,
    token: &NewToken,
    retention: Duration,
) -> Result<(), StoreError> {
    // From now by the server's clock, whatever time ours shows: it only collects rubbish.
    let times = token.record.times();
    let keep = times
        .ends_at
        .since(times.issued_at)
        .saturating_add(retention);
    call.arg(token.digest.to_string())
        .arg(pack(&token.record)?)
        .arg(
            i64::try_from(keep.as_millis())
                .unwrap_or(i64::MAX)
                .clamp(1, i64::MAX / 2),
        );
    Ok(())
}
