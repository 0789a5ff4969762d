//! Asks a service as a client would, without a connection between.

use std::error::Error;
use std::fmt::Debug;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tower::{Service, ServiceExt};

/// A request to be asked.
pub(crate) struct Ask {
    request: Request<Full<Bytes>>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) fn ask(method: &str, uri: &str) -> Ask {
    let request = Request::builder().method(method).uri(uri);
    Ask {
        request: request.body(Full::default()).expect("a request"),
    }
}

/// A `POST` of a form.
pub(crate) fn form(uri: &str, fields: &[(&str, &str)]) -> Ask {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let form = form.extend_pairs(fields).finish();
    ask("POST", uri).content("application/x-www-form-urlencoded", form)
}

/// A `POST` of JSON.
pub(crate) fn json(uri: &str, value: &Value) -> Ask {
    ask("POST", uri).content("application/json", value.to_string())
}

impl Ask {
    pub(crate) fn content(mut self, media: &str, content: impl Into<Bytes>) -> Self {
        self = self.header("content-type", media);
        *self.request.body_mut() = Full::new(content.into());
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        let value = value.parse().expect("a value");
        self.request.headers_mut().append(name, value);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn basic(self, id: &str, secret: &str) -> Self {
        let shown = STANDARD.encode(format!("{id}:{secret}"));
        self.header("authorization", &format!("Basic {shown}"))
    }

    pub(crate) async fn of<S, B>(self, service: S) -> Answered
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>>,
        S::Error: Debug,
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>> + Debug,
    {
        let response = service.oneshot(self.request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        Answered {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.expect("a whole body").to_bytes(),
        }
    }
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("expected JSON, found {self:?}"))
    }

    /// A member that is text.
    pub(crate) fn member(&self, name: &str) -> String {
        let json = self.json();
        let member = json[name].as_str();
        member
            .unwrap_or_else(|| panic!("expected {name}, found {self:?}"))
            .to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
