//! Who asks.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;

/// The address that a request came from: that of the connection or, where a proxy in front is
/// trusted, the one that it has added last to `X-Forwarded-For`.
pub(crate) fn address(head: &Parts, proxied: bool) -> Option<IpAddr> {
    let fields = head.headers.get_all("x-forwarded-for");
    match fields.iter().next_back() {
        Some(field) if proxied => field.to_str().ok()?.rsplit(',').next()?.trim().parse().ok(),
        _ => Some(head.extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()),
    }
}
