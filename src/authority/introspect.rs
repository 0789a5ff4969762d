use super::refusal::Refusal;
use super::{Admitted, Authenticated, TokenAuthority};
use crate::rejection::Rejection;
use crate::store::TokenStore;
use crate::token::BearerToken;

impl<S: TokenStore> TokenAuthority<S> {
    /// What is true of a token of any kind, for somebody who asks about it (RFC 7662): all checks
    /// that a request goes through, but no use is counted. Whether the one who asks may know is
    /// yours to check.
    ///
    /// A refresh token opens nothing and so is not active.
    ///
    /// ```
    /// # use tower_expiring_token::{BearerToken, Lifetime, MemoryStore, Reason, StoreError, TokenAuthority};
    /// # async fn active(tokens: &TokenAuthority<MemoryStore>, token: &BearerToken<'_>) -> Result<bool, u16> {
    /// match tokens.introspect(token).await {
    ///     Ok(known) => Ok(!known.scopes().is_empty()),
    ///     Err(rejection) if *rejection.reason() == Reason::StoreUnavailable => Err(503),
    ///     Err(_) => Ok(false),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Why the token is not good, or a 503 when the store can't say.
    // As of `authenticate`.
    #[expect(clippy::manual_async_fn, reason = "it may be sent")]
    pub fn introspect(
        &self,
        token: &BearerToken<'_>,
    ) -> impl Future<Output = Result<Authenticated, Rejection>> + Send {
        async move {
            let text = token.expose().as_bytes();
            let presented = match self.present(text, Admitted::all(), 0) {
                Ok(presented) => presented,
                Err(reason) => return Err(self.rejection(Refusal::of(reason), 0)),
            };
            let finding = self.shared.store.find(&presented.digest).await;
            match self.examine(&presented, finding) {
                Ok(examined) => Ok(Authenticated::new(
                    examined.held,
                    examined.verdict.bound,
                    self.challenges(),
                    0,
                    Some(presented.digest),
                )),
                Err(refusal) => Err(self.rejection(refusal, 0)),
            }
        }
    }
}
