//! Every byte at every place of an `Authorization` field, raw.

use http::HeaderValue;

use super::{Peer, h1};
use crate::support::{challenge, reference};

/// Values that have this byte somewhere.
fn values(byte: u8, scheme: &str, token: &str) -> Vec<Vec<u8>> {
    let (scheme, token) = (scheme.as_bytes(), token.as_bytes());
    let one = [byte];
    let byte = one.as_slice();
    let parts: [&[&[u8]]; 11] = [
        &[byte],
        &[byte, b" ", token],
        &[byte, scheme, b" ", token],
        &[&scheme[..2], byte, &scheme[3..], b" ", token],
        &[scheme, byte],
        &[scheme, byte, token],
        &[scheme, byte, b" ", token],
        &[scheme, b" ", byte],
        &[scheme, b" ", byte, token],
        &[scheme, b" ", &token[..27], byte, &token[28..]],
        &[scheme, b" ", token, byte],
    ];
    parts.iter().map(|parts| parts.concat()).collect()
}

#[tokio::test]
async fn every_byte_at_every_place_of_the_field_is_read_as_the_rfcs_say() {
    let schemes = ["Bearer", "Token"];
    let peer = Peer::start(&schemes, &[]).await;
    let token = peer.words.token.as_str();
    // These two end a line.
    for byte in (0..=u8::MAX).filter(|byte| !b"\r\n".contains(byte)) {
        for value in values(byte, schemes[0], token) {
            let shown = value.escape_ascii();
            let Some(response) = h1::ask(peer.address, &value).await.0 else {
                panic!("{shown}: closed without an answer");
            };
            let values = [value.clone()];
            let expected = match HeaderValue::from_bytes(&value) {
                Ok(_) => reference::read(&values, &schemes).answer(&[token]),
                // Controls: the server refuses them, before the layer hears of the request.
                Err(_) => (400, None),
            };
            let heard = (
                response.status().as_u16(),
                challenge::error(response.headers()),
            );
            assert_eq!(
                heard,
                (expected.0, expected.1.map(str::to_owned)),
                "{shown}"
            );
        }
    }
}
