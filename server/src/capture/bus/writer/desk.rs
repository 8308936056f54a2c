//! What waits to be written.
//!
//! There is room for one read: what comes while another one is written goes to what waits already. So
//! whoever follows by way of a slow bus is late by two entries at the most, however much is read meanwhile.

use std::time::Instant;

use super::Standing;
use crate::capture::{
    Read,
    bus::{
        SILENCE,
        entry::{Entry, MOST_PIECES, PIECE, Told},
        signature::Key,
        step::{goes_on, join},
    },
};

/// The most bytes of an entry.
const MOST_BYTES: usize = PIECE * MOST_PIECES as usize;

/// The most bytes of one that several reads were put together to.
const JOINED_BYTES: usize = 8 << 20;

/// What waits, and what is known of the one who writes.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// Where they stand; `None` while that is not known.
    pub standing: Option<Standing>,
    /// Since when they have been reading the log, or telling of it.
    pub busy: Option<Instant>,
    waiting: Option<Waiting>,
    /// What comes after what waits.
    last: Option<Next>,
}

/// What is to be written next.
#[derive(Debug)]
pub(super) struct Next {
    /// In which history.
    pub epoch: u64,
    pub key: Key,
    pub entry: Entry,
}

/// Reads that are written as one.
#[derive(Debug)]
struct Waiting {
    epoch: u64,
    key: Key,
    told: Told,
    size: usize,
}

impl Desk {
    /// Lays down a read. What waits and can't be put together with it is taken away, and so is what
    /// is too large: the gap that is left shows by what comes next.
    pub fn tell(&mut self, read: &Read, standing: &Standing) {
        let size = size(read);
        if size > MOST_BYTES {
            return;
        }
        if self
            .last
            .as_ref()
            .is_some_and(|last| last.epoch == standing.epoch)
        {
            // They do lead, after all.
            self.last = None;
        }
        match &mut self.waiting {
            Some(waiting)
                if waiting.epoch == standing.epoch
                    && waiting.size + size <= JOINED_BYTES
                    && goes_on(&waiting.told.read, read) =>
            {
                join(&mut waiting.told.read, read.clone());
                waiting.told.definitions = standing.definitions;
                waiting.size += size;
            }
            waiting => {
                *waiting = Some(Waiting {
                    epoch: standing.epoch,
                    key: standing.key.clone(),
                    told: Told {
                        read: read.clone(),
                        definitions: standing.definitions,
                    },
                    size,
                });
            }
        }
    }

    /// Lays down something else, which comes after all reads, if it is known where.
    pub fn say(&mut self, entry: Entry) {
        if let Some(standing) = &self.standing {
            self.last = Some(Next {
                epoch: standing.epoch,
                key: standing.key.clone(),
                entry,
            });
        }
    }

    /// What is to be written next.
    pub fn take(&mut self) -> Option<Next> {
        match self.waiting.take() {
            Some(waiting) => Some(Next {
                epoch: waiting.epoch,
                key: waiting.key,
                entry: Entry::Told(waiting.told),
            }),
            None => self.last.take(),
        }
    }

    /// That somebody is there, and where: nothing if reading the log hangs, or what waits will say it.
    pub fn beat(&self) -> Option<Next> {
        let hangs = self.busy.is_some_and(|since| since.elapsed() > SILENCE);
        if hangs || self.waiting.is_some() {
            return None;
        }
        let standing = self.standing.as_ref()?;
        let read = Read {
            from: standing.version.clone(),
            to: standing.version.clone(),
            rows: Vec::new(),
            overflow: Vec::new(),
            changed_schemas: Vec::new(),
            is_purged: false,
            source: Default::default(),
            clock: standing.clock.map_or(0, |clock| clock.now()),
            cause: Default::default(),
        };
        let definitions = standing.definitions;
        Some(Next {
            epoch: standing.epoch,
            key: standing.key.clone(),
            entry: Entry::Told(Told { read, definitions }),
        })
    }
}

