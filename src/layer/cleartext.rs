use std::pin::Pin;
use std::sync::Arc;

use http::{Extensions, HeaderMap};

use crate::authority::TokenAuthority;
use crate::store::{IssuingStore, StoreError};
use crate::token::TokenDigest;

/// What counts as unencrypted, and what becomes of a token that arrives so.
pub(super) struct Cleartext<S> {
    arrived: Arc<Arrived>,
    burn: Option<Burn<S>>,
}

type Arrived = dyn Fn(&HeaderMap, &Extensions) -> bool + Send + Sync;
type Burn<S> = fn(TokenAuthority<S>, TokenDigest) -> Burning;
type Burning = Pin<Box<dyn Future<Output = Result<bool, StoreError>> + Send>>;

impl<S> Cleartext<S> {
    pub(super) fn refused(
        arrived: impl Fn(&HeaderMap, &Extensions) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            arrived: Arc::new(arrived),
            burn: None,
        }
    }

    pub(super) fn burnt(self) -> Self
    where
        S: IssuingStore,
    {
        Self {
            burn: Some(|authority, digest| {
                Box::pin(async move { authority.revoke_digest(&digest).await })
            }),
            ..self
        }
    }

    pub(super) fn arrived(&self, headers: &HeaderMap, extensions: &Extensions) -> bool {
        (self.arrived)(headers, extensions)
    }

    pub(super) fn burn(
        &self,
        authority: &TokenAuthority<S>,
        digest: TokenDigest,
    ) -> Option<Burning> {
        Some(self.burn?(authority.clone(), digest))
    }
}

impl<S> Clone for Cleartext<S> {
    fn clone(&self) -> Self {
        Self {
            arrived: Arc::clone(&self.arrived),
            burn: self.burn,
        }
    }
}

/// For [`refuse_cleartext`](super::ExpiringTokenLayer::refuse_cleartext) behind a proxy: a request
/// came in clear unless `X-Forwarded-Proto` is there and every value in it is `https` (or `wss`).
///
/// This believes whoever wrote the field. Use it only where every request comes through a proxy
/// of yours that overwrites the field: with another, a client writes `https` himself. The way
/// from that proxy to here is not looked at.
#[must_use]
pub fn unless_forwarded_https(headers: &HeaderMap, _: &Extensions) -> bool {
    let safe = |scheme: &[u8]| {
        let scheme = scheme.trim_ascii();
        scheme.eq_ignore_ascii_case(b"https") || scheme.eq_ignore_ascii_case(b"wss")
    };
    let mut values = headers.get_all("x-forwarded-proto").iter().peekable();
    values.peek().is_none()
        || !values.all(|value| value.as_bytes().split(|&byte| byte == b',').all(safe))
}

/// For [`refuse_cleartext`](super::ExpiringTokenLayer::refuse_cleartext) where this process ends
/// TLS itself: a request came in clear unless there is an `M` in its extensions.
///
/// This believes whoever put the `M` there, which no client can: your own accept loop, or
/// tonic, whose `TlsConnectInfo<TcpConnectInfo>` is in the extensions of requests over TLS alone.
#[must_use]
pub fn unless_marked<M: Send + Sync + 'static>(_: &HeaderMap, extensions: &Extensions) -> bool {
    extensions.get::<M>().is_none()
}
