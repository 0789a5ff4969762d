//! One request: instructions, allocations and time of each case, side by side.

use crate::allocations::{self, Allocations};
use crate::case::{CREDENTIALS, Case};
use crate::table::{Budget, Table, number};
use crate::{anchors, instructions, ours, time};

/// Stepping is slow, so instructions are counted over some of the credentials.
const STEPPED: usize = 16;
const ROUNDS: usize = 100;
/// Requests to a turn: enough that the case has the processor's caches to itself.
const TURN: usize = 64 * CREDENTIALS;

/// What one request of a case takes.
struct Cost {
    instructions: f64,
    allocations: f64,
    bytes: f64,
    nanos: f64,
}

/// The table, and the budgets that come of it.
pub(crate) fn measure() -> (Table, Vec<Budget>) {
    let mut cases = vec![anchors::bare()];
    cases.extend(ours::cases());
    cases.extend(anchors::cases());
    let nanos = nanos(&mut cases);
    let costs: Vec<(&'static str, Cost)> = cases
        .iter_mut()
        .zip(nanos)
        .map(|(case, nanos)| (case.name, cost(case, nanos)))
        .collect();
    let bare = &costs[0].1;
    let above = |name| {
        let cost = costs.iter().find(|cost| cost.0 == name);
        cost.expect("there is such a case").1.above(bare)
    };
    (table(&costs, bare), budgets(&above))
}

fn nanos(cases: &mut [Case]) -> Vec<f64> {
    let mut works: Vec<_> = cases.iter_mut().map(|case| || case.show(TURN)).collect();
    let mut works: Vec<&mut dyn FnMut()> = works.iter_mut().map(|work| work as _).collect();
    let least = time::least(ROUNDS, &mut works);
    least.into_iter().map(|nanos| nanos / TURN as f64).collect()
}

fn cost(case: &mut Case, nanos: f64) -> Cost {
    eprintln!("counting instructions: {}", case.name);
    let Allocations { times, bytes } = allocations::of(|| case.show(CREDENTIALS));
    Cost {
        instructions: instructions::of(|| case.show(STEPPED)) as f64 / STEPPED as f64,
        allocations: times as f64 / CREDENTIALS as f64,
        bytes: bytes as f64 / CREDENTIALS as f64,
        nanos,
    }
}

impl Cost {
    fn above(&self, bare: &Self) -> Self {
        Self {
            instructions: self.instructions - bare.instructions,
            allocations: self.allocations - bare.allocations,
            bytes: self.bytes - bare.bytes,
            nanos: self.nanos - bare.nanos,
        }
    }
}

fn table(costs: &[(&'static str, Cost)], bare: &Cost) -> Table {
    let title = format!(
        "One request; + is above the bare service's {} instructions, {} allocations, {} ns",
        number(bare.instructions, 0),
        number(bare.allocations, 0),
        number(bare.nanos, 0),
    );
    let head = [
        "",
        "+ instructions",
        "+ allocations",
        "(bytes)",
        "+ ns",
        "ns",
        "× bare",
    ];
    let mut table = Table::new(title, &head);
    for (name, cost) in costs {
        let above = cost.above(bare);
        table.row([
            (*name).to_owned(),
            number(above.instructions, 0),
            number(above.allocations, 0),
            number(above.bytes, 0),
            number(above.nanos, 0),
            number(cost.nanos, 0),
            number(cost.nanos / bare.nanos, 1),
        ]);
    }
    table
}

/// `http::Extensions` allocates three times for the first value: the map, its table, the value.
const OF_EXTENSIONS: f64 = 3.0;

fn budgets(above: &dyn Fn(&'static str) -> Cost) -> Vec<Budget> {
    let accepted = above(ours::ACCEPTED);
    let garbage = above(ours::GARBAGE);
    let jwt = above(anchors::JWT).nanos / accepted.nanos;
    let login = above(anchors::LOGIN).nanos / accepted.nanos;
    vec![
        Budget::most(
            "accepted: + instructions",
            accepted.instructions,
            [1900.0, 1560.0],
            0,
        ),
        Budget::most(
            "accepted: allocations beyond those of http::Extensions",
            accepted.allocations - OF_EXTENSIONS,
            [0.0, 0.0],
            0,
        ),
        Budget::least(
            "accepted: JWT HS256 takes so many times its + ns",
            jwt,
            [7.0, 9.0],
            1,
        ),
        Budget::least(
            "accepted: axum-login takes so many times its + ns",
            login,
            [10.0, 14.0],
            1,
        ),
        Budget::most(
            "refused by checksum: + instructions",
            garbage.instructions,
            [1800.0, 1650.0],
            0,
        ),
        Budget::most(
            "refused by checksum: + allocations",
            garbage.allocations,
            [5.0, 5.0],
            0,
        ),
    ]
}
