//! A cluster that is killed under its users comes back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::cluster::Cluster;

/// The pause before a further attempt, after one that failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Starts a cluster again whenever its process has ended, until told that it is to end.
pub struct Revival {
    ended: Arc<Mutex<bool>>,
}

impl Revival {
    /// Watches the cluster from a thread of its own. It sleeps in the kernel meanwhile.
    pub fn begin(cluster: Cluster) -> Self {
        let ended = Arc::new(Mutex::new(false));
        let watched = Arc::clone(&ended);
        std::thread::spawn(move || {
            loop {
                if !wait_for_end(&cluster) {
                    return;
                }
                let ended = watched.lock().unwrap_or_else(PoisonError::into_inner);
                if *ended {
                    return;
                }
                let started = cluster.start();
                drop(ended);
                if started.is_err() {
                    std::thread::sleep(PAUSE);
                }
            }
        });
        Self { ended }
    }

    /// Runs `stop`, after which nothing is started again.
    pub fn end<T>(self, stop: impl FnOnce() -> T) -> T {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        *ended = true;
        stop()
    }
}

/// Waits until the cluster's process has ended. False where this system can't tell.
fn wait_for_end(cluster: &Cluster) -> bool {
    let Some(process) = cluster.process().and_then(Pid::from_raw) else {
        return true;
    };
    match pidfd_open(process, PidfdFlags::empty()) {
        Ok(process) => loop {
            match poll(&mut [PollFd::new(&process, PollFlags::IN)], None) {
                Ok(_) => return true,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        },
        Err(Errno::SRCH) => true,
        Err(_) => false,
    }
}
