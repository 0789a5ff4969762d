//! Proof of possession is not served (RFC 9449), and reads as what it is to a bearer layer.

use super::{MALFORMED, NOTHING_SHOWN, ask_all, asked, assert_verdict, behind, serving};
use crate::support::wire::get;

/// Section 7.1.
#[tokio::test]
async fn dpop_is_another_scheme() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    asked(
        address,
        &[(format!("DPoP {good}").as_bytes(), NOTHING_SHOWN)],
    )
    .await;
    let field = format!("DPoP {good}");
    let proxied = get(address, "/", &[("proxy-authorization", &field)]).await;
    assert_verdict(&proxied, NOTHING_SHOWN);
}

/// Section 7.2.
#[tokio::test]
async fn bearer_and_dpop_in_one_request_are_refused() {
    let (tokens, good) = serving(&["Bearer"]).await;
    let address = behind(tokens.layer()).await;
    let (bearer, dpop) = (format!("Bearer {good}"), format!("DPoP {good}"));
    let both = [
        ("authorization", bearer.as_bytes()),
        ("authorization", dpop.as_bytes()),
    ];
    for fields in [both, [both[1], both[0]]] {
        let heard = ask_all(address, "GET", &fields).await;
        assert_verdict(&heard, MALFORMED);
    }
}
