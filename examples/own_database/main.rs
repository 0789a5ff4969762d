//! A service whose users are in a database already: their tokens move in beside them.
//!
//! `cargo run -p example-own-database`, with `DATABASE=path` for a database of your own,
//! `LISTEN=127.0.0.1:0` for any free port and `LIFETIME=2s` for tokens that end while you watch.

use std::env;
use std::future::IntoFuture;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::routing::{any, post};
use axum::{Router, response::IntoResponse};
use example_own_database::{User, UserStore};
use serde::{Deserialize, Serialize};
use tower_expiring_token::{Authenticated, Lifetime, Principal, TokenAuthority};

type Tokens = TokenAuthority<UserStore>;
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
    email: String,
    expires_at: String,
}

#[tokio::main]
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
    // Gone again at the end.
    let temporary = tempfile::tempdir()?;
    let default = || temporary.path().join("users.sqlite");
    let database = env::var_os("DATABASE").map_or_else(default, PathBuf::from);
    let store = create_users(&database)
        .and_then(|()| UserStore::open(&database))
        .map_err(|error| format!("DATABASE={}: {error}", database.display()))?;
    let tokens = TokenAuthority::builder(store)
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
    print_usage(&format!("http://{}", listener.local_addr()?), &database);
    tokio::select! {
        served = axum::serve(listener, app).into_future() => served?,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    Ok(())
}

/// Your database has them already.
fn create_users(database: &Path) -> Result<(), rusqlite::Error> {
    rusqlite::Connection::open(database)?.execute_batch(
        "CREATE TABLE IF NOT EXISTS users (
            id     INTEGER PRIMARY KEY,
            name   TEXT NOT NULL UNIQUE,
            email  TEXT NOT NULL,
            active INTEGER NOT NULL DEFAULT 1
        );
        INSERT OR IGNORE INTO users (name, email) VALUES ('alice', 'alice@example.com');",
    )
}

async fn login(
    State(tokens): State<Tokens>,
    Json(login): Json<Login>,
) -> Result<impl IntoResponse, StatusCode> {
    let unavailable = |_| StatusCode::SERVICE_UNAVAILABLE;
    let user = tokens
        .store()
        .user_named(&login.username)
        .map_err(unavailable)?;
    // Yours compares a password hash.
    let user = user
        .filter(|_| login.password == "wonderland")
        .ok_or(StatusCode::BAD_REQUEST)?;
    let issued = tokens
        .issue(user.id.to_string())
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let token = issued.secret().into();
    let expires_at = issued.expires_at().to_string();
    // No cache keeps a secret.
    let fields = [(CACHE_CONTROL, "no-store")];
    Ok((fields, Json(LoggedIn { token, expires_at })))
}

async fn me(user: Principal<User>) -> Json<Me> {
    let expires_at = user.authenticated().expires_at().to_string();
    Json(Me {
        user: user.name.clone(),
        email: user.email.clone(),
        expires_at,
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

fn print_usage(url: &str, database: &Path) {
    let database = database.display();
    println!(
        "listening on {url}

In another terminal: log in, call, be refused, be suspended and reinstated, log out.

  curl -s {url}/login -H 'content-type: application/json' -d '{{\"username\":\"alice\",\"password\":\"wonderland\"}}'
  TOKEN=  # paste the token here
  curl -i {url}/me -H \"authorization: Bearer $TOKEN\"
  curl -i {url}/me
  sqlite3 {database} \"UPDATE users SET active = 0 WHERE name = 'alice'\"
  curl -i {url}/me -H \"authorization: Bearer $TOKEN\"
  sqlite3 {database} \"UPDATE users SET active = 1 WHERE name = 'alice'\"
  curl -i -X POST {url}/logout -H \"authorization: Bearer $TOKEN\"
  curl -i {url}/me -H \"authorization: Bearer $TOKEN\""
    );
}
