//! The servers that other tests start: they die and come back when they are told to, and leave
//! nothing behind.

use std::path::Path;

use crate::support::server::postgres::{self, Postgres};
use crate::support::server::redis::Redis;
use crate::support::server::wait_until;

#[test]
fn a_killed_postgresql_comes_back_with_what_it_had_acknowledged() {
    let mut server = Postgres::start(&[]);
    let database = server.database();
    database.psql("CREATE TABLE kept AS SELECT 7 AS number");
    assert_eq!(database.psql("SHOW fsync"), "on");
    for _ in 0..2 {
        server.kill9();
        server.restart();
        assert_eq!(database.psql("SELECT number FROM kept"), "7");
    }
    let folder = server.folder().to_owned();
    assert!(folder.join("PG_VERSION").is_file());
    leaves_nothing(server, &folder);
}

#[test]
fn a_killed_redis_comes_back_with_what_it_had_acknowledged() {
    let mut server = Redis::start(&["appendonly yes", "appendfsync always"]);
    server.cli(["SET", "kept", "7"]);
    for _ in 0..2 {
        server.kill9();
        server.restart();
        assert_eq!(server.cli(["GET", "kept"]), "7");
    }
    let folder = server.folder().to_owned();
    assert!(folder.join("appendonlydir").is_dir());
    // Also of one that can't hear.
    server.signal("STOP");
    leaves_nothing(server, &folder);
}

#[test]
fn databases_of_the_shared_postgresql_do_not_know_of_one_another() {
    let [one, two] = [postgres::shared(), postgres::shared()];
    one.psql("CREATE TABLE own (number integer)");
    two.psql("CREATE TABLE own (number integer)");
}

fn leaves_nothing<S>(server: S, folder: &Path) {
    // What the end of this process does, however it ends: nobody holds the guard's input any more.
    drop(server);
    assert!(wait_until(|| !folder.exists()), "{folder:?} is left");
}