/// About how many bytes a read is, written.
fn size(read: &Read) -> usize {
    let images = read.rows.iter();
    let images: usize = images.map(|row| row.old.len() + row.new.len() + 40).sum();
    images + read.overflow.len() * 5 + 100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(from: u64, to: u64) -> Read {
        let version = |at: u64| format!("{at}:{at}:").parse().expect("a version");
        Read {
            from: version(from),
            to: version(to),
            rows: Vec::new(),
            overflow: Vec::new(),
            changed_schemas: Vec::new(),
            is_purged: false,
            source: Default::default(),
            clock: 0,
            cause: Default::default(),
        }
    }

    fn standing(epoch: u64, at: u64) -> Standing {
        Standing {
            epoch,
            version: read(at, at).to,
            definitions: at,
            clock: None,
            key: Key::new(b"key"),
        }
    }

    fn tell(desk: &mut Desk, epoch: u64, from: u64, to: u64) {
        desk.tell(&read(from, to), &standing(epoch, to));
        desk.standing = Some(standing(epoch, to));
    }

    /// All that is written, as histories and versions.
    fn written(desk: &mut Desk) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        while let Some(Next { epoch, entry, .. }) = desk.take() {
            let said = match entry {
                Entry::Told(told) => {
                    let (from, to) = (told.read.from.xmax, told.read.to.xmax);
                    format!("{from}-{to} ({})", told.definitions)
                }
                other => format!("{other:?}"),
            };
            all.push((epoch, said));
        }
        all
    }

    #[test]
    fn what_comes_one_after_another_is_written_as_one_and_what_does_not_takes_its_place() {
        let mut desk = Desk::default();
        for at in 1..1_000 {
            tell(&mut desk, 7, at, at + 1);
        }
        assert_eq!(written(&mut desk), [(7, "1-1000 (1000)".to_owned())]);
        tell(&mut desk, 7, 1_000, 1_001);
        tell(&mut desk, 7, 1_002, 1_003);
        assert_eq!(written(&mut desk), [(7, "1002-1003 (1003)".to_owned())]);
        tell(&mut desk, 7, 1_003, 1_004);
        tell(&mut desk, 8, 1_004, 1_005);
        assert_eq!(written(&mut desk), [(8, "1004-1005 (1005)".to_owned())]);
    }

    #[test]
    fn what_is_too_large_is_left_out_and_little_of_what_is_large_is_put_together() {
        let large = |from: u64, bytes: usize| {
            let mut read = read(from, from + 1);
            read.rows.push(crate::capture::LogRow {
                xid: from,
                at: 0,
                relation: 1,
                kind: crate::capture::ChangeKind::Images,
                layout: 0,
                old: Vec::new(),
                new: vec![0; bytes],
            });
            read
        };
        let mut desk = Desk::default();
        desk.tell(&large(1, MOST_BYTES), &standing(7, 2));
        assert_eq!(written(&mut desk), []);
        for from in 1..=3 {
            desk.tell(
                &large(from, JOINED_BYTES / 2 - 1_000),
                &standing(7, from + 1),
            );
        }
        // The third one takes the place of the two before, which leaves a gap.
        assert_eq!(written(&mut desk), [(7, "3-4 (4)".to_owned())]);
    }

    #[test]
    fn that_it_has_ended_comes_last_unless_it_goes_on() {
        let mut desk = Desk::default();
        desk.say(Entry::Ended);
        assert_eq!(written(&mut desk), [], "nobody knows where");
        tell(&mut desk, 7, 1, 2);
        desk.say(Entry::Ended);
        assert_eq!(
            written(&mut desk),
            [(7, "1-2 (2)".to_owned()), (7, "Ended".to_owned())]
        );
        desk.say(Entry::Ended);
        tell(&mut desk, 7, 2, 3);
        assert_eq!(written(&mut desk), [(7, "2-3 (3)".to_owned())]);
        desk.say(Entry::Ended);
        tell(&mut desk, 8, 3, 4);
        assert_eq!(
            written(&mut desk),
            [(8, "3-4 (4)".to_owned()), (7, "Ended".to_owned())]
        );
    }

    #[test]
    fn nobody_is_heard_of_who_hangs_or_has_something_to_say() {
        let mut desk = Desk::default();
        assert!(desk.beat().is_none());
        tell(&mut desk, 7, 1, 2);
        assert!(desk.beat().is_none(), "what waits says it");
        let _ = written(&mut desk);
        let now = Instant::now();
        for (busy, is_heard) in [
            (None, true),
            (Some(now), true),
            (now.checked_sub(SILENCE * 2), false),
        ] {
            desk.busy = busy;
            assert_eq!(desk.beat().is_some(), is_heard, "{busy:?}");
        }
    }
}
