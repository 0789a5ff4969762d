//! tonic: a gRPC service behind the layer, and two HTTP doors beside it on the same port.
//!
//! The service is the standard health check, so that any gRPC client can call it without a new
//! protocol. `cargo run -p example-tonic`, with `LISTEN=127.0.0.1:0` for any free port and
//! `LIFETIME=2s` for tokens that end while you watch.

use std::env;
use std::process::ExitCode;

use axum::Router;
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tonic::service::{LayerExt, Routes};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::{HealthReporter, HealthService};
use tower_expiring_token::{
    Authenticated, Lifetime, MemoryStore, Rejection, Scopes, TokenAuthority,
};

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

    // This service alone; `Server::builder().layer(..)` would stand around all of them.
    let health = tokens.layer().named_layer(HealthServer::new(Guarded {
        health: HealthService::from_health_reporter(HealthReporter::new()),
        watch: Scopes::parse("watch")?,
    }));
    let doors = Router::new()
        .route("/logout", post(logout))
        .route_layer(tokens.layer())
        .route("/login", post(login))
        .with_state(tokens);

    let address = env::var("LISTEN").unwrap_or("127.0.0.1:3000".into());
    let listener = TcpListener::bind(&address)
        .await
        .map_err(|error| format!("LISTEN={address}: {error}; set another address"))?;
    print_usage(&format!("http://{}", listener.local_addr()?));
    // What there is not is answered in the words of gRPC.
    let routes = Routes::new(health).into_axum_router().merge(doors);
    let served = Server::builder()
        .accept_http1(true)
        .add_routes(routes.into())
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::select! {
        served = served => served?,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    Ok(())
}

/// The health service, for whom the layer let in.
struct Guarded {
    health: HealthService,
    watch: Scopes,
}

#[tonic::async_trait]
impl Health for Guarded {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let caller = Authenticated::of(request.extensions()).map_err(status)?;
        println!("{} asks", caller.subject());
        self.health.check(request).await
    }

    type WatchStream = <HealthService as Health>::WatchStream;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let caller = Authenticated::of(request.extensions()).map_err(status)?;
        caller.require_all(&self.watch).map_err(status)?;
        self.health.watch(request).await
    }
}

/// A handler's own refusal, in the words of the layer's.
fn status(rejection: Rejection) -> Status {
    Status::new(
        Code::from(rejection.grpc_status()),
        rejection.grpc_message(),
    )
}

async fn login(
    State(tokens): State<Tokens>,
    Json(login): Json<Value>,
) -> Result<impl IntoResponse, StatusCode> {
    // Yours is a look-up and a password hash.
    if login["username"] != "alice" || login["password"] != "wonderland" {
        return Err(StatusCode::BAD_REQUEST);
    }
    let issued = tokens
        .issue("alice")
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    // No cache keeps a secret.
    let fields = [(CACHE_CONTROL, "no-store")];
    let expires_at = issued.expires_at().to_string();
    let content = json!({ "token": issued.secret(), "expires_at": expires_at });
    Ok((fields, Json(content)))
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

fn print_usage(url: &str) {
    let check = format!(
        "--http2-prior-knowledge -H content-type:application/grpc {url}/grpc.health.v1.Health/Check"
    );
    println!(
        "listening on {url}

In another terminal: log in, call, be refused, log out, be refused again. Any gRPC client will do.
For curl, an empty message is five bytes of zero; refusals come without reading it.

  curl -s {url}/login -H 'content-type: application/json' -d '{{\"username\":\"alice\",\"password\":\"wonderland\"}}'
  TOKEN=  # paste the token here
  head -c5 /dev/zero | curl -s -D- -o/dev/null --data-binary @- {check} -H \"authorization: Bearer $TOKEN\"
  curl -i -X POST {check}
  curl -i -X POST {url}/logout -H \"authorization: Bearer $TOKEN\"
  curl -i -X POST {check} -H \"authorization: Bearer $TOKEN\""
    );
}
