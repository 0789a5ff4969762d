//! The server over a store of its own, as people and clients use it.

use std::ops::Deref;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::routes::{advance, call, log_in, post, token};
use crate::support::curl::{Printed, curl};
use crate::support::process::{Running, serve};
use crate::support::server::postgres::{self, Database};
use crate::support::server::{folder, redis};

/// A store as the server's flag names it, empty and nobody else's.
pub(super) struct Store {
    name: &'static str,
    url: String,
    /// For the server's key, and for what the store keeps in files.
    folder: PathBuf,
    postgres: Option<Database>,
}

/// A server with a key that outlives it.
pub(super) struct Server {
    store: Store,
    flags: Vec<String>,
    running: Option<Running>,
}

/// What the token endpoint gives.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) access: String,
    pub(super) refresh: String,
}

const PEOPLE: [(&str, &str); 2] = [("alice", "wonderland"), ("bob", "builder")];

impl Store {
    pub(super) fn memory() -> Self {
        Self::new("memory", |_| "memory".to_owned())
    }

    pub(super) fn sqlite() -> Self {
        Self::new("sqlite", |folder| {
            format!("sqlite:{}", folder.join("tokens.db").display())
        })
    }

    pub(super) fn postgres() -> Self {
        let database = postgres::shared();
        Self {
            postgres: Some(database.clone()),
            ..Self::new("postgres", |_| database.url())
        }
    }

    pub(super) fn redis() -> Self {
        Self::new("redis", |_| redis::database())
    }

    fn new(name: &'static str, url: impl FnOnce(&PathBuf) -> String) -> Self {
        let folder = folder(&format!("flows-{name}"));
        Self {
            name,
            url: url(&folder),
            folder,
            postgres: None,
        }
    }
}

impl Server {
    pub(super) fn start(store: Store, flags: &[&str]) -> Self {
        let key = store.folder.join("key").display().to_string();
        let always = ["--store", &store.url, "--key-file", &key];
        let flags = always.iter().chain(flags).map(|&flag| flag.to_owned());
        let mut server = Self {
            flags: flags.collect(),
            store,
            running: None,
        };
        server.start_again();
        server
    }

    /// The store's name.
    pub(super) fn store(&self) -> &'static str {
        self.store.name
    }

    /// Does this while each write takes a while, where the store lets several of them in at once.
    pub(super) fn crowded<T>(&self, act: impl FnOnce() -> T) -> T {
        self.store.postgres.iter().for_each(Database::slow_down);
        let done = act();
        self.store.postgres.iter().for_each(Database::speed_up);
        done
    }

    /// `kill -9`, and a new process over the same store.
    pub(super) fn crash(&mut self) {
        self.running = None;
        self.start_again();
    }

    /// `kill -TERM`, and a new process over the same store once it has ended.
    pub(super) fn end_and_start_again(&mut self) {
        let ended = self.running.take().map(Running::terminate);
        assert_eq!(ended, Some(true), "it ends well");
        self.start_again();
    }

    fn start_again(&mut self) {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        self.running = Some(serve(&flags));
    }

    pub(super) fn log_alice_out(&self) {
        let alice = self.log_in("alice");
        assert_eq!(call(self, "POST", "/logout-all", &alice).status, 204);
    }

    /// A new token of this user's.
    pub(super) fn log_in(&self, name: &str) -> String {
        token(&log_in(self, name, password(name)))
    }

    pub(super) fn log_out(&self, token: &str) {
        assert_eq!(call(self, "POST", "/logout", token).status, 204);
    }

    /// Whether the token opens a door.
    pub(super) fn lets_in(&self, token: &str) -> bool {
        match call(self, "GET", "/me", token).status {
            200 => true,
            401 => false,
            other => panic!("expected 200 or 401, found {other}"),
        }
    }

    /// How many of these tokens open a door.
    pub(super) fn let_in(&self, tokens: &[String]) -> usize {
        tokens.iter().filter(|token| self.lets_in(token)).count()
    }

    /// The sessions of the token's user.
    pub(super) fn sessions(&self, token: &str) -> Vec<Value> {
        let told = json_of(&call(self, "GET", "/tokens", token));
        told["tokens"].as_array().expect("a list").clone()
    }

    pub(super) fn wait(&self, seconds: i64) {
        advance(self, seconds);
    }

    /// What an endpoint answers to JSON from the owner of this token.
    pub(super) fn post(&self, path: &str, token: &str, content: &Value) -> Printed {
        let field = format!("authorization: Bearer {token}");
        post(self, path, content, &[&field])
    }

    /// What an endpoint answers to a form of the client's.
    pub(super) fn oauth(&self, path: &str, form: &str) -> Printed {
        let url = format!("{}{path}", self.url);
        curl(&["-u", "app:appsecret", "-d", form, &url])
    }

    /// Alice's login at the client.
    pub(super) fn pair(&self) -> Pair {
        let form = "grant_type=password&username=alice&password=wonderland";
        Pair::of(&self.oauth("/oauth/token", form))
    }

    /// What comes of a refresh token; more of the form follows it.
    pub(super) fn refresh(&self, refresh: &str, more: &str) -> Printed {
        let form = format!("grant_type=refresh_token&refresh_token={refresh}{more}");
        self.oauth("/oauth/token", &form)
    }

    /// A refresh token that gives nothing, told in the words of RFC 6749.
    pub(super) fn refuses_refresh(&self, refresh: &str) {
        self.refuses_refresh_as(refresh, "", "invalid_grant");
    }

    pub(super) fn refuses_refresh_as(&self, refresh: &str, more: &str, error: &str) {
        let refused = self.refresh(refresh, more);
        assert_eq!(refused.status, 400, "{refused:?}");
        let told: Value = serde_json::from_str(&refused.body).expect("JSON");
        assert_eq!(told["error"], error);
    }

    /// What the client is told of a token.
    pub(super) fn introspect(&self, token: &str) -> Value {
        json_of(&self.oauth("/oauth/introspect", &format!("token={token}")))
    }

    pub(super) fn revoke(&self, token: &str) {
        let told = self.oauth("/oauth/revoke", &format!("token={token}"));
        assert_eq!(told.status, 200, "{told:?}");
    }

    /// What alice gets who asks for more at her login.
    pub(super) fn log_in_with(&self, more: &Value) -> Printed {
        let mut content = json!({"username": "alice", "password": "wonderland"});
        let fields = content.as_object_mut().expect("an object");
        fields.extend(more.as_object().cloned().unwrap_or_default());
        post(self, "/login", &content, &[])
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running = None;
        let _ = std::fs::remove_dir_all(&self.store.folder);
    }
}

impl Deref for Server {
    type Target = Running;

    fn deref(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }
}

impl Pair {
    pub(super) fn of(printed: &Printed) -> Self {
        let told = json_of(printed);
        let member = |name: &str| told[name].as_str().expect("text").to_owned();
        Self {
            access: member("access_token"),
            refresh: member("refresh_token"),
        }
    }
}

/// The JSON of a success.
pub(super) fn json_of(printed: &Printed) -> Value {
    assert_eq!(printed.status, 200, "{printed:?}");
    serde_json::from_str(&printed.body).expect("JSON")
}

pub(super) fn password(name: &str) -> &'static str {
    let known = PEOPLE.iter().find(|(known, _)| *known == name);
    known.expect("a user of the demo").1
}
