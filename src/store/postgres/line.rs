//! Look-ups that share statements, without a timer.
//!
//! A look-up sends its own statement while there is room on a connection. One that finds none
//! stands in line, and whoever finishes gives his turn to those that stand there: one of them
//! sends a single statement for all. A turn is a value, so that it passes on also when its owner
//! is dropped.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::error::overdue;
use crate::store::{Finding, StoreError};
use crate::token::{Subject, TokenDigest};

/// How many look-ups share a statement.
const SHARE: usize = 64;
/// How many stand in line before the next one is turned away.
const LONGEST: usize = 16_384;

/// Who asks, where there is room to.
pub(super) struct Line {
    state: Mutex<State>,
    room: usize,
}

struct State {
    waiting: VecDeque<Waiting>,
    /// Statements under way on each connection.
    under_way: Box<[usize]>,
}

struct Waiting {
    digest: TokenDigest,
    tell: oneshot::Sender<Told>,
}

/// What somebody who stood in line is told.
pub(super) enum Told {
    Answer(Finding<Subject>),
    Turn(Turn),
}

/// How a look-up goes on.
pub(super) enum Joined {
    Turn(Turn),
    Wait(oneshot::Receiver<Told>),
}

/// The right to have one statement under way on a connection, and those that it asks for.
pub(super) struct Turn {
    /// None: the turn has passed on.
    line: Option<Arc<Line>>,
    connection: usize,
    digest: TokenDigest,
    others: Vec<Waiting>,
}

impl Line {
    /// So many connections, and so many statements under way on each.
    pub(super) fn new(connections: usize, room: usize) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                under_way: vec![0; connections].into(),
            }),
            room,
        }
    }

    /// # Errors
    ///
    /// When too many wait already.
    pub(super) fn join(self: &Arc<Self>, digest: TokenDigest) -> Result<Joined, StoreError> {
        let mut state = self.state();
        let least = (0..state.under_way.len()).min_by_key(|&index| state.under_way[index]);
        if let Some(connection) = least.filter(|&index| state.under_way[index] < self.room) {
            state.under_way[connection] += 1;
            return Ok(Joined::Turn(Turn {
                line: Some(Arc::clone(self)),
                connection,
                digest,
                others: Vec::new(),
            }));
        }
        if state.waiting.len() >= LONGEST {
            // Some of them may be gone by now.
            state.waiting.retain(|waiting| !waiting.tell.is_closed());
            if state.waiting.len() >= LONGEST {
                return Err(overdue("a look-up, for which too many wait,"));
            }
        }
        let (tell, told) = oneshot::channel();
        state.waiting.push_back(Waiting { digest, tell });
        Ok(Joined::Wait(told))
    }

    /// Gives a turn to these, or to those who stand in line, or back.
    fn pass(self: &Arc<Self>, connection: usize, mut next: Vec<Waiting>) {
        loop {
            if next.is_empty() {
                let mut state = self.state();
                let share = state.waiting.len().min(SHARE);
                if share == 0 {
                    state.under_way[connection] -= 1;
                    return;
                }
                next = state.waiting.drain(..share).collect();
            }
            next.retain(|waiting| !waiting.tell.is_closed());
            let Some(first) = next.pop() else {
                continue;
            };
            let turn = Turn {
                line: Some(Arc::clone(self)),
                connection,
                digest: first.digest,
                others: std::mem::take(&mut next),
            };
            match first.tell.send(Told::Turn(turn)) {
                Err(Told::Turn(mut turn)) => {
                    // He has just gone.
                    turn.line = None;
                    next = std::mem::take(&mut turn.others);
                }
                _ => return,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Turn ===

impl Turn {
    pub(super) const fn connection(&self) -> usize {
        self.connection
    }

    /// What to ask for, his own first. One may stand there twice.
    pub(super) fn digests(&self) -> impl Iterator<Item = &TokenDigest> {
        let others = self.others.iter().map(|waiting| &waiting.digest);
        std::iter::once(&self.digest).chain(others)
    }

    /// Whether he asks for himself alone.
    pub(super) const fn is_alone(&self) -> bool {
        self.others.is_empty()
    }

    /// Passes the turn on, and tells everybody what was found. The answer of his own.
    pub(super) fn finish(
        mut self,
        found: Result<impl Fn(&TokenDigest) -> Finding<Subject>, StoreError>,
    ) -> Finding<Subject> {
        let others = std::mem::take(&mut self.others);
        let own = self.digest;
        drop(self);
        let answer = |digest: &TokenDigest| match &found {
            Ok(find) => find(digest),
            Err(error) => Err(error.clone()),
        };
        for Waiting { digest, tell } in others {
            // Whoever is gone needs no answer.
            let _ = tell.send(Told::Answer(answer(&digest)));
        }
        answer(&own)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(line) = self.line.take() {
            line.pass(self.connection, std::mem::take(&mut self.others));
        }
    }
}
