//! Log in, be somebody, log out: the whole of it on axum, with the bundled memory store.
//!
//! `cargo run --example quickstart`, with `LISTEN=127.0.0.1:0` for any free port and
//! `LIFETIME=2s` for tokens that end while you watch.

use std::env;
use std::process::ExitCode;

use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::routing::{any, post};
use axum::{Router, response::IntoResponse};
use serde::{Deserialize, Serialize};
use tower_expiring_token::{
    Authenticated, Lifetime, MemoryStore, Principal, Subject, TokenAuthority,
};

type Tokens = TokenAuthority<MemoryStore>;
type Failure = Box<dyn std::error::Error>;

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

#[derive(Serialize)]
struct LoggedIn {
    token: String,
    expires_at: String,
}

#[derive(Serialize)]
struct Me {
    user: String,
    expires_at: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Failure> {
    let life = env::var("LIFETIME").unwrap_or("24h".into());
    let life = humantime::parse_duration(&life)
        .map_err(|error| format!("LIFETIME={life}: {error}; write it like 24h or 2s"))?;
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::new(life))
        .build()?;

    let app = Router::new()
        .route("/me", any(me))
        .route("/logout", post(logout))
        .layer(tokens.layer().respond(tower_expiring_token::Json))
        // Routes after the layer are outside of it.
        .route("/login", post(login))
        .with_state(tokens);

    let address = env::var("LISTEN").unwrap_or("127.0.0.1:3000".into());
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| format!("LISTEN={address}: {error}; set another address"))?;
    print_usage(&format!("http://{}", listener.local_addr()?));
    Ok(axum::serve(listener, app).await?)
}

async fn login(
    State(tokens): State<Tokens>,
    Json(login): Json<Login>,
) -> Result<impl IntoResponse, StatusCode> {
    // Yours is a look-up and a password hash.
    if login.username != "alice" || login.password != "wonderland" {
        return Err(StatusCode::BAD_REQUEST);
    }
    let issued = tokens
        .issue(login.username)
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let token = issued.secret().into();
    let expires_at = issued.expires_at().to_string();
    // No cache keeps a secret.
    let fields = [(CACHE_CONTROL, "no-store")];
    Ok((fields, Json(LoggedIn { token, expires_at })))
}

async fn me(alice: Principal<Subject>) -> Json<Me> {
    Json(Me {
        user: alice.to_string(),
        expires_at: alice.authenticated().expires_at().to_string(),
    })
}

async fn logout(State(tokens): State<Tokens>, caller: Authenticated) -> impl IntoResponse {
    match tokens
        .revoke_session(caller.subject(), caller.session())
        .await
    {
        Ok(_) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn print_usage(url: &str) {
    println!(
        "listening on {url}

In another terminal: log in, call, be refused, log out, be refused again.

  curl -s {url}/login -H 'content-type: application/json' -d '{{\"username\":\"alice\",\"password\":\"wonderland\"}}'
  TOKEN=  # paste the token here
  curl -i {url}/me -H \"authorization: Bearer $TOKEN\"
  curl -i {url}/me
  curl -i -X POST {url}/logout -H \"authorization: Bearer $TOKEN\"
  curl -i {url}/me -H \"authorization: Bearer $TOKEN\""
    );
}
