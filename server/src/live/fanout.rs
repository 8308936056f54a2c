//! Handing events to many clients, beside the hub.

use std::{collections::VecDeque, sync::Arc};

use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::yield_now,
};

use super::channel::Channel;

/// Where channels go that have something pending for many clients.
///
/// Each is there at most once, so it holds no more than there are windows.
#[derive(Clone, Debug)]
pub struct FanOut(UnboundedSender<Arc<Channel>>);

impl FanOut {
    /// Starts the task. It ends when the last handle is dropped.
    pub fn start() -> Self {
        let (sender, receiver) = unbounded_channel();
        tokio::spawn(run(receiver));
        Self(sender)
    }

    /// Has what is pending in a channel handed to its clients.
    pub fn see_to(&self, channel: &Arc<Channel>) {
        // The task being gone means that the server is stopping.
        let _ = self.0.send(Arc::clone(channel));
    }
}

/// Goes round all channels that have something to do, a few clients of each at a time, so that
/// those of a large one do not delay those of others, and lets what it woke run in between.
async fn run(mut channels: UnboundedReceiver<Arc<Channel>>) {
    let mut busy = VecDeque::new();
    loop {
        if busy.is_empty() {
            match channels.recv().await {
                Some(channel) => busy.push_back(channel),
                None => return,
            }
        }
        while let Ok(channel) = channels.try_recv() {
            busy.push_back(channel);
        }
        if let Some(channel) = busy.pop_front()
            && channel.advance()
        {
            busy.push_back(channel);
        }
        yield_now().await;
    }
}
