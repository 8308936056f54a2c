//! Positions in the history of a database.

use std::{fmt, str::FromStr};

/// PostgreSQL's `pg_snapshot`: which transactions a read has seen.
///
/// Snapshots of one server are taken one after another, so of two of them one has seen
/// everything that the other has; [`Snapshot::covers`] tells which.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Default)]
pub struct Snapshot {
    /// Every transaction below this id has ended.
    pub xmin: u64,
    /// No transaction at or above this id has been seen.
    pub xmax: u64,
    /// Transactions between the two that still ran, ascending.
    pub running: Vec<u64>,
}

impl Snapshot {
    /// Whether a transaction that committed is part of this version.
    pub fn sees(&self, xid: u64) -> bool {
        xid < self.xmax && self.running.binary_search(&xid).is_err()
    }

    /// Whether everything that `other` has seen is seen by `self` too.
    pub fn covers(&self, other: &Self) -> bool {
        other.xmax <= self.xmax
            && self
                .running
                .iter()
                .take_while(|xid| **xid < other.xmax)
                .all(|xid| other.running.binary_search(xid).is_ok())
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.xmin, self.xmax)?;
        for (at, xid) in self.running.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            write!(f, "{xid}")?;
        }
        Ok(())
    }
}

/// A text that is not a `pg_snapshot` or a cursor of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a cursor")]
pub struct NotACursor;

impl FromStr for Snapshot {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let number = |part: &str| part.parse::<u64>().map_err(|_| NotACursor);
        let mut parts = text.splitn(3, ':');
        let mut next = || parts.next().ok_or(NotACursor);
        let (xmin, xmax, rest) = (number(next()?)?, number(next()?)?, next()?);
        let running = match rest {
            "" => Vec::new(),
            rest => rest.split(',').map(number).collect::<Result<_, _>>()?,
        };
        let ordered = running.windows(2).all(|pair| pair[0] < pair[1]);
        let inside = running.iter().all(|xid| (xmin..xmax).contains(xid));
        if xmin > xmax || !ordered || !inside {
            return Err(NotACursor);
        }
        Ok(Self {
            xmin,
            xmax,
            running,
        })
    }
}

/// Where a client stands: a version of one database. Clients treat its text as opaque.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Cursor {
    /// Which history the snapshot belongs to: cluster, timeline, database and our own epoch.
    pub epoch: u64,
    /// The version within that history.
    pub snapshot: Snapshot,
    /// Where the list depends on the time: the moment that it is of, in microseconds since
    /// 1970 by the database's clock.
    pub moment: Option<i64>,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}", self.epoch, self.snapshot)?;
        match self.moment {
            Some(moment) => write!(f, "@{moment}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (epoch, snapshot) = text.split_once('.').ok_or(NotACursor)?;
        if epoch.len() != 16 {
            return Err(NotACursor);
        }
        let (snapshot, moment) = match snapshot.split_once('@') {
            Some((snapshot, moment)) => (snapshot, Some(moment.parse().map_err(|_| NotACursor)?)),
            None => (snapshot, None),
        };
        Ok(Self {
            epoch: u64::from_str_radix(epoch, 16).map_err(|_| NotACursor)?,
            snapshot: snapshot.parse()?,
            moment,
        })
    }
}
