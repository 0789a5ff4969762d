use std::mem;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{Extensions, HeaderMap, HeaderValue, Response, StatusCode};

use super::{Malformed, Reason, Rejection, grpc};
use crate::token::MalformedToken;

/// How a refusal becomes a response. [`Empty`] unless something else is asked for; [`Json`] and
/// [`Drf`] where a body can be made from bytes; any closure where a body can be made at all.
///
/// Each layer has its own, and handlers and endpoints have theirs. For one body wherever a token is
/// refused, write it outside of all, by the [`Rejection`] in the response's extensions:
///
/// ```
/// use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
/// use axum::{body::Body, middleware::map_response, response::Response};
/// use tower_expiring_token::Rejection;
///
/// async fn in_my_words(response: Response) -> Response {
///     let Some(why) = response.extensions().get::<Rejection>() else {
///         return response;
///     };
///     let body = format!(r#"{{"title":"{}"}}"#, why.description());
///     let (mut head, _) = response.into_parts();
///     head.headers.remove(CONTENT_LENGTH);
///     head.headers.insert(CONTENT_TYPE, "application/problem+json".parse().expect("is one"));
///     Response::from_parts(head, Body::from(body))
/// }
///
/// # fn app(router: axum::Router) -> axum::Router {
/// router.layer(map_response(in_my_words))
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` makes no response with a body of type `{B}`",
    note = "of `tower_expiring_token`'s own, `Empty` needs `B: Default`, `Json` and `Drf` need `B: From<Bytes> + Default`; for other bodies there is `.respond_with(|rejection, request| ..)`"
)]
pub trait Respond<B>: Send + Sync + 'static {
    /// The response to a request with these header fields. Where it lacks them, layers add what no
    /// refusal may be without: a 401 its challenges, a 503 `Retry-After`, and what keeps caches from
    /// giving it to others.
    fn respond(&self, rejection: &Rejection, request: &HeaderMap) -> Response<B>;

    /// The same, complete, and with the refusal in its extensions: what layers give.
    #[doc(hidden)]
    fn refuse(&self, rejection: Rejection, request: &HeaderMap) -> Response<B> {
        let mut response = self.respond(&rejection, request);
        rejection.complete(&mut response);
        response.extensions_mut().insert(rejection);
        response
    }
}

/// Status, fields and no body. gRPC requests are answered by their `grpc-status`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

/// [`Empty`], with a JSON body: `{"error":"invalid_token","error_description":"…"}`, without
/// `error` where the client showed no credentials. A HEAD gets its length alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

/// What Django REST framework answers, byte by byte: `{"detail":"…"}`, 401 also for malformed
/// credentials, and a challenge that is the scheme's word alone. The first scheme should be
/// `Token`.
///
/// ```
/// use tower_expiring_token::{Drf, Lifetime, MemoryStore, TokenAuthority};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = TokenAuthority::builder(MemoryStore::new())
///     .expiry(Lifetime::hours(24))
///     .scheme("Token")
///     .build()?;
/// let layer = tokens.layer().respond(Drf::stock());
/// # let _ = layer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Drf {
    recipes: bool,
}

impl<B: Default> Respond<B> for Empty {
    fn respond(&self, rejection: &Rejection, request: &HeaderMap) -> Response<B> {
        let mut fields = rejection.fields();
        let status = rejection.answer(request, &mut fields);
        response(status, fields, Extensions::new(), B::default())
    }

    // The response is made where it stays: copies of it take some thirty instructions.
    fn refuse(&self, rejection: Rejection, request: &HeaderMap) -> Response<B> {
        let mut fields = rejection.fields();
        let status = rejection.answer(request, &mut fields);
        let mut extensions = Extensions::new();
        extensions.insert(rejection);
        response(status, fields, extensions, B::default())
    }
}

