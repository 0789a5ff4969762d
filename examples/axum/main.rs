//! axum: who calls is an extractor, who may is a layer or a line in a handler, and what lasts ends
//! with its token.
//!
//! `cargo run -p example-axum`, with `LISTEN=127.0.0.1:0` for any free port and `LIFETIME=2s` for
//! tokens that end while you watch.

use std::convert::Infallible;
use std::env;
use std::future::IntoFuture;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocketUpgrade};
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use tower_expiring_token::{
    Authenticated, Json as InJson, Lifetime, MemoryStore, Principal, Rejection, RequireLayer,
    Scopes, Subject, TokenAuthority,
};

type Tokens = TokenAuthority<MemoryStore>;
type Failure = Box<dyn std::error::Error>;

static WRITE: LazyLock<Scopes> = LazyLock::new(|| Scopes::parse("write").expect("is a scope"));

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
    let tokens = TokenAuthority::builder(MemoryStore::new())
        .expiry(Lifetime::new(life))
        .build()?;

    // The scope layer is inside of the token layer: what is added last is outermost.
    let members = Router::new()
        .route("/notes", get(read_notes).post(write_note))
        .route_layer(RequireLayer::all(["read"])?.respond(InJson))
        .route("/me", any(me))
        .route("/logout", post(logout))
        .route("/echo", any(echo))
        .route("/ticks", get(ticks).layer(tokens.end_streams()))
        .route_layer(tokens.layer().respond(InJson));
    // Nobody needs a token here, but a bad one is refused all the same.
    let anyone = Router::new()
        .route("/hello", get(hello))
        .route_layer(tokens.layer().optional().respond(InJson));
    let app = Router::new()
        .route("/login", post(login))
        .merge(members)
        .merge(anyone)
        .with_state(tokens);

    let address = env::var("LISTEN").unwrap_or("127.0.0.1:3000".into());
    let listener = tokio::net::TcpListener::bind(&address)
        .await
        .map_err(|error| format!("LISTEN={address}: {error}; set another address"))?;
    print_usage(&format!("http://{}", listener.local_addr()?));
    tokio::select! {
        served = axum::serve(listener, app).into_future() => served?,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    Ok(())
}

async fn login(
    State(tokens): State<Tokens>,
    Json(login): Json<Login>,
) -> Result<impl IntoResponse, StatusCode> {
    // Yours is a look-up and a password hash.
    if login.username != "alice" || login.password != "wonderland" {
        return Err(StatusCode::BAD_REQUEST);
    }
    // Alice may read, and not write.
    let issued = tokens
        .issue(login.username)
        .scopes(["read"])
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let token = issued.secret().into();
    let expires_at = issued.expires_at().to_string();
    // No cache keeps a secret.
    let fields = [(CACHE_CONTROL, "no-store")];
    Ok((fields, Json(LoggedIn { token, expires_at })))
}

async fn logout(State(tokens): State<Tokens>, caller: Authenticated) -> StatusCode {
    match tokens
        .revoke_session(caller.subject(), caller.session())
        .await
    {
        Ok(_) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn me(alice: Principal<Subject>) -> String {
    format!("{alice}, until {}\n", alice.authenticated().expires_at())
}

async fn hello(caller: Option<Principal<Subject>>) -> String {
    match caller {
        Some(alice) => format!("hello {alice}\n"),
        None => "hello stranger\n".into(),
    }
}

async fn read_notes(alice: Principal<Subject>) -> String {
    format!("the notes of {alice}\n")
}

async fn write_note(caller: Authenticated) -> Result<StatusCode, Rejection> {
    caller.require_all(&WRITE)?;
    Ok(StatusCode::CREATED)
}

/// Server-Sent Events: the layer ends them.
async fn ticks() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok(Event::default().data("tick")), ()))
    }))
}

/// A WebSocket, which no layer reaches: its handler ends it.
async fn echo(
    State(tokens): State<Tokens>,
    caller: Authenticated,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        let echo = async {
            while let Some(Ok(heard)) = socket.recv().await {
                if let Message::Text(_) = heard
                    && socket.send(heard).await.is_err()
                {
                    return;
                }
            }
        };
        let why = tokio::select! {
            why = tokens.ended(&caller) => why,
            () = echo => return,
        };
        let reason = why.description().into();
        let close = Message::Close(Some(CloseFrame { code: 4401, reason }));
        // Who does not read is not waited for.
        let _ = timeout(Duration::from_secs(1), socket.send(close)).await;
    })
}

fn print_usage(url: &str) {
    println!(
        "listening on {url}

In another terminal: log in, call, be refused, log out, be refused again.

  curl -s {url}/login -H 'content-type: application/json' -d '{{\"username\":\"alice\",\"password\":\"wonderland\"}}'
  TOKEN=  # paste the token here
  curl -i {url}/me -H \"authorization: Bearer $TOKEN\"
  curl -i {url}/me
  curl -i {url}/hello
  curl -i {url}/hello -H \"authorization: Bearer $TOKEN\"
  curl -i {url}/notes -H \"authorization: Bearer $TOKEN\"
  curl -i -X POST {url}/notes -H \"authorization: Bearer $TOKEN\"
  curl -i -X POST {url}/logout -H \"authorization: Bearer $TOKEN\"
  curl -i {url}/me -H \"authorization: Bearer $TOKEN\"

With another token, an event stream that ends with it; {url}/echo is a WebSocket.

  curl -N {url}/ticks -H \"authorization: Bearer $TOKEN\""
    );
}
