//! A process of its own for some work: what it leaves in memory goes with it.
#![expect(unsafe_code, reason = "fork has no safe form")]

use std::io::{Read, Write, pipe};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The child of a fork, in the parent.
pub(crate) struct Child(pub(crate) libc::pid_t);

/// Forks; the child does `work` and ends. Fork before any other thread is running.
pub(crate) fn fork(work: impl FnOnce()) -> Child {
    // SAFETY: no other thread holds a lock that the child would wait for.
    match unsafe { libc::fork() } {
        -1 => panic!("no process to be had: {}", std::io::Error::last_os_error()),
        0 => {
            let done = catch_unwind(AssertUnwindSafe(work));
            // SAFETY: nothing of the parent's is to be run twice, so this leaves at once.
            unsafe { libc::_exit(i32::from(done.is_err())) }
        }
        child => Child(child),
    }
}

/// The numbers that `work` gives, done in a process of its own.
pub(crate) fn apart<const N: usize>(work: impl FnOnce() -> [f64; N]) -> [f64; N] {
    let (mut reader, mut writer) = pipe().expect("a pipe can be had");
    let child = fork(move || {
        for number in work() {
            writer
                .write_all(&number.to_ne_bytes())
                .expect("the parent reads");
        }
    });
    let numbers = [(); N].map(|()| {
        let mut bytes = [0; 8];
        reader.read_exact(&mut bytes).expect("the child has worked");
        f64::from_ne_bytes(bytes)
    });
    child.wait();
    numbers
}

impl Child {
    /// Waits for a change of the child's; its status, as `waitpid` gives it.
    pub(crate) fn wait(&self) -> libc::c_int {
        let mut status = 0;
        // SAFETY: `status` is there to be written.
        let waited = unsafe { libc::waitpid(self.0, &raw mut status, 0) };
        assert_eq!(waited, self.0, "the child is there to be waited for");
        status
    }
}
