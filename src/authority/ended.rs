use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::refusal::Refusal;
use super::{Authenticated, Presented, TokenAuthority};
use crate::expiry::Bound;
use crate::rejection::{Reason, Rejection};
use crate::store::TokenStore;

/// No clock is so exact that it were worth asking more often.
const SHORTEST: Duration = Duration::from_millis(10);
/// How long an answer of the store is waited for, before it is asked again.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the answer is waited for that tells whether a use has moved the end that is there.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

impl<S: TokenStore> TokenAuthority<S> {
    /// Waits until the token ends by which this caller came, for what outlives its request:
    /// WebSockets, tasks. The answer is why it ended: expired, revoked, suspended. Feature
    /// `stream`; it must be awaited where tokio's timer runs.
    ///
    /// It asks the store again every two seconds (see
    /// [`look_again_every`](super::AuthorityBuilder::look_again_every)), so it follows what use
    /// does to the token's end, without counting as a use itself. While the store can't say, the
    /// token lives on to the last end that was known.
    ///
    /// ```
    /// use tower_expiring_token::{Authenticated, TokenAuthority, TokenStore};
    /// # use std::io;
    /// # struct WebSocket;
    /// # impl WebSocket {
    /// #     async fn recv(&mut self) -> Option<String> { None }
    /// #     async fn send(&mut self, message: String) -> io::Result<()> { Ok(()) }
    /// #     async fn close(self, code: u16, reason: &str) -> io::Result<()> { Ok(()) }
    /// # }
    ///
    /// async fn echo<S: TokenStore>(
    ///     tokens: TokenAuthority<S>,
    ///     caller: Authenticated,
    ///     mut socket: WebSocket,
    /// ) -> io::Result<()> {
    ///     let mut ended = std::pin::pin!(tokens.ended(&caller));
    ///     loop {
    ///         tokio::select! {
    ///             why = &mut ended => return socket.close(4401, why.description()).await,
    ///             message = socket.recv() => match message {
    ///                 Some(message) => socket.send(message).await?,
    ///                 None => return Ok(()),
    ///             },
    ///         }
    ///     }
    /// }
    /// ```
    pub fn ended(
        &self,
        caller: &Authenticated,
    ) -> impl Future<Output = Rejection> + Send + 'static + use<S> {
        let (authority, caller) = (self.clone(), caller.clone());
        async move {
            let mut bound = Bound {
                at: caller.expires_at(),
                ..caller.bound()
            };
            loop {
                let left = || bound.at.since(authority.now()).max(SHORTEST);
                sleep(left().min(authority.shared.look_again.max(SHORTEST))).await;
                let patience = left().clamp(LAST_PATIENCE, PATIENCE);
                let look = timeout(patience, authority.look_again(&caller));
                let refusal = match look.await {
                    Ok(Ok(moved)) => {
                        bound = moved;
                        continue;
                    }
                    Ok(Err(refusal)) if !refusal.is_unavailable() => refusal,
                    Ok(Err(_)) | Err(_) if authority.now() < bound.at => continue,
                    Ok(Err(_)) | Err(_) => Refusal::of(Reason::Expired(bound.rule)),
                };
                return authority.refuse(refusal, caller.used());
            }
        }
    }

    /// Where the token ends that this caller came by, as its store and policy say now.
    async fn look_again(&self, caller: &Authenticated) -> Result<Bound, Refusal> {
        let Some(&digest) = caller.digest() else {
            return Ok(caller.bound());
        };
        let mut kinds = self.shared.kinds.iter();
        let Some(kind) = kinds.position(|kind| kind.kind.name() == caller.kind()) else {
            return Err(Refusal::of(Reason::UnknownToken));
        };
        let finding = match self.shared.store.find_now(&digest) {
            Some(finding) => finding,
            None => self.shared.store.find(&digest).await,
        };
        let presented = Presented {
            digest,
            kind,
            used: caller.used(),
        };
        Ok(self.examine(&presented, finding)?.verdict.bound)
    }
}
