//! Events, encoded once for all who receive them.

use std::sync::{Arc, OnceLock};

use bytes::{BufMut, Bytes, BytesMut};
use rowcast_protocol::{
    Cell,
    json::{self, Heading},
    message::{Event, Op, Row, ServerMessage},
};

/// An event and its encodings, each made when the first client needs it.
#[derive(Debug)]
pub struct SharedEvent {
    event: Event,
    heading: Arc<Heading>,
    json: OnceLock<Bytes>,
    compact: OnceLock<Bytes>,
    size: usize,
}

impl SharedEvent {
    /// An event that names nothing of a list.
    pub fn bare(event: Event) -> Arc<Self> {
        Self::new(event, Arc::default())
    }

    /// An event of a list with this heading.
    pub fn new(event: Event, heading: Arc<Heading>) -> Arc<Self> {
        Arc::new(Self {
            size: estimate(&event),
            event,
            heading,
            json: OnceLock::new(),
            compact: OnceLock::new(),
        })
    }

    /// The event itself.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// What an SSE `event:` line and a message's `type` say.
    pub fn name(&self) -> &'static str {
        json::event_name(&self.event)
    }

    /// The version that a client stands at after it.
    pub fn cursor(&self) -> Option<&str> {
        match &self.event {
            Event::Snapshot(snapshot) => Some(&snapshot.cursor),
            Event::Patch(patch) => Some(&patch.cursor),
            Event::Reset { .. } | Event::Error(_) => None,
        }
    }

    /// The event's JSON object, as an SSE `data:` line has it.
    pub fn json(&self) -> &Bytes {
        self.json.get_or_init(|| {
            let mut out = Vec::new();
            json::write_event(&self.event, &self.heading, None, &mut out);
            out.into()
        })
    }

    /// A WebSocket text message: the object with `type` and `id` in front.
    pub fn json_message(&self, id: u32) -> Bytes {
        let body = self.json();
        let mut out = Vec::with_capacity(body.len() + 40);
        json::write_message(self.name(), Some(id), body, &mut out);
        out.into()
    }

    /// A WebSocket binary message.
    ///
    /// The event's own encoding is the tail of the message's, and the id, a varint, stands
    /// before it, so the event is encoded once.
    pub fn compact_message(&self, id: u32) -> Bytes {
        let body = self.compact.get_or_init(|| {
            postcard::to_allocvec(&self.event)
                .unwrap_or_default()
                .into()
        });
        let mut out = BytesMut::with_capacity(body.len() + 6);
        out.put_u8(EVENT_VARIANT);
        let mut rest = id;
        while rest >= 0x80 {
            out.put_u8(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.put_u8(rest as u8);
        out.put_slice(body);
        out.freeze()
    }

    /// Roughly how many bytes its encoding takes.
    pub fn size(&self) -> usize {
        self.size
    }
}

/// What an event costs beside its cells' text.
const OVERHEAD: usize = 128;

fn estimate(event: &Event) -> usize {
    let row = |row: &Row| 16 + row.cells.iter().map(cell_size).sum::<usize>();
    let content = match event {
        Event::Snapshot(snapshot) => {
            let aggregates = snapshot.aggregates.iter();
            snapshot.rows.iter().map(row).sum::<usize>()
                + aggregates.map(|of| cell_size(&of.value)).sum::<usize>()
        }
        Event::Patch(patch) => {
            let aggregates = patch.aggregates.iter();
            let aggregates = aggregates.map(|(_, value)| cell_size(value)).sum::<usize>();
            aggregates
                + patch
                    .ops
                    .iter()
                    .map(|op| match op {
                        Op::Insert { row: inserted, .. } => row(inserted),
                        Op::Update { cells, .. } => {
                            32 + cells.iter().map(|(_, cell)| cell_size(cell)).sum::<usize>()
                        }
                        Op::Move { .. } | Op::Remove { .. } => 32,
                    })
                    .sum::<usize>()
        }
        Event::Reset { reason } => reason.len(),
        Event::Error(error) => error.message.len() + error.hint.len(),
    };
    OVERHEAD + content
}

fn cell_size(cell: &Cell) -> usize {
    8 + match cell {
        Cell::Null | Cell::Bool(_) => 0,
        Cell::Number(text) | Cell::Text(text) | Cell::Json(text) => text.len(),
    }
}

/// The place of [`ServerMessage::Event`] among its variants, as postcard writes it.
const EVENT_VARIANT: u8 = 1;

/// Any message, encoded compactly.
pub fn compact(message: &ServerMessage) -> Bytes {
    // Nothing in a message is of a kind that postcard can't write.
    postcard::to_allocvec(message).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_event_is_the_message_that_it_stands_for() {
        for id in [0, 1, 127, 128, 300, 70_000, u32::MAX] {
            let event = Event::Reset {
                reason: "why".to_owned(),
            };
            let shared = SharedEvent::bare(event.clone());
            assert_eq!(
                shared.compact_message(id),
                compact(&ServerMessage::Event { id, event })
            );
        }
    }

    #[test]
    fn a_json_message_has_its_type_and_id_in_front() {
        let event = Event::Reset {
            reason: "why".to_owned(),
        };
        let shared = SharedEvent::bare(event);
        assert_eq!(
            &shared.json_message(7)[..],
            br#"{"type":"reset","id":7,"reason":"why"}"#
        );
    }
}
