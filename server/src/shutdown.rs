//! Ending in good order.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Tells every part of the server that it is to end. Once told, it stays told.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// What tells them.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

/// A shutdown and what triggers it.
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Ends it.
    pub fn trigger(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether the end was told.
    pub fn is_triggered(&self) -> bool {
        *self.0.borrow()
    }

    /// The same as a channel that holds true from then on.
    pub fn receiver(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }

    /// Waits for the end. A trigger that is dropped ends it as well.
    pub async fn wait(&mut self) {
        // An error says that the trigger is gone.
        let _ = self.0.wait_for(|told| *told).await;
    }
}

/// A shutdown that SIGTERM or SIGINT triggers. A second signal ends the process at once, with
/// the status that shells give a process so ended.
///
/// # Errors
/// If the signals can't be received.
pub fn on_signals() -> std::io::Result<Shutdown> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (trigger, shutdown) = channel();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping; a second signal stops at once");
        trigger.trigger();
        let status = tokio::select! {
            _ = terminate.recv() => 143,
            _ = interrupt.recv() => 130,
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
    async fn a_dropped_trigger_is_the_end() {
        let (trigger, mut shutdown) = channel();
        drop(trigger);
        shutdown.wait().await;
    }
}
