//! Who asks: somebody with a bearer token of his own (RFC 7662 section 2.1).

use http::request::Parts;

use super::error::OAuthError;
use super::params::Params;
use crate::authority::{Admitted, TokenAuthority};
use crate::credential;
use crate::rejection::{Reason, Rejection};
use crate::store::{StoreError, TokenStore};
use crate::token::Scopes;

/// Why somebody with a token is told nothing.
pub(super) enum Refused {
    /// In the words of OAuth's endpoints.
    Error(OAuthError),
    /// In those of RFC 6750.
    Token(Rejection),
}

/// Whether a bearer token is shown, good and of these scopes. Its use counts. Other credentials
/// are a client's, or none.
pub(super) async fn is_shown<S: TokenStore>(
    authority: &TokenAuthority<S>,
    head: &mut Parts,
    params: &Params,
    needed: &Scopes,
) -> Result<bool, Refused> {
    let presented = match credential::parse(&mut head.headers, authority.challenges()) {
        Err((Reason::Malformed(fault), used)) => Err((Reason::Malformed(fault), used)),
        Err(_) => return Ok(false),
        Ok((text, used)) => {
            let presented = authority.present(text, Admitted::access(), used);
            presented.map_err(|reason| (reason, used))
        }
    };
    if params.get("client_secret").is_some() {
        return Err(Refused::Error(OAuthError::InvalidRequest(
            "expected a bearer token or a client, found both",
        )));
    }
    let presented = presented.map_err(|(reason, used)| authority.reject(reason, used))?;
    let caller = authority.authenticate_presented(presented).await?;
    authority.checked(&caller, caller.require_all(needed))?;
    Ok(true)
}

impl From<OAuthError> for Refused {
    fn from(error: OAuthError) -> Self {
        Self::Error(error)
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        match rejection.reason() {
            Reason::StoreUnavailable => {
                Self::Error(OAuthError::Unavailable(StoreError::new(rejection)))
            }
            _ => Self::Token(rejection),
        }
    }
}
