//! Events, encoded once for all who receive them.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use rowcast_protocol::{
    Cell,
    json::{self, Heading},
    message::{Event, Op, Patch, Row, ServerMessage},
};

use crate::websocket::frame::{HEAD_MAX, Opcode, write_head};

/// An event and its encodings, each made when the first client needs it.
#[derive(Debug)]
pub struct SharedEvent {
    event: Event,
    heading: Arc<Heading>,
    /// The event's own encodings.
    bodies: [OnceLock<Bytes>; 2],
    /// The frames for the number that asked first.
    frames: [OnceLock<(u32, Bytes)>; 2],
    size: usize,
    /// When the first of what it tells was logged, where there are several changes.
    oldest: Option<i64>,
}

/// How a WebSocket's messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As JSON text, for everybody.
    Json,
    /// As postcard, for Rowcast's own page.
    Postcard,
}

impl SharedEvent {
    /// An event that names nothing of a list.
    pub fn bare(event: Event) -> Arc<Self> {
        Self::new(event, Arc::default())
    }

    /// An event of a list with this heading.
    pub fn new(event: Event, heading: Arc<Heading>) -> Arc<Self> {
        Self::with(event, heading, None)
    }

    /// A patch of changes the first of which was logged then.
    pub fn patch(patch: Patch, heading: Arc<Heading>, oldest: Option<i64>) -> Arc<Self> {
        Self::with(Event::Patch(patch), heading, oldest)
    }

    fn with(event: Event, heading: Arc<Heading>, oldest: Option<i64>) -> Arc<Self> {
        Arc::new(Self {
            size: estimate(&event),
            event,
            heading,
            bodies: [OnceLock::new(), OnceLock::new()],
            frames: [OnceLock::new(), OnceLock::new()],
            oldest,
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

    /// When the first of what it tells was written, by the database's clock: microseconds since
    /// 1970.
    pub fn written(&self) -> Option<i64> {
        match &self.event {
            // Nothing was, where a list is not what it was because time went on.
            Event::Patch(patch) if patch.changed_at > 0 => Some(
                self.oldest
                    .map_or(patch.changed_at, |oldest| oldest.min(patch.changed_at)),
            ),
            _ => None,
        }
    }

    /// The event's JSON object, as an SSE `data:` line has it.
    pub fn json(&self) -> &Bytes {
        self.bodies[Encoding::Json as usize].get_or_init(|| self.body(Encoding::Json))
    }

    /// The WebSocket frame of the message for the subscription of this number, as pieces to
    /// be sent one after the other.
    ///
    /// What depends on the number stands at the beginning. For the number that asks first the
    /// frame is kept whole, since mostly all ask for the same; for others the rest is shared.
    pub fn frame(&self, encoding: Encoding, id: u32) -> [Bytes; 2] {
        let (first, whole) = self.frames[encoding as usize].get_or_init(|| {
            let body = match self.bodies[encoding as usize].get() {
                Some(body) => body.clone(),
                None => self.body(encoding),
            };
            (id, self.pieces(encoding, id, body).concat().into())
        });
        if *first == id {
            return [whole.clone(), Bytes::new()];
        }
        let body = self.bodies[encoding as usize].get_or_init(|| self.body(encoding));
        self.pieces(encoding, id, body.clone())
    }

    /// A frame's pieces, the latter being the end of `body`.
    fn pieces(&self, encoding: Encoding, id: u32, body: Bytes) -> [Bytes; 2] {
        let mut prefix = Vec::with_capacity(48);
        let (opcode, rest) = match encoding {
            Encoding::Json => {
                json::write_message(self.name(), Some(id), b"{", &mut prefix);
                (Opcode::Text, body.slice(1..))
            }
            // The event's own encoding is the tail of the message's, after its variant and
            // the id as a varint.
            Encoding::Postcard => {
                prefix.push(EVENT_VARIANT);
                let mut rest = id;
                while rest >= 0x80 {
                    prefix.push(rest as u8 | 0x80);
                    rest >>= 7;
                }
                prefix.push(rest as u8);
                (Opcode::Binary, body)
            }
        };
        let mut head = Vec::with_capacity(HEAD_MAX + prefix.len());
        write_head(opcode, prefix.len() + rest.len(), &mut head);
        head.extend_from_slice(&prefix);
        [head.into(), rest]
    }

    fn body(&self, encoding: Encoding) -> Bytes {
        match encoding {
            Encoding::Json => {
                let mut out = Vec::new();
                json::write_event(&self.event, &self.heading, None, &mut out);
                out.into()
            }
            // Nothing in an event is of a kind that postcard can't write.
            Encoding::Postcard => postcard::to_allocvec(&self.event)
                .unwrap_or_default()
                .into(),
        }
    }

    /// Roughly how many bytes it takes.
    pub fn size(&self) -> usize {
        self.size
    }
}

/// What an event costs beside its cells' text: the rest of its encoding, and what it is kept
/// in.
const OVERHEAD: usize = 768;

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

    fn payload(shared: &SharedEvent, encoding: Encoding, id: u32) -> Vec<u8> {
        let frame = shared.frame(encoding, id).concat();
        // Short ones have two bytes in front.
        assert_eq!(usize::from(frame[1]), frame.len() - 2);
        frame[2..].to_vec()
    }

    #[test]
    fn a_shared_event_is_the_message_that_it_stands_for_whatever_its_number() {
        let event = Event::Reset {
            reason: "why".to_owned(),
        };
        let shared = SharedEvent::bare(event.clone());
        for id in [7, 0, 1, 127, 128, 300, 70_000, u32::MAX, 7] {
            let event = event.clone();
            assert_eq!(
                payload(&shared, Encoding::Postcard, id),
                compact(&ServerMessage::Event { id, event })
            );
            assert_eq!(
                payload(&shared, Encoding::Json, id),
                format!(r#"{{"type":"reset","id":{id},"reason":"why"}}"#).as_bytes()
            );
        }
    }
}
