use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE};
use http::{Extensions, HeaderMap, Method, Response, StatusCode};

use super::challenge::{self, AUTHORIZATION, Challenges, NO_STORE, RETRY_AFTER_SECONDS};
use super::grpc;
use super::respond::response;
use crate::expiry::Rule;
use crate::token::{MalformedToken, Scopes};

/// A refusal: the reason, and the words for it. It is in the extensions of every response that
/// refuses, for logs, metrics and outer layers.
#[derive(Clone)]
pub struct Rejection {
    reason: Reason,
    /// None where no layer has configured any.
    challenges: Option<&'static Challenges>,
    /// The scheme that the client used, the first of ours where it used none.
    used: usize,
    /// Whether a HEAD is refused.
    head: bool,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No `Authorization` field, or an empty one.
    NoCredentials,
    /// Credentials of a scheme that is not ours.
    OtherScheme,
    /// More than one `Authorization` field, equal or not (RFC 9110 section 5.3).
    DuplicateHeader,
    /// Credentials that are none.
    Malformed(Malformed),
    /// No such token: never issued, not of our form, revoked, or purged.
    UnknownToken,
    /// A token of a kind that this layer does not let in. Nobody has looked whether it is good.
    WrongKind,
    /// A token of ours came unencrypted. Nobody has looked whether it is good.
    Cleartext,
    /// The token has ended, by this rule.
    Expired(Rule),
    /// The token is good, but its principal is suspended or gone.
    Suspended,
    /// The token is good, but its user proved who he is longer ago than this, which is what is
    /// needed (RFC 9470).
    StaleLogin {
        /// How long ago he may have done so at most.
        max_age: Duration,
    },
    /// The token is good, but lacks scopes: these are needed.
    InsufficientScope(Scopes),
    /// The store could not say. Never a verdict on the token.
    StoreUnavailable,
    /// The service is built wrongly: something asked for an authenticated request behind no layer.
    LayerMissing,
    /// The service is built wrongly: something asked for a principal of another type than the
    /// store's.
    WrongPrincipal {
        /// The type that was asked for.
        expected: &'static str,
        /// The type that the store gives.
        found: &'static str,
    },
}

/// What is wrong with an `Authorization` field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Malformed {
    /// It starts with no scheme at all.
    Scheme,
    /// Our scheme's word is followed by something else than a space.
    Separator,
    /// What follows our scheme's word is no token.
    Token(MalformedToken),
}

/// The error codes of RFC 6750 section 3.1 and RFC 9470 section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// `invalid_request`: the request is malformed.
    InvalidRequest,
    /// `invalid_token`: the token is unknown, expired, revoked or otherwise not good.
    InvalidToken,
    /// `insufficient_user_authentication`: the token is good, its user's login is too old.
    InsufficientUserAuthentication,
    /// `insufficient_scope`: the token is good, its scopes don't suffice.
    InsufficientScope,
}

// === impl Rejection ===

impl Rejection {
    pub(crate) const fn new(reason: Reason, challenges: &'static Challenges, used: usize) -> Self {
        Self {
            reason,
            challenges: Some(challenges),
            used,
            head: false,
            source: None,
        }
    }

    /// A refusal that is no fault of the client's, and challenges nobody.
    pub(crate) const fn unchallenged(reason: Reason) -> Self {
        Self {
            reason,
            challenges: None,
            used: 0,
            head: false,
            source: None,
        }
    }

    pub(crate) fn because(mut self, source: Arc<dyn Error + Send + Sync>) -> Self {
        self.source = Some(source);
        self
    }

    /// The refusal of a request with this method.
    pub(crate) fn set_method(&mut self, method: &Method) {
        self.head = *method == Method::HEAD;
    }

    /// Whether a layer refuses a HEAD: its response has the fields of a GET's and no body (RFC 9110
    /// section 9.3.2). Some servers take a body off themselves, hyper over HTTP/2 does not.
    #[must_use]
    pub const fn is_of_head(&self) -> bool {
        self.head
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The status of its response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.reason.status()
    }

    /// What a client is told in words. It never holds anything that the client sent.
    #[must_use]
    pub fn description(&self) -> &'static str {
        self.challenges
            .map_or(self.reason.explanation(), |challenges| {
                challenges.description(&self.reason)
            })
    }

    /// A response with the status and all fields that the RFCs ask for, this body, and the refusal
    /// in its extensions. What the ready-made responders give, and what one of your own should
    /// start from.
    #[must_use]
    pub fn response<B>(&self, body: B) -> Response<B> {
        let mut response = self.write_response(body);
        response.extensions_mut().insert(self.clone());
        response
    }

    /// The same, before the refusal is put into its extensions.
    pub(super) fn write_response<B>(&self, body: B) -> Response<B> {
        response(self.status(), self.fields(), Extensions::new(), body)
    }

    /// The status in HTTP of the answer to a request, and its fields if that is one of gRPC's.
    #[inline]
    pub(super) fn answer(&self, request: &HeaderMap, fields: &mut HeaderMap) -> StatusCode {
        match grpc::content_type(request) {
            Some(content_type) => self.make_grpc(fields, content_type),
            None => self.status(),
        }
    }

    /// Adds to a response that somebody else made what no refusal may lack: a 401 its challenges
    /// (RFC 9110 section 15.5.2), a 503 when to try again, and what keeps caches from giving it to
    /// others.
    pub(super) fn complete<B>(&self, response: &mut Response<B>) {
        let status = response.status();
        let unauthorized = status == StatusCode::UNAUTHORIZED;
        let headers = response.headers_mut();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.entry(RETRY_AFTER).or_insert(RETRY_AFTER_SECONDS);
        }
        if unauthorized && !headers.contains_key(WWW_AUTHENTICATE) {
            for challenge in self.fields().get_all(WWW_AUTHENTICATE) {
                headers.append(WWW_AUTHENTICATE, challenge.clone());
            }
        }
        headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
        vary(headers);
    }

    #[inline]
    pub(super) fn fields(&self) -> HeaderMap {
        match self.challenges {
            Some(challenges) => challenges.fields(self.used, &self.reason),
            None => challenge::without_challenge(&self.reason),
        }
    }

    /// The first scheme word alone, which is all that Django REST framework challenges with.
    pub(super) fn scheme_alone(&self) -> Option<HeaderValue> {
        self.challenges.map(Challenges::alone)
    }
}

