use std::fmt;
use std::time::Duration;

use super::kind::{MOST_GRACE, MOST_KINDS};
use crate::rejection::ChallengeFault;
use crate::token::KindFault;

/// A configuration that can't work: what was expected, what was found, and what to do. `Debug` says
/// it, too, since that is what a `main` that fails prints.
#[derive(Clone, PartialEq, Eq)]
pub struct BuildError(pub(super) Fault);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoExpiry,
    Policy { kind: String, problem: String },
    Kind { kind: String, fault: KindFault },
    SameName(String),
    SameText(String, String),
    TooManyKinds(usize),
    Challenge(ChallengeFault),
    NoLimit,
    UnknownKind { found: String, known: Vec<String> },
    NoKind,
    NoRefresh,
    Grace(Duration),
    NoRandomness(String),
}

pub(super) const NO_LIMIT: &str = "expected a limit of one session or more, found 0: leave `.limit(..)` out for any number of sessions";

// === impl BuildError ===

impl BuildError {
    pub(super) fn unknown_kind(found: &str, known: impl Iterator<Item = String>) -> Self {
        Self(Fault::UnknownKind {
            found: found.to_owned(),
            known: known.collect(),
        })
    }

    pub(super) const fn no_kind() -> Self {
        Self(Fault::NoKind)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Fault::NoExpiry => f.write_str(
                "expected an expiry, found none: say when tokens end, such as `.expiry(Lifetime::hours(24))`",
            ),
            Fault::Policy { kind, problem } => write!(f, "the expiry of kind {kind:?}: {problem}"),
            Fault::Kind { fault: KindFault::Name, .. } => {
                f.write_str("expected a name for each kind of token, found an empty one: name it, such as \"access\"")
            }
            Fault::Kind { kind, fault: KindFault::Prefix(found) } => write!(
                f,
                "the prefix of kind {kind:?}: expected 1 to 32 letters, digits or -._~+/, found {found:?}; choose one such as \"acme_\""
            ),
            Fault::Kind { kind, fault: KindFault::Digits(found) } => write!(
                f,
                "the digits of kind {kind:?}: expected 32 to 512, found {found}; name as many as the other system's tokens have (fewer than 32 can be guessed, RFC 6749 section 10.10)"
            ),
            Fault::Kind { kind, fault: KindFault::Former } => write!(
                f,
                "expected each former definition of kind {kind:?} to have texts of its own, found two alike: give today's a prefix of which neither begins the other"
            ),
            Fault::SameName(name) => {
                write!(f, "expected each kind to have a name of its own, found {name:?} twice: rename one")
            }
            Fault::SameText(one, other) => write!(
                f,
                "expected each kind's texts to differ, found {one:?} and {other:?} alike: give them prefixes of which neither begins the other"
            ),
            Fault::TooManyKinds(found) => {
                write!(f, "expected at most {MOST_KINDS} kinds, found {found}: retire those whose tokens have ended")
            }
            Fault::Challenge(ChallengeFault::NoScheme) => f.write_str("expected a scheme, found none: name one, such as \"Bearer\""),
            Fault::Challenge(ChallengeFault::Scheme(found)) => write!(
                f,
                "expected a scheme of RFC 9110 token characters, found {found:?}: name one word, such as \"Bearer\""
            ),
            Fault::Challenge(ChallengeFault::SchemeTwice(found)) => {
                write!(f, "expected each scheme once, found {found:?} again (case does not matter): leave it out")
            }
            Fault::Challenge(ChallengeFault::Realm(found)) => {
                write!(f, "expected a realm of printable ASCII, found {found:?}: name one, such as \"api\"")
            }
            Fault::NoLimit => f.write_str(NO_LIMIT),
            Fault::UnknownKind { found, known } => write!(
                f,
                "expected kinds that the authority knows ({}), found {found:?}: add it with `.kind(..)`, or correct the name",
                known.join(", ")
            ),
            Fault::NoKind => f.write_str("expected a kind to let in, found none: name one, such as \"access\""),
            Fault::NoRefresh => f.write_str(
                "expected a life of refresh tokens, found their grace or prefix alone: add `.refresh(Lifetime::days(30))`",
            ),
            Fault::Grace(found) => write!(
                f,
                "expected a grace for refresh tokens of at most {MOST_GRACE:?}, found {found:?}: name a shorter one; a retry takes seconds, and a thief gains as much as a retry"
            ),
            Fault::NoRandomness(problem) => write!(
                f,
                "expected randomness from the system for a server key, found none ({problem}): give one with `.key(..)`"
            ),
        }
    }
}

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BuildError({self})")
    }
}

impl std::error::Error for BuildError {}