impl<B: From<Bytes> + Default> Respond<B> for Json {
    fn respond(&self, rejection: &Rejection, request: &HeaderMap) -> Response<B> {
        if grpc::content_type(request).is_some() {
            return Empty.respond(rejection, request);
        }
        let description = rejection.description();
        let mut body = match rejection.reason().code() {
            Some(code) => format!(r#"{{"error":"{code}","error_description":"{description}""#),
            None => format!(r#"{{"error_description":"{description}""#),
        };
        body += &match rejection.reason() {
            Reason::InsufficientScope(needed) if !needed.is_empty() => {
                format!(r#","scope":"{needed}"}}"#)
            }
            Reason::StaleLogin { max_age } => format!(r#","max_age":{}}}"#, max_age.as_secs()),
            _ => "}".to_owned(),
        };
        json(rejection, body)
    }
}

impl<B: From<Bytes> + Default> Respond<B> for Drf {
    fn respond(&self, rejection: &Rejection, request: &HeaderMap) -> Response<B> {
        if grpc::content_type(request).is_some() {
            return Empty.respond(rejection, request);
        }
        let detail = self.detail(rejection.reason());
        let mut response = json(rejection, format!(r#"{{"detail":"{detail}"}}"#));
        if rejection.status() == StatusCode::BAD_REQUEST {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        response.headers_mut().remove(WWW_AUTHENTICATE);
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(challenge) = rejection.scheme_alone()
        {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

#[diagnostic::do_not_recommend]
impl<F, B> Respond<B> for F
where
    F: Fn(&Rejection, &HeaderMap) -> Response<B> + Send + Sync + 'static,
{
    fn respond(&self, rejection: &Rejection, request: &HeaderMap) -> Response<B> {
        self(rejection, request)
    }
}

/// A response of these parts.
pub(super) fn response<B>(
    status: StatusCode,
    fields: HeaderMap,
    extensions: Extensions,
    body: B,
) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    // There is nothing in what is replaced, and dropping it takes some sixty instructions.
    mem::forget(mem::replace(response.headers_mut(), fields));
    mem::forget(mem::replace(response.extensions_mut(), extensions));
    response
}

fn json<B: From<Bytes> + Default>(rejection: &Rejection, body: String) -> Response<B> {
    let mut response = if rejection.is_of_head() {
        let mut response = rejection.write_response(B::default());
        let length = HeaderValue::from(body.len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        response
    } else {
        rejection.write_response(B::from(body.into()))
    };
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

// === impl Drf ===

impl Drf {
    /// The texts of `rest_framework.authentication.TokenAuthentication`, and knox's for an
    /// expired token: `Invalid token.`, with a full stop.
    #[must_use]
    pub const fn stock() -> Self {
        Self { recipes: false }
    }

    /// The texts of the recipes that people copy to make those tokens expire: `Token has
    /// expired`, `Invalid token`, `User inactive or deleted`, without a full stop.
    #[must_use]
    pub const fn recipes() -> Self {
        Self { recipes: true }
    }

    const fn detail(self, reason: &Reason) -> &'static str {
        match reason {
            Reason::NoCredentials
            | Reason::OtherScheme
            | Reason::Malformed(Malformed::Scheme | Malformed::Separator) => {
                "Authentication credentials were not provided."
            }
            Reason::Malformed(Malformed::Token(MalformedToken::Empty)) => {
                "Invalid token header. No credentials provided."
            }
            Reason::DuplicateHeader
            | Reason::Malformed(Malformed::Token(MalformedToken::Space)) => {
                "Invalid token header. Token string should not contain spaces."
            }
            Reason::Malformed(Malformed::Token(MalformedToken::NotText)) => {
                "Invalid token header. Token string should not contain invalid characters."
            }
            Reason::Expired(_) if self.recipes => "Token has expired",
            Reason::Suspended if self.recipes => "User inactive or deleted",
            Reason::Suspended => "User inactive or deleted.",
            Reason::UnknownToken
            | Reason::WrongKind
            | Reason::Cleartext
            | Reason::Malformed(Malformed::Token(_))
                if self.recipes =>
            {
                "Invalid token"
            }
            Reason::UnknownToken
            | Reason::WrongKind
            | Reason::Cleartext
            | Reason::Expired(_)
            | Reason::Malformed(Malformed::Token(_)) => "Invalid token.",
            Reason::StaleLogin { .. } => "Recent authentication is required.",
            Reason::InsufficientScope(_) => "You do not have permission to perform this action.",
            Reason::StoreUnavailable => "Service temporarily unavailable, try again later.",
            Reason::LayerMissing | Reason::WrongPrincipal { .. } => "A server error occurred.",
        }
    }
}
