use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The store could not say. It is never a verdict on a token: the client gets 503 and may try
/// again, and the cause stays here for logs: `{}` says the same of each, `{:?}` and
/// [`source`](Error::source) say what it was.
#[derive(Clone, Debug)]
pub struct StoreError(Arc<dyn Error + Send + Sync>);

impl StoreError {
    /// Keeps what went wrong. A text will do: `StoreError::new("the pool is closed")`.
    #[must_use]
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into().into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the token store could not answer")
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
