//! Following with others: the log, for all of them, or what another one has read of it.

use super::{seat::Seat, *};
use crate::capture::bus::Part;

/// The task that writes. It ends with this, however that does: one whose follower is gone would
/// go on to say that somebody leads.
struct Writing(JoinHandle<()>);

impl Drop for Writing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Follower {
    /// Follows until nobody listens any more.
    pub(super) async fn follow_together(&mut self, connection: Connection, bus: BusOptions) {
        let (writer, writing) = Writer::start(bus.address.clone(), self.options.traces.clone());
        let _writing = Writing(writing);
        // It is the first, so there is none yet.
        let _ = self.shared.writer.set(writer.clone());
        let database = self.options.database.clone();
        let mut seat = Seat::new(
            bus.clone(),
            writer.clone(),
            Arc::clone(&self.shared),
            database,
        );
        match bus.part {
            Part::Server => self.serve(connection, &mut seat).await,
            Part::Leader => {
                // Somebody else may read the log for a long time yet.
                drop(connection);
                self.lead(&mut seat).await;
            }
        }
        writer.end().await;
    }

    async fn serve(&mut self, connection: Connection, seat: &mut Seat) {
        let mut connection = Some(connection);
        loop {
            let found = tokio::select! {
                () = self.follow_log(connection.take()) => return,
                found = seat.sit() => found,
            };
            self.shared.awake.send_replace(false);
            let Some(mut stream) = found else { continue };
            tracing::debug!("following what another server reads");
            self.shared.is_led.store(true, Ordering::Release);
            let stop = self.follow_stream(&mut stream, seat).await;
            self.shared.is_led.store(false, Ordering::Release);
            if let Err(Stop::Unwanted) = stop {
                return;
            }
            tracing::debug!("following the log itself");
        }
    }

    /// Reads the log for others whenever nobody else does.
    async fn lead(&mut self, seat: &mut Seat) {
        loop {
            let events = self.events.clone();
            tokio::select! {
                () = seat.win() => {}
                () = events.closed() => return,
            }
            // So that nobody who follows has to find out what lies between.
            if let Some(told) = seat.last_told().await {
                self.cursor = told.clone();
                self.told = told;
            }
            tracing::info!("reading the log for all");
            tokio::select! {
                () = self.follow_log(None) => return,
                _ = seat.sit() => {}
            }
            self.shared.awake.send_replace(false);
            tracing::warn!("somebody else reads the log for all");
        }
    }
}
