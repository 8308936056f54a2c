//! Whether whoever made a request may still be here.

use std::{future::pending, sync::Arc};

use tokio::sync::watch;

use super::identity::Identity;

/// Who made a request, and news of them: in its extensions, for what outlives the request.
#[derive(Clone, Debug)]
pub struct Standing {
    identity: Arc<Identity>,
    /// Who they are now; `None` once what they proved themselves by holds no more. Nothing is
    /// told of those who have not signed in.
    told: Option<watch::Receiver<Option<Arc<Identity>>>>,
}

impl Standing {
    /// Of somebody of whom nothing is told.
    pub fn fixed(identity: Arc<Identity>) -> Self {
        Self {
            identity,
            told: None,
        }
    }

    /// Of somebody of whom `told` tells.
    pub(super) fn new(
        identity: Arc<Identity>,
        told: watch::Receiver<Option<Arc<Identity>>>,
    ) -> Self {
        Self {
            identity,
            told: Some(told),
        }
    }

    /// Who it was when last asked.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// Waits until they may not be here any more: signed out, disabled, revoked or expired.
    pub async fn ended(&mut self) {
        while self.changed().await.is_some() {}
    }

    /// Waits until something about them is another, such as their roles, and says who they are
    /// then; `None` if they may not be here any more. Nothing is lost if this is dropped.
    pub async fn changed(&mut self) -> Option<Arc<Identity>> {
        let Some(told) = &mut self.told else {
            return pending().await;
        };
        let known = Arc::clone(&self.identity);
        let is_other = |now: &Option<Arc<Identity>>| now.as_ref() != Some(&known);
        // Without a sender nobody vouches for them.
        let now = told.wait_for(is_other).await.ok()?.clone()?;
        self.identity = Arc::clone(&now);
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::permission::Rights;

    fn of(name: &str) -> Option<Arc<Identity>> {
        let mut identity = Identity::nobody(Rights::None);
        identity.name = name.to_owned();
        Some(Arc::new(identity))
    }

    #[tokio::test]
    async fn what_changes_is_told_once_and_the_end_for_ever() {
        let (sender, receiver) = watch::channel(of("ann"));
        let mut standing = Standing::new(of("ann").expect("somebody"), receiver);
        assert!(standing.changed().now_or_never().is_none());
        sender.send_replace(of("ann"));
        assert!(
            standing.changed().now_or_never().is_none(),
            "it is the same"
        );
        sender.send_replace(of("bob"));
        let now = standing.changed().now_or_never().expect("told");
        assert_eq!(now.expect("somebody").name, "bob");
        assert_eq!(standing.identity().name, "bob");
        assert!(standing.ended().now_or_never().is_none());
        sender.send_replace(None);
        assert!(standing.ended().now_or_never().is_some());
        assert!(standing.changed().now_or_never().expect("told").is_none());
    }

    #[tokio::test]
    async fn those_of_whom_nothing_is_told_stay() {
        let mut standing = Standing::fixed(Arc::new(Identity::everyone()));
        assert!(standing.ended().now_or_never().is_none());
    }
}
