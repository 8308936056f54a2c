//! What is counted of clients.

use std::{collections::BTreeMap, time::Duration};

/// What has happened to a client since it was last asked.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// What must not be.
    pub failure: Option<String>,
    /// The longest time from a commit until it was here.
    pub silence: Duration,
    pub patches: u64,
    /// How often it was connected, and how often a list went on from its cursor then.
    pub connections: u64,
    pub resumed: u64,
    /// Lists that began anew, by the reason.
    pub resets: BTreeMap<String, u64>,
    /// Lists that began anew at a version before the one that was shown.
    pub back: u64,
}

impl Seen {
    /// What this one and another one have seen.
    pub fn add(&mut self, other: Self) {
        self.silence = self.silence.max(other.silence);
        self.patches += other.patches;
        self.connections += other.connections;
        self.resumed += other.resumed;
        self.back += other.back;
        for (reason, count) in other.resets {
            *self.resets.entry(reason).or_default() += count;
        }
    }
}
