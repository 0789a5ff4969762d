//! Callers of a store, each of which makes its calls one after the other.

use tokio::task::JoinSet;

/// So many at once, until all are done.
pub(crate) async fn together<S, F>(callers: u64, call: impl Fn(S, u64) -> F, store: &S)
where
    S: Clone,
    F: Future<Output = ()> + Send + 'static,
{
    let mut all = JoinSet::new();
    for caller in 0..callers {
        all.spawn(call(store.clone(), caller));
    }
    all.join_all().await;
}
