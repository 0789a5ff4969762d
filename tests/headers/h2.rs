//! A case by hyper's client over HTTP/2.

use std::future::ready;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::answer::Answer;
use super::case::Case;
use super::template::{Words, expand};

/// None when the case can't be said in HTTP/2, or the client does not let it out.
pub(super) async fn send(address: SocketAddr, case: &Case, words: &Words) -> Option<Answer> {
    if case.version.is_some() || case.sep.is_some() {
        return None;
    }
    let fill_in = |text: &String| expand(text, words).expect("the words were chosen for that");
    let query = case.query.as_ref().map(fill_in).unwrap_or_default();
    let query = String::from_utf8(query).ok()?;
    let head = fields(&case.headers, words)?;
    let trailer = fields(&case.trailer, words)?;
    let body = case.body.as_ref().map(fill_in).unwrap_or_default();

    let uri = format!("http://{address}/me?{query}");
    let mut request = Request::builder().method(case.method.as_str()).uri(uri);
    request.headers_mut()?.extend(head);
    let body = Full::<Bytes>::from(body)
        .with_trailers(ready((!trailer.is_empty()).then_some(Ok(trailer))));
    let client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let Ok(response) = client.request(request.body(body).ok()?).await else {
        return Some(Answer(None));
    };
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    Some(Answer(Some(http::Response::from_parts(parts, body.into()))))
}

fn fields(fields: &[(String, String)], words: &Words) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let bytes = |text| expand(text, words).expect("the words were chosen for that");
        let name = HeaderName::from_bytes(&bytes(name)).ok()?;
        map.append(name, HeaderValue::from_bytes(&bytes(value)).ok()?);
    }
    Some(map)
}
