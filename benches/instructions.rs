//! How many instructions some work takes, counted one by one: `PTRACE_SINGLESTEP` needs no
//! counter in the processor, and sees the instructions that really run (an emulator would hide
//! SHA-NI).
#![expect(unsafe_code, reason = "ptrace has no safe form")]

use std::ptr;

use crate::child::{self, Child};
use crate::processors::Processors;

/// The instructions of `work`, done once in a child; what is around it is counted away.
pub(crate) fn of(work: impl FnOnce()) -> u64 {
    let everywhere = Processors::here();
    // On one processor with its child, neither has to wake another one at each step.
    everywhere.one(0).stay();
    let steps = steps(work).saturating_sub(steps(|| {}));
    everywhere.stay();
    steps
}

fn steps(work: impl FnOnce()) -> u64 {
    let child = child::fork(|| {
        // SAFETY: the child asks to be traced and stops until its parent goes on.
        unsafe {
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
            libc::raise(libc::SIGSTOP);
        }
        work();
        // SAFETY: it stops again, and the parent stops counting.
        unsafe { libc::raise(libc::SIGSTOP) };
    });
    child.stopped_by(libc::SIGSTOP);
    let mut steps = 0;
    loop {
        // SAFETY: the child is ours and has stopped.
        unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, child.0, 0, 0) };
        if child.stopped() != libc::SIGTRAP {
            break;
        }
        steps += 1;
    }
    // SAFETY: as above; the signal that it stopped at is taken from it.
    unsafe {
        libc::ptrace(
            libc::PTRACE_CONT,
            child.0,
            0,
            ptr::null_mut::<libc::c_void>(),
        )
    };
    let status = child.wait();
    assert!(
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
        "the child did its work"
    );
    steps
}

impl Child {
    /// Waits until the child stops, and says by which signal.
    fn stopped(&self) -> libc::c_int {
        let status = self.wait();
        assert!(libc::WIFSTOPPED(status), "the child did its work");
        libc::WSTOPSIG(status)
    }

    fn stopped_by(&self, signal: libc::c_int) {
        assert_eq!(self.stopped(), signal, "the child can be traced");
    }
}
