//! Ending in good order.

use std::{future::pending, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

/// How much of the time that a server drains passes before it sends clients away: whoever sends
/// them here has to notice first that it is not ready.
const UNNOTICED: f64 = 0.2;

/// After how much of it nobody is sent away any more but at its end. Where nobody leads clients
/// elsewhere they come back, and would be sent away a second time before they have heard of what
/// they missed.
const LAST: f64 = 0.9;

/// A time in which a server goes on serving and sends its clients elsewhere.
#[derive(Clone, Copy, Debug)]
struct Drain {
    since: Instant,
    time: Duration,
}

impl Drain {
    /// When a client leaves that is here now, of whom chance says how early. One that has `come`
    /// since, as where nobody leads it elsewhere, stays for half of what is left at least.
    fn moment(&self, now: Instant, come: bool, chance: f64) -> Instant {
        let first = now.max(self.since + self.time.mul_f64(UNNOTICED));
        let last = self.since + self.time.mul_f64(LAST);
        let part = if come { 0.5 + chance / 2.0 } else { chance };
        match last.checked_duration_since(first) {
            Some(left) if !left.is_zero() => first + left.mul_f64(part),
            _ => self.since + self.time,
        }
    }
}

/// Tells every part of the server that it is to end. Once told, it stays told.
#[derive(Clone, Debug)]
pub struct Shutdown {
    ended: watch::Receiver<bool>,
    draining: watch::Receiver<Option<Drain>>,
}

/// What tells them.
#[derive(Debug)]
pub struct Trigger {
    ended: watch::Sender<bool>,
    draining: watch::Sender<Option<Drain>>,
}

/// A shutdown and what triggers it.
pub fn channel() -> (Trigger, Shutdown) {
    let (ended, end) = watch::channel(false);
    let (draining, drain) = watch::channel(None);
    let shutdown = Shutdown {
        ended: end,
        draining: drain,
    };
    (Trigger { ended, draining }, shutdown)
}

impl Trigger {
    /// Ends it.
    pub fn trigger(&self) {
        self.ended.send_replace(true);
    }

    /// Has it send its clients elsewhere within that time. Whoever calls this ends it, too.
    pub fn drain(&self, time: Duration) {
        let since = Instant::now();
        self.draining.send_replace(Some(Drain { since, time }));
    }
}

impl Shutdown {
    /// Whether the end was told.
    pub fn is_triggered(&self) -> bool {
        *self.ended.borrow()
    }

    /// Whether clients are sent elsewhere, or were.
    pub fn is_leaving(&self) -> bool {
        self.is_triggered() || self.draining.borrow().is_some()
    }

    /// The end as a channel that holds true from then on.
    pub fn receiver(&self) -> watch::Receiver<bool> {
        self.ended.clone()
    }

    /// Waits for the end. A trigger that is dropped ends it as well.
    pub async fn wait(&mut self) {
        // An error says that the trigger is gone.
        let _ = self.ended.wait_for(|told| *told).await;
    }

    /// Waits until clients are sent elsewhere, or for the end.
    pub async fn told(&self) {
        let (mut ended, mut draining) = (self.ended.clone(), self.draining.clone());
        // An error says that the trigger is gone, which ends it as well.
        tokio::select! {
            _ = ended.wait_for(|told| *told) => {}
            _ = draining.wait_for(Option::is_some) => {}
        }
    }

    /// Waits until a client that stays connected is to be sent elsewhere: at the end, or before
    /// at a time of its own, so that not all come to other servers at once.
    pub async fn departure(mut self) {
        let mut draining = self.draining.clone();
        let come = draining.borrow().is_some();
        let moment = async {
            let drain = draining.wait_for(Option::is_some).await;
            let Some(drain) = drain.ok().and_then(|drain| *drain) else {
                // The end says the rest.
                return pending().await;
            };
            sleep_until(drain.moment(Instant::now(), come, chance())).await;
        };
        tokio::select! {
            () = moment => {}
            () = self.wait() => {}
        }
    }
}

/// Anything from 0 to 1.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness all leave in the middle.
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

/// A shutdown that SIGTERM or SIGINT triggers; SIGTERM, once clients have had the time `drain` to
/// go elsewhere. A second signal ends the process at once, with the status that shells give a
/// process so ended.
///
/// # Errors
/// If the signals can't be received.
pub fn on_signals(drain: Duration) -> std::io::Result<Shutdown> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (trigger, shutdown) = channel();
    tokio::spawn(async move {
        let drain = tokio::select! {
            _ = terminate.recv() => drain,
            _ = interrupt.recv() => Duration::ZERO,
        };
        let end = async {
            if !drain.is_zero() {
                tracing::info!(
                    seconds = drain.as_secs(),
                    "sending clients elsewhere; a second signal stops at once"
                );
                trigger.drain(drain);
                sleep(drain).await;
            }
            tracing::info!("stopping; a second signal stops at once");
            trigger.trigger();
            pending().await
        };
        let status = tokio::select! {
            _ = terminate.recv() => 143,
            _ = interrupt.recv() => 130,
            never = end => never,
        };
        std::process::exit(status);
    });
    Ok(shutdown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_is_told_to_all_and_to_those_who_come_later() {
        let (trigger, mut early) = channel();
        assert!(!early.is_triggered());
        trigger.trigger();
        let mut late = early.clone();
        early.wait().await;
        late.wait().await;
        assert!(late.is_triggered());
    }

    #[tokio::test]
    async fn clients_leave_while_it_drains_before_it_ends() {
        let (trigger, shutdown) = channel();
        let departure = tokio::spawn(shutdown.clone().departure());
        assert!(!shutdown.is_leaving() && !departure.is_finished());
        trigger.drain(Duration::ZERO);
        assert!(shutdown.is_leaving() && !shutdown.is_triggered());
        departure.await.expect("it ends");
        // Who is to leave in a year leaves at the end.
        trigger.drain(Duration::from_secs(365 * 86_400));
        let departure = tokio::spawn(shutdown.clone().departure());
        trigger.trigger();
        departure.await.expect("it ends");
    }

    #[test]
    fn they_leave_one_after_another_once_it_may_have_been_noticed_and_the_last_at_the_end() {
        let drain = Drain {
            since: Instant::now(),
            time: Duration::from_secs(100),
        };
        let after = |at: u64, chance| {
            let now = drain.since + Duration::from_secs(at);
            let moment = drain.moment(now, at > 0, chance);
            moment.duration_since(drain.since).as_secs_f64()
        };
        for (at, chance, expected) in [
            (0, 0.0, 20.0),
            (0, 0.5, 55.0),
            (0, 1.0, 90.0),
            (10, 0.0, 55.0),
            (80, 0.5, 87.5),
            (90, 0.1, 100.0),
            (99, 0.5, 100.0),
        ] {
            assert!((after(at, chance) - expected).abs() < 1e-3);
        }
        let mut seen: Vec<f64> = (0..100).map(|_| chance()).collect();
        seen.sort_by(f64::total_cmp);
        assert!(seen[0] >= 0.0 && seen[99] <= 1.0 && seen[0] < seen[99]);
    }

    #[tokio::test]
    async fn a_dropped_trigger_is_the_end() {
        let (trigger, mut shutdown) = channel();
        drop(trigger);
        shutdown.wait().await;
    }
}
