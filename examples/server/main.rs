//! A reference server: the whole crate behind one command, every capability behind a flag.
//!
//! `cargo run --release --all-features --example server -- --help` lists the flags;
//! `http://127.0.0.1:3000/` is a page to try it by hand.

mod admin;
mod delegate;
mod flags;
mod metrics;
mod peer;
mod routes;
mod store;
mod ticks;
mod tokens;
mod users;

use std::error::Error;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tower_expiring_token::testing::ManualClock;
use tower_expiring_token::{Clock, PasswordGuard, PhcPasswords, SystemClock};

use crate::flags::Flags;
use crate::metrics::Metrics;
use crate::routes::House;
use crate::users::Users;

#[tokio::main]
async fn main() -> ExitCode {
    let flags = match Flags::read() {
        Ok(flags) => flags,
        Err(line) => {
            eprintln!("{line}");
            return ExitCode::from(2);
        }
    };
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    match serve(&flags).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Flags(line)) => {
            eprintln!("{line}");
            ExitCode::from(2)
        }
        Err(Stop::Failure(error)) => {
            eprintln!("{}", in_a_line(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Why the server does not run.
enum Stop {
    /// A flag can't be followed.
    Flags(String),
    /// Something else is missing.
    Failure(Box<dyn Error>),
}

impl<E: Into<Box<dyn Error>>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

/// An error with all that caused it.
fn in_a_line(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let words: Vec<String> = causes.map(ToString::to_string).collect();
    words.join(": ").replace('\n', " ")
}

async fn serve(flags: &Flags) -> Result<(), Stop> {
    let users = Users::demo()?;
    let metrics = Arc::new(Metrics::default());
    let clock = flags
        .manual_clock
        .then(|| ManualClock::at(SystemClock.now()));
    let store = store::open(flags).await?;
    let tokens = tokens::build(
        flags,
        store,
        users.clone(),
        Arc::clone(&metrics),
        clock.clone(),
    );
    let tokens = tokens.map_err(|error| Stop::Flags(error.to_string()))?;
    let proxied = flags.trust_forwarded;
    let address = move |head: &_| peer::address(head, proxied);
    let passwords = PasswordGuard::new(PhcPasswords::new(users.clone())?, address);

    let listener = TcpListener::bind(flags.listen)
        .await
        .map_err(|error| format!("--listen {}: {error}; choose another address", flags.listen))?;
    let url = format!("http://{}", listener.local_addr()?);
    let house = House {
        flags,
        tokens: tokens.clone(),
        users,
        passwords,
        metrics,
        clock,
        url: url.clone(),
    };
    let router = house
        .router()
        .map_err(|error| Stop::Flags(error.to_string()))?;
    flags.warn();
    let purging = tokens.purge_every(flags.purge_every);
    let stop = stopped()?.shared();
    println!("listening on {url}");

    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop.clone());
    // Streams have no end of their own.
    let patience = async {
        stop.await;
        tokio::time::sleep(PATIENCE).await;
    };
    tokio::select! {
        served = server.into_future() => served?,
        () = patience => {}
    }
    purging.stop().await;
    Ok(tokens.shutdown().await?)
}

/// How long what is in flight may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whoever reads where it listens may already ask it to stop, so it hears that from now on.
fn stopped() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
