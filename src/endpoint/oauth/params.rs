use http::request::Parts;

use super::error::OAuthError;
use crate::endpoint::fields::{Fields, Media, Value};
use crate::endpoint::service::Body;
use crate::token::Scopes;

/// The parameters of a request to an OAuth endpoint: a form, each name once, an empty value the
/// same as none (RFC 6749 section 3.2).
#[derive(Debug)]
pub(super) struct Params(Fields);

impl Params {
    pub(super) fn read(head: &Parts, body: Body) -> Result<Self, OAuthError> {
        if Media::of(&head.headers) != Media::Form {
            return Err(OAuthError::InvalidRequest(
                "expected the content type application/x-www-form-urlencoded, found another or none",
            ));
        }
        let content = body.map_err(|unread| OAuthError::InvalidRequest(unread.as_str()))?;
        let fields = Fields::form(&content);
        if fields.repeats() {
            return Err(OAuthError::InvalidRequest(
                "expected each parameter once, found one again",
            ));
        }
        Ok(Self(fields))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    pub(super) fn need(&self, name: &str, missing: &'static str) -> Result<&str, OAuthError> {
        self.get(name).ok_or(OAuthError::InvalidRequest(missing))
    }

    /// The scopes that are asked for, if any are.
    pub(super) fn scopes(&self) -> Result<Option<Scopes>, OAuthError> {
        let parsed = self.get("scope").map(Scopes::parse).transpose();
        parsed.map_err(|_| OAuthError::InvalidScope)
    }
}
