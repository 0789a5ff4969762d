//! What a request costs, what a token in memory costs, and what a server has left, beside what
//! people use today; all in one run, since figures of different machines can't be compared.
//!
//! `bench` measures requests; `bench server`, how many of them a server answers; `bench memory`, the
//! memory store; `bench postgres`, built with that feature, a store; `bench revocation`,
//! built with PostgreSQL and Redis, two nodes on each of them.
#![expect(clippy::disallowed_methods, reason = "a stopwatch reads the time")]

mod allocations;
mod anchors;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod callers;
mod case;
mod child;
#[cfg(test)]
mod exact;
mod instructions;
mod look_up;
mod memory;
mod ours;
#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod plot;
#[cfg(feature = "postgres")]
mod postgres;
mod processors;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod purge;
mod quantile;
#[cfg(feature = "redis")]
mod redis;
mod request;
#[cfg(all(feature = "postgres", feature = "redis"))]
mod revocation;
mod server;
#[cfg(feature = "sqlite")]
mod sqlite;
mod table;
mod time;
mod tokens;

use table::Budget;

fn main() {
    match std::env::args().nth(1).as_deref() {
        None => {
            tell(request::measure());
            look_up::measure().print();
        }
        Some("look-up") => look_up::measure().print(),
        Some("memory") => memory::measure(),
        Some("server") => tell(server::measure()),
        #[cfg(feature = "postgres")]
        Some("postgres") => postgres::measure(),
        #[cfg(feature = "redis")]
        Some("redis") => redis::measure(),
        #[cfg(all(feature = "postgres", feature = "redis"))]
        Some("revocation") => {
            if !revocation::is_node() {
                revocation::measure().print();
            }
        }
        #[cfg(feature = "sqlite")]
        Some("sqlite") => sqlite::measure(),
        Some(other) => {
            eprintln!("expected what to measure, found {other}: is the feature of its name on?");
            std::process::exit(2);
        }
    }
}

fn tell((table, budgets): (table::Table, Vec<Budget>)) {
    table.print();
    Budget::table(&budgets).print();
}
