//! Refusals of gRPC requests: trailers only, in the header block (gRPC over HTTP/2, gRPC-Web).

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};

use super::Rejection;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// The request's content type, if it is gRPC's or gRPC-Web's.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<&HeaderValue> {
    const TYPE: &[u8] = b"application/grpc";
    let value = headers.get(CONTENT_TYPE)?;
    let (start, rest) = value.as_bytes().split_at_checked(TYPE.len())?;
    let ends = matches!(rest.first(), None | Some(b'+' | b'-' | b';' | b' ' | b'\t'));
    (ends && start.eq_ignore_ascii_case(TYPE)).then_some(value)
}

impl Rejection {
    /// The status code that gRPC clients are told. In a handler of tonic:
    /// `Status::new(Code::from(rejection.grpc_status()), rejection.grpc_message())`.
    #[must_use]
    pub const fn grpc_status(&self) -> i32 {
        match self.status() {
            StatusCode::FORBIDDEN => 7,
            StatusCode::SERVICE_UNAVAILABLE => 14,
            StatusCode::INTERNAL_SERVER_ERROR => 13,
            _ => 16,
        }
    }

    /// What gRPC clients are told in words: the error code, if there is one, and the description.
    #[must_use]
    pub fn grpc_message(&self) -> String {
        match self.reason().code() {
            Some(code) => format!("{code}: {}", self.description()),
            None => self.description().to_owned(),
        }
    }

    /// Makes the fields those of the refusal of a gRPC request, whose status is in the header block.
    /// Its status in HTTP is 200.
    #[cold]
    pub(super) fn make_grpc(
        &self,
        fields: &mut HeaderMap,
        content_type: &HeaderValue,
    ) -> StatusCode {
        fields.insert(CONTENT_TYPE, content_type.clone());
        self.write_grpc_status(fields);
        StatusCode::OK
    }

    /// What ends a gRPC stream that had begun.
    #[cfg(feature = "stream")]
    pub(crate) fn grpc_trailers(&self) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        self.write_grpc_status(&mut trailers);
        trailers
    }

    fn write_grpc_status(&self, fields: &mut HeaderMap) {
        fields.insert(GRPC_STATUS, HeaderValue::from(self.grpc_status()));
        if let Ok(message) = HeaderValue::try_from(percent_encoded(&self.grpc_message())) {
            fields.insert(GRPC_MESSAGE, message);
        }
    }
}

/// As `Status-Message` is encoded: `%x20-24` and `%x26-7E` stay.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'$' | b'&'..=b'~' => encoded.push(char::from(byte)),
            _ => {
                encoded.push('%');
                encoded.push_str(&hex::encode_upper([byte]));
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_percent_encoded_but_for_printable_ascii() {
        assert_eq!(percent_encoded("100%\né ~"), "100%25%0A%C3%A9 ~");
    }

    #[test]
    fn only_grpc_content_types_are_grpc() {
        let is_grpc = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            content_type(&headers).is_some()
        };
        for value in [
            "application/grpc",
            "application/grpc+proto",
            "application/GRPC;v=1",
            "application/grpc-web-text",
        ] {
            assert!(is_grpc(value), "{value}");
        }
        for value in [
            "application/json",
            "application/grp",
            "application/grpcfoo",
            "",
        ] {
            assert!(!is_grpc(value), "{value}");
        }
    }
}
