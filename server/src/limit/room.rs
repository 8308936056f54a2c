//! Room for what takes long, for so many at once and for each of them a part of it.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Share, Shares, Subject, too_many};
use crate::{error::HttpError, state::too_busy};

/// After which it may be over: what is under way ends at any moment.
const SOON: Duration = Duration::from_millis(500);

/// Places for something. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Room {
    most: u32,
    places: Arc<Semaphore>,
    shares: Shares<Subject>,
}

/// A place; given back when dropped.
#[derive(Debug)]
pub struct Place {
    _place: OwnedSemaphorePermit,
    _share: Option<Share<Subject>>,
}

impl Room {
    /// For so many, of which one may have a quarter, or one.
    pub fn of(places: u32) -> Self {
        Self {
            most: places,
            places: Arc::new(Semaphore::new(places as usize)),
            shares: Shares::of(places as usize),
        }
    }

    /// A place, by whom they are counted, if they are.
    ///
    /// # Errors
    /// `too_busy` if all are taken; `too_many_requests` if all are that one may have.
    pub fn take(&self, subject: Option<Subject>) -> Result<Place, HttpError> {
        let share = match subject {
            None => None,
            Some(subject) => match self.shares.take(subject) {
                Some(share) => Some(share),
                None => return Err(HttpError(too_many(subject, SOON))),
            },
        };
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => Ok(Place {
                _place: place,
                _share: share,
            }),
            Err(_) => Err(too_busy()),
        }
    }

    /// Waits until all places are given back, and then gives none any more.
    pub async fn empty(&self) {
        if let Ok(all) = self.places.acquire_many(self.most).await {
            all.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::AccountId;

    #[tokio::test]
    async fn one_has_a_quarter_and_all_together_what_there_is() {
        let room = Room::of(8);
        let [ann, bob] = [1, 2].map(|id| Some(Subject::Account(AccountId(id))));
        let held = [room.take(ann), room.take(ann)].map(|place| place.expect("a place"));
        let code = |place: Result<Place, HttpError>| place.expect_err("no place").0.code;
        assert_eq!(code(room.take(ann)), "too_many_requests");
        let others: Vec<Place> = (0..6).map_while(|_| room.take(None).ok()).collect();
        assert_eq!(others.len(), 6);
        assert_eq!(code(room.take(bob)), "too_busy");
        drop(held);
        assert!(room.take(ann).is_ok());
        drop(others);
        room.empty().await;
        assert_eq!(code(room.take(bob)), "too_busy");
    }
}
