//! warp: filters become a service, and the layer stands around that.
//!
//! `cargo run -p example-warp`, with `LISTEN=127.0.0.1:0` for any free port and `LIFETIME=2s` for
//! tokens that end while you watch.

use std::convert::Infallible;
use std::env;
use std::process::ExitCode;
use std::time::Duration;

use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_expiring_token::{Authenticated, Json, Lifetime, MemoryStore, TokenAuthority};
use warp::http::{Request, StatusCode};
use warp::reply::{Reply, Response};
use warp::{Filter, ext};

type Tokens = TokenAuthority<MemoryStore>;
type Failure = Box<dyn std::error::Error>;

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

    // Everything behind the layer needs a token.
    let me = warp::path!("me").and(ext::get()).map(me);
    let logout = warp::path!("logout")
        .and(warp::post())
        .and(with(&tokens))
        .and(ext::get())
        .then(logout);
    let members = ServiceBuilder::new()
        .layer(tokens.layer().respond(Json))
        .service(warp::service(me.or(logout)));
    // Logging in can't.
    let login = warp::path!("login")
        .and(warp::post())
        .and(with(&tokens))
        .and(warp::body::content_length_limit(1024))
        .and(warp::body::json())
        .then(login);
    let login = warp::service(login);
    let app = service_fn(move |request: Request<Incoming>| {
        let (login, members) = (login.clone(), members.clone());
        async move {
            match request.uri().path() {
                "/login" => login.oneshot(request).await,
                _ => members.oneshot(request).await,
            }
        }
    });

    let address = env::var("LISTEN").unwrap_or("127.0.0.1:3000".into());
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("LISTEN={address}: {error}; set another address"))?;
    print_usage(&format!("http://{}", listener.local_addr()?));
    let accept = async {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => TokioIo::new(stream),
                Err(error) => {
                    eprintln!("can't accept: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            let app = TowerToHyperService::new(app.clone());
            tokio::spawn(async move {
                auto::Builder::new(TokioExecutor::new())
                    .serve_connection(stream, app)
                    .await
            });
        }
    };
    tokio::select! {
        () = accept => {}
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    Ok(())
}

/// Hands the authority to a handler.
fn with(tokens: &Tokens) -> impl Filter<Extract = (Tokens,), Error = Infallible> + Clone + use<> {
    let tokens = tokens.clone();
    warp::any().map(move || tokens.clone())
}

fn me(caller: Authenticated) -> Response {
    let user = caller.subject().as_str();
    warp::reply::json(&json!({ "user": user, "expires_at": caller.expires_at().to_string() }))
        .into_response()
}

async fn logout(tokens: Tokens, caller: Authenticated) -> StatusCode {
    match tokens
        .revoke_session(caller.subject(), caller.session())
        .await
    {
        Ok(_) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn login(tokens: Tokens, login: Value) -> Response {
    // Yours is a look-up and a password hash.
    if login["username"] != "alice" || login["password"] != "wonderland" {
        return StatusCode::BAD_REQUEST.into_response();
    }
    match tokens.issue("alice").await {
        Ok(issued) => {
            let expires_at = issued.expires_at().to_string();
            let content = json!({ "token": issued.secret(), "expires_at": expires_at });
            // No cache keeps a secret.
            warp::reply::with_header(warp::reply::json(&content), "cache-control", "no-store")
                .into_response()
        }
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
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
