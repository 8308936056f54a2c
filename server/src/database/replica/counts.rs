//! How often a standby was read from.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Reason;

/// Reads that a standby answered, and those that it could not.
#[derive(Debug, Default)]
pub struct Counts {
    reads: AtomicU64,
    fallbacks: [AtomicU64; Reason::ALL.len()],
}

impl Counts {
    /// How many it answered.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// How many the primary answered in its place for that reason.
    pub fn fallbacks(&self, reason: Reason) -> u64 {
        self.fallbacks[reason as usize].load(Ordering::Relaxed)
    }

    pub(super) fn read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn fell_back(&self, reason: Reason) {
        self.fallbacks[reason as usize].fetch_add(1, Ordering::Relaxed);
    }
}
