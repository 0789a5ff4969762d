use super::{Bound, ExpiryPolicy, Rule};
use crate::clock::Timestamp;
use crate::token::TokenTimes;

/// The times of a token that is issued now and ends by `until`, whatever its policy gives.
///
/// # Errors
///
/// The rule by which it would end at once.
pub(crate) fn begin(
    policy: &dyn ExpiryPolicy,
    now: Timestamp,
    authenticated_at: Timestamp,
    until: Timestamp,
) -> Result<TokenTimes, Rule> {
    let unbounded = TokenTimes {
        authenticated_at,
        ..TokenTimes::fixed(now, Timestamp::MAX)
    };
    let ends_at = policy.cap(&unbounded).min(until);
    let bound = policy.bound(&unbounded).or_earlier(Bound {
        at: ends_at,
        rule: Rule::Record,
    });
    if bound.at <= now {
        return Err(bound.rule);
    }
    Ok(TokenTimes {
        expires_at: bound.at,
        ends_at,
        ..unbounded
    })
}
