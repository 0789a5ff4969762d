//! A kind of token with its policy, and what can be wrong with several of them.

use std::time::Duration;

use super::build_error::Fault;
use crate::expiry::ExpiryPolicy;
use crate::token::{RefreshForm, TokenKind};

pub(super) struct Kind {
    pub(super) kind: TokenKind,
    pub(super) policy: Box<dyn ExpiryPolicy>,
}

pub(super) struct RefreshTokens {
    pub(super) form: RefreshForm,
    /// Their policy, and as what their prefix is held against those of others.
    pub(super) kind: Kind,
    pub(super) grace: Duration,
}

/// A layer keeps the kinds that it lets in as bits.
pub(super) const MOST_KINDS: usize = 64;
pub(super) const MOST_GRACE: Duration = Duration::from_secs(60);

pub(super) fn refresh_tokens(
    policy: Option<Box<dyn ExpiryPolicy>>,
    grace: Option<Duration>,
    prefix: Option<String>,
) -> Result<Option<RefreshTokens>, Fault> {
    let Some(policy) = policy else {
        let alone = grace.is_some() || prefix.is_some();
        return if alone {
            Err(Fault::NoRefresh)
        } else {
            Ok(None)
        };
    };
    let grace = grace.unwrap_or_default();
    if grace > MOST_GRACE {
        return Err(Fault::Grace(grace));
    }
    let prefix = prefix.as_deref().unwrap_or("ter_");
    let kind = TokenKind::new("refresh", prefix);
    Ok(Some(RefreshTokens {
        form: RefreshForm::new(prefix),
        kind: Kind { kind, policy },
        grace,
    }))
}

pub(super) fn check_kinds(kinds: &[Kind], refresh: Option<&RefreshTokens>) -> Result<(), Fault> {
    if kinds.len() > MOST_KINDS {
        return Err(Fault::TooManyKinds(kinds.len()));
    }
    let kinds: Vec<&Kind> = kinds
        .iter()
        .chain(refresh.map(|refresh| &refresh.kind))
        .collect();
    for (index, Kind { kind, policy }) in kinds.iter().enumerate() {
        let name = kind.name().to_owned();
        if let Some(fault) = kind.fault() {
            return Err(Fault::Kind { kind: name, fault });
        }
        policy.check().map_err(|problem| Fault::Policy {
            kind: name.clone(),
            problem,
        })?;
        for Kind { kind: other, .. } in &kinds[..index] {
            if other.name() == kind.name() {
                return Err(Fault::SameName(name));
            }
            if other.collides(kind) {
                return Err(Fault::SameText(other.name().to_owned(), name));
            }
        }
    }
    Ok(())
}