/// Says that a response depends on who asks, if it does not say so yet.
pub(crate) fn vary(headers: &mut HeaderMap) {
    let varies = |value: &HeaderValue| {
        value.to_str().is_ok_and(|names| {
            names.split(',').any(|name| {
                matches!(name.trim(), "*") || name.trim().eq_ignore_ascii_case("authorization")
            })
        })
    };
    if !headers.get_all(VARY).iter().any(varies) {
        headers.append(VARY, AUTHORIZATION);
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejection")
            .field("reason", &self.reason)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_ref()
            .map(|source| &**source as &(dyn Error + 'static))
    }
}

// === impl Reason ===

impl Reason {
    /// The error code that clients are told; none when they showed no credentials of ours, or
    /// when the fault is not theirs.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::DuplicateHeader | Self::Malformed(_) => Some(ErrorCode::InvalidRequest),
            Self::UnknownToken
            | Self::WrongKind
            | Self::Cleartext
            | Self::Expired(_)
            | Self::Suspended => Some(ErrorCode::InvalidToken),
            Self::StaleLogin { .. } => Some(ErrorCode::InsufficientUserAuthentication),
            Self::InsufficientScope(_) => Some(ErrorCode::InsufficientScope),
            Self::NoCredentials
            | Self::OtherScheme
            | Self::StoreUnavailable
            | Self::LayerMissing
            | Self::WrongPrincipal { .. } => None,
        }
    }

    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::DuplicateHeader | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::NoCredentials
            | Self::OtherScheme
            | Self::UnknownToken
            | Self::WrongKind
            | Self::Cleartext
            | Self::Expired(_)
            | Self::Suspended
            | Self::StaleLogin { .. } => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope(_) => StatusCode::FORBIDDEN,
            Self::StoreUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::LayerMissing | Self::WrongPrincipal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// One sentence of the characters that RFC 6750 section 3 allows in a description.
    pub(super) const fn explanation(&self) -> &'static str {
        match self {
            Self::NoCredentials => {
                "authentication is needed: send one Authorization field with a scheme and a token"
            }
            Self::OtherScheme => {
                "authentication is needed in a scheme that is served here; was the scheme forgotten?"
            }
            Self::DuplicateHeader => "expected one Authorization field, found several",
            Self::Malformed(Malformed::Scheme) => "expected a scheme and a token, found no scheme",
            Self::Malformed(Malformed::Separator) => {
                "expected a space after the scheme, found something else"
            }
            Self::Malformed(Malformed::Token(MalformedToken::Empty)) => {
                "expected a token after the scheme, found nothing"
            }
            Self::Malformed(Malformed::Token(MalformedToken::Space)) => {
                "expected one token, found several words"
            }
            Self::Malformed(Malformed::Token(_)) => {
                "expected a token, found characters that no token has"
            }
            Self::UnknownToken => "the token is unknown or was revoked",
            Self::WrongKind => "the token is of a kind that is not for this resource",
            Self::Cleartext => "the token came unencrypted; get a new one, and send it by HTTPS",
            Self::Expired(_) => "the token has expired",
            Self::Suspended => "the account is suspended",
            Self::StaleLogin { .. } => "the login is too old for this; prove who you are again",
            Self::InsufficientScope(_) => "the token lacks a scope that is needed here",
            Self::StoreUnavailable => "tokens can not be checked right now; try again",
            Self::LayerMissing => {
                "no ExpiringTokenLayer is around this service; add one, or put it outside of what asks"
            }
            Self::WrongPrincipal { .. } => {
                "a principal of another type than the store's was asked for"
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(rule) => write!(f, "{} by {rule}", self.explanation()),
            Self::StaleLogin { max_age } => {
                write!(f, "{}: at most {max_age:?}", self.explanation())
            }
            Self::InsufficientScope(needed) => write!(f, "{}: {needed}", self.explanation()),
            Self::WrongPrincipal { expected, found } => {
                write!(
                    f,
                    "expected a principal of type {expected}, found the store's: {found}"
                )
            }
            _ => f.write_str(self.explanation()),
        }
    }
}

// === impl ErrorCode ===

impl ErrorCode {
    /// The code as its RFC writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::InsufficientScope => "insufficient_scope",
        }
    }

    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest => {
                "expected one Authorization field with a scheme, a space and a token"
            }
            Self::InvalidToken => "the token is unknown, expired or revoked",
            Self::InsufficientUserAuthentication => {
                "the login is too old for this; prove who you are again"
            }
            Self::InsufficientScope => "the token lacks a scope that is needed here",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
