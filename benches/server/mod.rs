//! An axum server on loopback, with the layer and without: requests a second, on one core of its
//! own beside one for the clients.

mod clients;

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::runtime::Builder;
use tower_expiring_token::{MemoryStore, SystemClock};

use self::clients::Clients;
use crate::anchors::{jwt, moka, texts};
use crate::case::CREDENTIALS;
use crate::ours;
use crate::processors::Processors;
use crate::quantile::median;
use crate::table::{Budget, Table, number};

/// Short, so that what else the machine does falls on all stacks alike.
const ROUNDS: usize = 240;
const ROUND: Duration = Duration::from_millis(40);
/// Servers of each stack, in turn: where one's memory happens to lie makes a hundredth.
const SERVERS: usize = 4;
const CONNECTIONS: usize = 32;

/// What is before the handler, and tokens that it accepts.
struct Stack {
    name: &'static str,
    router: Router,
    tokens: Vec<String>,
}

/// Requests a second of rounds that take turns; each is held against the bare one beside it.
pub(crate) fn measure() -> (Table, Vec<Budget>) {
    let processors = Processors::here();
    processors.one(0).stay();
    let stacks = stacks();
    let names: Vec<&'static str> = stacks.iter().map(|stack| stack.name).collect();
    let mut turns: Vec<Vec<Clients>> = (0..SERVERS)
        .map(|_| stacks.iter().map(Stack::serve).collect())
        .collect();
    processors.one(1).stay();
    for clients in turns.iter_mut().flatten() {
        clients.ask_for(ROUND);
    }
    let mut rates = vec![Vec::new(); stacks.len()];
    for round in 0..ROUNDS {
        for (clients, rates) in turns[round % SERVERS].iter_mut().zip(&mut rates) {
            rates.push(clients.ask_for(ROUND));
        }
    }
    processors.stay();
    table(&names, rates)
}

impl Stack {
    /// Clients of one more server of it.
    fn serve(&self) -> Clients {
        Clients::connect(serve(self.router.clone()), &self.tokens[..CONNECTIONS])
    }
}

fn stacks() -> Vec<Stack> {
    let router = || Router::new().route("/", get(async || "welcome"));
    let tokens = ours::authority(MemoryStore::new(), SystemClock);
    vec![
        Stack {
            name: "bare",
            router: router(),
            tokens: texts(),
        },
        Stack {
            name: "ours, accepted",
            router: router().layer(tokens.layer()),
            tokens: ours::issue(&tokens),
        },
        Stack {
            name: moka::MOKA,
            router: moka::before(router()),
            tokens: texts(),
        },
        Stack {
            name: jwt::JWT,
            router: router().layer(jwt::layer()),
            tokens: (0..CREDENTIALS).map(jwt::sign).collect(),
        },
    ]
}

/// A server of its own thread, on the processor of the thread that starts it, until all ends.
fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    listener
        .set_nonblocking(true)
        .expect("a socket can be asked without waiting");
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime can be had");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener);
            let listener = listener.expect("it does not block");
            axum::serve(listener, router)
                .await
                .expect("it serves for ever");
        });
    });
    address
}

fn table(names: &[&'static str], rates: Vec<Vec<f64>>) -> (Table, Vec<Budget>) {
    let title = format!(
        "An axum server on one core, {CONNECTIONS} connections: medians of {ROUNDS} rounds"
    );
    let mut table = Table::new(title, &["", "requests a second", "beside bare"]);
    let bare = rates[0].clone();
    let mut budgets = Vec::new();
    for (index, (name, rates)) in names.iter().zip(rates).enumerate() {
        let ratios = rates.iter().zip(&bare).map(|(rate, bare)| rate / bare);
        let ratio = median(ratios.collect());
        table.row([
            (*name).to_owned(),
            number(median(rates), 0),
            number(ratio, 3),
        ]);
        if index == 1 {
            let what = "server with the layer: requests a second beside bare";
            budgets.push(Budget::least(what, ratio, [0.93, 0.96], 3));
        }
    }
    (table, budgets)
}
