//! Who acts.
//!
//! It is known for as long as a request is handled, by the task that handles it: what is done on
//! behalf of the request is noted as theirs, however deep down it is done, and nothing between
//! can forget to hand it on.

use std::{net::IpAddr, sync::Arc};

use axum::{extract::Request, middleware::Next, response::Response};
use http::Extensions;
use serde_json::json;
use sqlx::PgConnection;

use crate::{
    auth::{AccountId, Credential, Identity},
    database::pool::keep_setting,
    peer::Peer,
};

tokio::task_local! {
    static ACTOR: Actor;
}

/// By what somebody acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Means {
    /// Nobody does: the server sees to what is its own.
    #[default]
    Server,
    /// A request of somebody who has not signed in, or need not.
    Nothing,
    /// The session of that number.
    Session(i64),
    /// The API token of that number.
    Token(i64),
    /// A link that may be used once.
    Link,
    /// What an identity provider says of them.
    Provider,
    /// A command of the program.
    Terminal,
}

/// Who acts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Whose account it is, and what they are called.
    account: Option<(AccountId, String)>,
    means: Means,
    address: Option<IpAddr>,
}

impl Actor {
    /// Who makes a request from that address.
    pub fn of(identity: &Identity, address: IpAddr) -> Self {
        Self {
            account: identity
                .signed_in()
                .map(|(account, name)| (account, name.to_owned())),
            means: match identity.credential {
                Some(Credential::Session(id)) => Means::Session(id),
                Some(Credential::Token(id)) => Means::Token(id),
                None => Means::Nothing,
            },
            address: Some(address),
        }
    }

    /// Who makes the request that has these extensions.
    pub fn in_extensions(extensions: &Extensions) -> Self {
        let peer = extensions.get::<Peer>();
        let of = extensions.get::<Arc<Identity>>().zip(peer);
        match of {
            Some((identity, peer)) => Self::of(identity, peer.address),
            // Of a request whose sender is not known nothing is done for anybody.
            None => Self::default().by(Means::Nothing),
        }
    }

    /// Whoever acts in this task; the server, where that is nobody.
    pub fn current() -> Self {
        ACTOR.try_with(Self::clone).unwrap_or_default()
    }

    /// The same by other means.
    pub fn by(self, means: Means) -> Self {
        Self { means, ..self }
    }

    /// What the setting `rowcast.actor` is to be.
    pub fn setting(&self) -> String {
        let (means, number) = match self.means {
            Means::Server => (Some("server"), None),
            Means::Nothing => (None, None),
            Means::Session(id) => (Some("session"), Some(id)),
            Means::Token(id) => (Some("token"), Some(id)),
            Means::Link => (Some("link"), None),
            Means::Provider => (Some("provider"), None),
            Means::Terminal => (Some("terminal"), None),
        };
        let (account, name) = self.account.as_ref().map(|(id, name)| (id.0, name)).unzip();
        json!({
            "account": account,
            "name": name,
            "means": means,
            "means_id": number,
            "address": self.address.map(|address| address.to_canonical().to_string()),
        })
        .to_string()
    }
}

/// Does something as `actor`.
pub async fn scope<T>(actor: Actor, future: impl Future<Output = T>) -> T {
    ACTOR.scope(actor, future).await
}

/// Handles a request as whoever makes it, who is known by now.
pub async fn with_actor(request: Request, next: Next) -> Response {
    let actor = Actor::in_extensions(request.extensions());
    scope(actor, next.run(request)).await
}

/// Tells a connection who acts over it. Those of a pool are told each time that they are handed
/// out.
///
/// # Errors
/// The database's.
pub async fn name_actor(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    keep_setting(connection, "rowcast.actor", &Actor::current().setting()).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{auth::Scope, permission::Rights};

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn whoever_acts_is_known_in_the_task_and_nowhere_else() {
        let everyone = Actor::of(&Identity::everyone(), HOME);
        assert_eq!(Actor::current(), Actor::default());
        let inside = scope(everyone.clone(), async {
            tokio::task::yield_now().await;
            Actor::current()
        });
        assert_eq!(inside.await, everyone);
        assert_eq!(Actor::current(), Actor::default());
    }

    #[test]
    fn a_setting_names_who_and_by_what() {
        let read = |actor: &Actor| -> serde_json::Value {
            serde_json::from_str(&actor.setting()).expect("JSON")
        };
        let identity = Identity::of_account(
            AccountId(7),
            "Zoë \"x\"".to_owned(),
            [],
            Rights::None,
            serde_json::Map::new(),
            Scope::Read,
            Credential::Token(3),
        );
        let mapped = "::ffff:10.0.0.1".parse().expect("an address");
        assert_eq!(
            read(&Actor::of(&identity, mapped)),
            json!({"account": 7, "name": "Zoë \"x\"", "means": "token", "means_id": 3,
                "address": "10.0.0.1"})
        );
        assert_eq!(
            read(&Actor::of(&Identity::everyone(), HOME)),
            json!({"account": null, "name": null, "means": null, "means_id": null,
                "address": "127.0.0.1"})
        );
        let means = [
            Means::Server,
            Means::Session(1),
            Means::Token(1),
            Means::Link,
            Means::Provider,
            Means::Terminal,
        ];
        let names: BTreeSet<String> = means
            .into_iter()
            .map(|means| read(&Actor::default().by(means))["means"].to_string())
            .collect();
        assert_eq!(names.len(), means.len());
    }
}
