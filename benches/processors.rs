//! The processors that a thread may run on.
#![expect(unsafe_code, reason = "affinity has no safe form")]

/// A set of processors.
pub(crate) struct Processors(libc::cpu_set_t);

impl Processors {
    /// Those that this thread may run on.
    pub(crate) fn here() -> Self {
        // SAFETY: all zeroes are an empty set, and the kernel writes no more than its size.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sched_getaffinity(0, size_of_val(&set), &mut set);
            Self(set)
        }
    }

    /// One of them; where they are fewer, it begins again with the first.
    pub(crate) fn one(&self, index: usize) -> Self {
        let all = (0..libc::CPU_SETSIZE as usize).filter(|&index| {
            // SAFETY: the set is whole and the index within it.
            unsafe { libc::CPU_ISSET(index, &self.0) }
        });
        let all: Vec<usize> = all.collect();
        // SAFETY: as above.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::CPU_SET(all[index % all.len()], &mut set);
            Self(set)
        }
    }

    /// Lets this thread, and those that it starts, run on no others.
    pub(crate) fn stay(&self) {
        // SAFETY: the kernel reads no more than the set's size.
        unsafe { libc::sched_setaffinity(0, size_of_val(&self.0), &self.0) };
    }
}
