use std::fmt;

use http::request::Parts;
use http::{Method, StatusCode, Uri};
use serde::Serialize;

use super::OAuth;
use crate::endpoint::answer;
use crate::endpoint::service::{Answer, Body, Endpoint, Handle};
use crate::token::Scopes;

/// What clients can learn of an authorization server by themselves (RFC 8414). Made by
/// [`OAuth::metadata`]; name what you have mounted, and where.
#[derive(Clone, Debug)]
pub struct Metadata {
    path: String,
    introspection_methods: Methods,
    content: Content,
}

/// An issuer that can't be one (RFC 8414 section 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidIssuer {
    found: String,
}

#[derive(Clone, Debug, Serialize)]
struct Content {
    issuer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint_auth_methods_supported: Option<Methods>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_endpoint_auth_methods_supported: Option<Methods>,
    #[serde(skip_serializing_if = "Option::is_none")]
    introspection_endpoint_auth_methods_supported: Option<Methods>,
    /// There is no authorization endpoint, so there are none.
    response_types_supported: [&'static str; 0],
    grant_types_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
}

type Methods = &'static [&'static str];

const WITH_PUBLIC: Methods = &["client_secret_basic", "client_secret_post", "none"];
const WITH_SECRET: Methods = &["client_secret_basic", "client_secret_post"];
const WITH_SECRET_OR_BEARER: Methods = &["client_secret_basic", "client_secret_post", "Bearer"];
const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

impl<S, C> OAuth<S, C> {
    /// The metadata of this issuer: the URL under which clients know the server, without a query.
    /// Its scheme is `https`; `http` will do on a loopback address, for tests.
    ///
    /// # Errors
    ///
    /// [`InvalidIssuer`] when it is no such URL.
    pub fn metadata(&self, issuer: &str) -> Result<Metadata, InvalidIssuer> {
        let path = path_of(issuer).ok_or_else(|| InvalidIssuer {
            found: issuer.to_owned(),
        })?;
        Ok(Metadata {
            path: format!("{WELL_KNOWN}{path}"),
            introspection_methods: match self.introspection_scope {
                None => WITH_SECRET,
                Some(_) => WITH_SECRET_OR_BEARER,
            },
            content: Content {
                issuer: issuer.to_owned(),
                token_endpoint: None,
                revocation_endpoint: None,
                introspection_endpoint: None,
                token_endpoint_auth_methods_supported: None,
                revocation_endpoint_auth_methods_supported: None,
                introspection_endpoint_auth_methods_supported: None,
                response_types_supported: [],
                grant_types_supported: self.grants(),
                scopes_supported: Vec::new(),
            },
        })
    }
}

impl<S, C> OAuth<S, C> {
    /// Exactly those that the token endpoint serves.
    fn grants(&self) -> Vec<&'static str> {
        let mut grants = vec!["client_credentials"];
        if self.authority.refreshes() {
            grants.push("refresh_token");
        }
        if self.passwords.is_some() {
            grants.push("password");
        }
        grants
    }
}

/// The issuer's path without a slash at its end (RFC 8414 section 3.1).
fn path_of(issuer: &str) -> Option<String> {
    let uri: Uri = issuer.parse().ok()?;
    let host = uri.host()?;
    let safe = match uri.scheme_str()? {
        "https" => true,
        "http" => matches!(host, "localhost" | "127.0.0.1" | "[::1]"),
        _ => false,
    };
    let plain = uri.query().is_none() && !issuer.contains(['#', '@']);
    (safe && plain).then(|| uri.path().trim_end_matches('/').to_owned())
}

impl Metadata {
    /// Where to mount it: the well-known name comes between the issuer's host and its path.
    #[must_use]
    pub fn path(&self) -> String {
        self.path.clone()
    }

    /// [`OAuth::token`] is mounted at this path.
    #[must_use]
    pub fn token(mut self, path: &str) -> Self {
        self.content.token_endpoint = Some(self.url(path));
        self.content.token_endpoint_auth_methods_supported = Some(WITH_PUBLIC);
        self
    }

    /// [`OAuth::revocation`] is mounted at this path.
    #[must_use]
    pub fn revocation(mut self, path: &str) -> Self {
        self.content.revocation_endpoint = Some(self.url(path));
        self.content.revocation_endpoint_auth_methods_supported = Some(WITH_PUBLIC);
        self
    }

    /// [`OAuth::introspection`] is mounted at this path.
    #[must_use]
    pub fn introspection(mut self, path: &str) -> Self {
        self.content.introspection_endpoint = Some(self.url(path));
        self.content.introspection_endpoint_auth_methods_supported =
            Some(self.introspection_methods);
        self
    }

    /// The scopes that clients may know of.
    #[must_use]
    pub fn scopes(mut self, scopes: &Scopes) -> Self {
        self.content.scopes_supported = scopes.iter().map(str::to_owned).collect();
        self
    }

    /// The service, `GET`.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint<Self> {
        Endpoint::new(self.clone())
    }

    /// A path of the issuer's host.
    fn url(&self, path: &str) -> String {
        let issuer = &self.content.issuer;
        let host = issuer.find("://").map_or(0, |at| at + 3);
        let end = issuer[host..]
            .find('/')
            .map_or(issuer.len(), |at| host + at);
        format!("{}/{}", &issuer[..end], path.trim_start_matches('/'))
    }
}

impl Handle for Metadata {
    fn methods(&self) -> &'static [Method] {
        &[Method::GET, Method::HEAD]
    }

    async fn answer(&self, _head: Parts, _body: Body) -> Answer {
        answer::json(StatusCode::OK, &self.content)
    }
}

impl fmt::Display for InvalidIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected an issuer such as \"https://api.example\", without query and fragment (RFC 8414 section 2), found {:?}",
            self.found
        )
    }
}

impl std::error::Error for InvalidIssuer {}
