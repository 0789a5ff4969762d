//! What the layer does in real frameworks, over a store of the service's own principals.

mod axum;
mod beside;
mod hyper;
mod tonic;
mod warp;

use crate::support::house::{House, changed};
use crate::support::wire::Heard;

const BARE: &str = r#"Bearer realm="api""#;
const INVALID_TOKEN: &str = r#"Bearer realm="api", error="invalid_token", error_description="the token is unknown, expired or revoked""#;

/// Asks with all sorts of credentials; who is let in must hear his name.
async fn tells_tokens_apart(house: &House, ask: impl AsyncFn(Option<&str>) -> Heard) {
    let anonymous = ask(None).await;
    assert_eq!(anonymous.status, 401, "{anonymous:?}");
    assert_eq!(anonymous.challenges(), [BARE]);

    // Those that age come first, since they move the clock.
    let expired = house.expired().await;
    let good = house.token("alice", &[]).await;
    for bad in [
        expired,
        house.revoked().await,
        house.token("mallory", &[]).await,
        changed(&good),
    ] {
        let refused = ask(Some(&bad)).await;
        assert_eq!(refused.status, 401, "{refused:?}");
        assert_eq!(refused.challenges(), [INVALID_TOKEN]);
        assert_eq!(refused.headers["cache-control"], "no-store");
    }

    let heard = ask(Some(&good)).await;
    assert_eq!((heard.status.as_u16(), heard.body.as_str()), (200, "alice"));

    house.fail();
    let unavailable = ask(Some(&good)).await;
    house.heal();
    assert_eq!(unavailable.status, 503, "{unavailable:?}");
    assert_eq!(unavailable.headers["retry-after"], "1");
    assert!(unavailable.challenges().is_empty());
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}
