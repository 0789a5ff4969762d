//! Passwords are never told.

use tower_expiring_token::RedisStore;

use super::{on, told};
use crate::support::server::redis::{PASSWORD, Redis, prefix, shared};

#[tokio::test]
async fn a_store_shows_where_it_is_and_no_password() {
    let store = on(shared(), &prefix()).await;
    let shown = format!("{store:?}");
    assert!(shown.contains(&format!("127.0.0.1:{}", shared().port())));
    assert!(!shown.contains(PASSWORD), "{shown}");
}

#[tokio::test]
async fn no_error_tells_a_password() {
    const WRONG: &str = "letmein7letmein7";
    let port = shared().port();
    for url in [
        format!("redis://:{WRONG}@127.0.0.1:{port}"),
        format!("redis://alice:{WRONG}@127.0.0.1:{port}"),
        format!("redis://:{WRONG}@127.0.0.1:{port}/first"),
        format!("redis://:{WRONG}@127.0.0.1:{port}/0?protocol=9"),
        format!("redis://:{WRONG}@127.0.0.1:port"),
        format!("redis://:{WRONG}@127.0.0.1:{port} "),
        format!("redis:{WRONG}@127.0.0.1"),
        format!("postgres://:{WRONG}@127.0.0.1"),
        format!("redis://:{WRONG}@"),
        format!(":{WRONG}@127.0.0.1"),
        WRONG.to_owned(),
        format!("redis-sentinel://:{WRONG}@127.0.0.1:{port}"),
        format!("redis-sentinel://:{WRONG}@127.0.0.1:{port},a:b#main"),
        format!("redis-sentinel://:{WRONG}@127.0.0.1:{port}/0#main"),
        format!("redis-sentinel://:{WRONG}:@/@@127.0.0.1:{port}/0#main"),
    ] {
        let error = RedisStore::builder(&url)
            .sentinel_login("default", WRONG)
            .connect()
            .await
            .unwrap_err();
        let said = format!("{} {error:?}", told(&error));
        assert!(!said.contains(WRONG), "{said}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_to_be_one() {
    let server = Redis::start(&[]);
    let url = format!("redis://:letmein@127.0.0.1:{}", server.port());
    let error = RedisStore::connect(&url).await.unwrap_err();
    assert!(told(&error).contains("WRONGPASS"), "{}", told(&error));
}
