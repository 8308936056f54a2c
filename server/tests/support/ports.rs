//! Ports for those who are started again at the same one.

use std::{
    fs,
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
};

/// A port at which nobody listens, and that no connection is given while nobody does.
pub fn free() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let given = range.split_whitespace().next();
    let given = given.and_then(|first| first.parse::<u32>().ok());
    let (first, end) = (10_000, given.unwrap_or(32_768).clamp(12_000, 60_000));
    let span = end - first;
    let mut tried = (0..span).map(|_| {
        // Where other processes do the same each begins somewhere else.
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let begin = std::process::id().wrapping_mul(7919);
        (first + begin.wrapping_add(next) % span) as u16
    });
    let free = tried.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.expect("a port that is free")
}
