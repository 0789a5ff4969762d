use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
use crate::token::Subject;
use crate::token::TokenRecord;

/// What a store found: a token's record, and whom it speaks for. Cheap to clone.
pub struct Found<P> {
    held: Arc<dyn Held>,
    principal: PhantomData<fn() -> P>,
}

/// A record and its principal, whatever that one's type: what requests carry around.
pub(crate) trait Held: Send + Sync {
    fn record(&self) -> &TokenRecord;
    fn principal(&self) -> Option<&(dyn Any + Send + Sync)>;
    fn principal_type(&self) -> &'static str;
}

impl<P: Send + Sync + 'static> Found<P> {
    /// A live account's token.
    #[must_use]
    pub fn new(record: TokenRecord, principal: P) -> Self {
        Self::of(Arc::new(Together { record, principal }))
    }

    /// A live account's token, when the principal is shared: by a cache, by the user's tokens.
    #[must_use]
    pub fn shared(record: TokenRecord, principal: Arc<P>) -> Self {
        Self::of(Arc::new(Apart {
            record,
            principal: Some(principal),
        }))
    }

    /// The token of a principal that is suspended or gone: 401, while the token stays as it is.
    #[must_use]
    pub fn suspended(record: TokenRecord) -> Self {
        Self::of(Arc::new(Apart {
            record,
            principal: None::<Arc<P>>,
        }))
    }

    /// The same token with another principal; none: suspended.
    #[must_use]
    pub fn with_principal<Q: Send + Sync + 'static>(self, principal: Option<Arc<Q>>) -> Found<Q> {
        Found::of(Arc::new(Instead {
            found: self.held,
            principal,
        }))
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> &TokenRecord {
        self.held.record()
    }

    /// The principal; none: suspended.
    #[must_use]
    pub fn principal(&self) -> Option<&P> {
        self.held.principal()?.downcast_ref()
    }
}

#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
impl Found<Subject> {
    /// A token whose principal is its record's own subject, in one allocation.
    pub(super) fn of_record(record: TokenRecord) -> Self {
        Self::of(Arc::new(record))
    }
}

impl<P> Found<P> {
    pub(super) fn of(held: Arc<dyn Held>) -> Self {
        Self {
            held,
            principal: PhantomData,
        }
    }

    pub(crate) fn into_held(self) -> Arc<dyn Held> {
        self.held
    }
}

impl<P> Clone for Found<P> {
    fn clone(&self) -> Self {
        Self {
            held: Arc::clone(&self.held),
            principal: PhantomData,
        }
    }
}

impl<P> fmt::Debug for Found<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("record", self.held.record())
            .finish_non_exhaustive()
    }
}

// === impl Held ===

#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
impl Held for TokenRecord {
    fn record(&self) -> &TokenRecord {
        self
    }

    fn principal(&self) -> Option<&(dyn Any + Send + Sync)> {
        Some(self.subject())
    }

    fn principal_type(&self) -> &'static str {
        type_name::<Subject>()
    }
}

struct Together<P> {
    record: TokenRecord,
    principal: P,
}

impl<P: Send + Sync + 'static> Held for Together<P> {
    fn record(&self) -> &TokenRecord {
        &self.record
    }

    fn principal(&self) -> Option<&(dyn Any + Send + Sync)> {
        Some(&self.principal)
    }

    fn principal_type(&self) -> &'static str {
        type_name::<P>()
    }
}

struct Apart<P> {
    record: TokenRecord,
    principal: Option<Arc<P>>,
}

impl<P: Send + Sync + 'static> Held for Apart<P> {
    fn record(&self) -> &TokenRecord {
        &self.record
    }

    fn principal(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.principal.as_deref().map(|principal| principal as _)
    }

    fn principal_type(&self) -> &'static str {
        type_name::<P>()
    }
}

struct Instead<P> {
    found: Arc<dyn Held>,
    principal: Option<Arc<P>>,
}

impl<P: Send + Sync + 'static> Held for Instead<P> {
    fn record(&self) -> &TokenRecord {
        self.found.record()
    }

    fn principal(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.principal.as_deref().map(|principal| principal as _)
    }

    fn principal_type(&self) -> &'static str {
        type_name::<P>()
    }
}
