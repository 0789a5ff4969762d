//! hyper: any tower service, served over HTTP/1.1 and HTTP/2 on one port.
//!
//! `cargo run -p example-hyper`, with `LISTEN=127.0.0.1:0` for any free port and `LIFETIME=2s` for
//! tokens that end while you watch.

use std::convert::Infallible;
use std::env;
use std::process::ExitCode;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tower_expiring_token::{
    Authenticated, Json, Lifetime, MemoryStore, Rejection, Subject, TokenAuthority,
};

type Tokens = TokenAuthority<MemoryStore>;
type Answer = Response<Full<Bytes>>;
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
    let members = ServiceBuilder::new()
        .layer(tokens.layer().respond(Json))
        .service(service_fn({
            let tokens = tokens.clone();
            move |request| members(tokens.clone(), request)
        }));
    // Logging in can't.
    let app = service_fn(move |request: Request<Incoming>| {
        let (tokens, members) = (tokens.clone(), members.clone());
        async move {
            match (request.method(), request.uri().path()) {
                (&Method::POST, "/login") => Ok(login(&tokens, request).await),
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

async fn members(tokens: Tokens, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let answer = match (request.method(), request.uri().path()) {
        (&Method::GET, "/me") => me(&request),
        (&Method::POST, "/logout") => logout(&tokens, &request).await,
        _ => Ok(status(StatusCode::NOT_FOUND)),
    };
    Ok(answer.unwrap_or_else(|rejection| rejection.response(Full::default())))
}

fn me<B>(request: &Request<B>) -> Result<Answer, Rejection> {
    let caller = Authenticated::of(request.extensions())?;
    let alice = caller.principal::<Subject>()?;
    Ok(json(
        &json!({ "user": alice.as_str(), "expires_at": caller.expires_at().to_string() }),
    ))
}

async fn logout<B>(tokens: &Tokens, request: &Request<B>) -> Result<Answer, Rejection> {
    let caller = Authenticated::of(request.extensions())?;
    let ended = tokens
        .revoke_session(caller.subject(), caller.session())
        .await;
    Ok(status(match ended {
        Ok(_) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }))
}

async fn login(tokens: &Tokens, request: Request<Incoming>) -> Answer {
    let Ok(body) = Limited::new(request.into_body(), 1024).collect().await else {
        return status(StatusCode::BAD_REQUEST);
    };
    // Yours is a look-up and a password hash.
    match serde_json::from_slice::<Value>(&body.to_bytes()) {
        Ok(login) if login["username"] == "alice" && login["password"] == "wonderland" => {}
        _ => return status(StatusCode::BAD_REQUEST),
    }
    match tokens.issue("alice").await {
        Ok(issued) => json(
            &json!({ "token": issued.secret(), "expires_at": issued.expires_at().to_string() }),
        ),
        Err(_) => status(StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn json(value: &Value) -> Answer {
    let mut answer = Answer::new(Full::from(value.to_string()));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    // No cache keeps a secret.
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(CACHE_CONTROL, no_store);
    answer
}

fn status(status: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status;
    answer
}

fn print_usage(url: &str) {
    println!(
        "listening on {url}

In another terminal: log in, call, be refused, log out, be refused again.

  curl -s {url}/login -H 'content-type: application/json' -d '{{\"username\":\"alice\",\"password\":\"wonderland\"}}'
  TOKEN=  # paste the token here
  curl -i {url}/me -H \"authorization: Bearer $TOKEN\"
  curl -i {url}/me -H \"authorization: Bearer $TOKEN\" --http2-prior-knowledge
  curl -i {url}/me
  curl -i -X POST {url}/logout -H \"authorization: Bearer $TOKEN\"
  curl -i {url}/me -H \"authorization: Bearer $TOKEN\""
    );
}
