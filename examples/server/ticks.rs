//! Server-Sent Events, one a second.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;

/// The layer around it ends it with the caller's token.
pub(crate) async fn ticks() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(unfold(0_u64, async |tick| {
        if tick > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Some((Ok(Event::default().data(tick.to_string())), tick + 1))
    }))
}
