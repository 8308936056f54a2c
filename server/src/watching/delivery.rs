//! What is sent beside the page: e-mail and webhooks, tried again until they are received or it has
//! taken too long.
//!
//! What is due is leased, not locked: no transaction is open while a receiver is waited for. Whoever
//! dies meanwhile lets the lease run out, and it is sent again, under the same name.

pub mod address;
mod lease;
pub mod mail;
pub mod target;
mod trust;
mod webhook;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rowcast_protocol::ApiError;
use serde_json::Value;
use sqlx::PgPool;
use tokio::{sync::watch, task::JoinSet, time::sleep};

use self::{lease::lease, mail::Mail, target::Target, webhook::Hooks};
use super::{Watching, seen::unsuitable};
use crate::{
    config::{InvalidSetting, WatchConfig},
    error::sqlstate,
};

/// How long somebody has who is at it.
const LEASE: Duration = Duration::from_secs(60);

/// How long a receiver has.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// After what time it is tried again; twice as long each time.
const FIRST_RETRY: Duration = Duration::from_secs(2);

/// At the most.
const LAST_RETRY: Duration = Duration::from_secs(3600);

/// After what time it is given up.
const GIVEN_UP: Duration = Duration::from_secs(86_400);

/// How many are leased at once, and how many rules' receivers are waited for.
const AT_ONCE: usize = 16;

/// How often what is old is removed.
const FORGETS: Duration = Duration::from_secs(3600);

/// How many are removed at once.
const FORGOTTEN: i64 = 10_000;

/// How often it is looked without a reason.
const LOOK: Duration = Duration::from_secs(30);

/// For how many days what is over is kept.
const KEPT_DAYS: i32 = 30;

/// By which ways something can be delivered.
#[derive(Clone, Debug)]
pub struct Delivers(Arc<Ways>);

#[derive(Debug)]
struct Ways {
    hooks: Hooks,
    mail: Option<Mail>,
    /// What links within begin with.
    origin: String,
}

/// Something that is due.
#[derive(Debug)]
pub struct Due {
    id: i64,
    account: i64,
    /// Says that it is ours to send.
    lease: String,
    /// By which its receiver knows it.
    pub token: String,
    rule: Option<i64>,
    channel: String,
    target: String,
    /// What it says.
    pub content: Value,
    attempts: i32,
    is_last: bool,
    /// When it came to be.
    pub created_at: String,
    url: Option<String>,
    secret: Option<String>,
    /// Why it is not for them any more whom it was for.
    void: Option<&'static str>,
}

impl Delivers {
    /// Those of the settings, for a server of that address.
    ///
    /// # Errors
    /// What is wrong with a setting.
    pub fn new(config: &WatchConfig, origin: String) -> Result<Self, InvalidSetting> {
        let own = trust::own(config)?;
        let mail = config.mail.as_ref().map(|mail| Mail::new(mail, &own));
        Ok(Self(Arc::new(Ways {
            hooks: Hooks::new(config, &own),
            mail: mail.transpose()?,
            origin,
        })))
    }

    /// Whether e-mail can be sent.
    pub fn has_mail(&self) -> bool {
        self.0.mail.is_some()
    }

    /// What sends e-mail.
    pub fn mail(&self) -> Option<&Mail> {
        self.0.mail.as_ref()
    }

    /// What links to this server begin with.
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// The address of a receiver, if hits may be sent there.
    ///
    /// # Errors
    /// `invalid_watch`.
    pub fn checked(&self, url: &str) -> Result<Target, ApiError> {
        Target::parse(url.trim(), self.0.hooks.may_be_private()).map_err(unsuitable)
    }

    async fn deliver(&self, due: &Due) -> Result<(), String> {
        let ways = &self.0;
        if let Some(why) = due.void {
            return Err(why.to_owned());
        }
        match due.channel.as_str() {
            "mail" => match &ways.mail {
                Some(mail) => mail.send(&due.target, due, &ways.origin).await,
                None => Err("this server sends no e-mail (ROWCAST_SMTP_URL)".to_owned()),
            },
            _ => match (&due.url, &due.secret) {
                (Some(url), Some(secret)) => ways.hooks.send(url, secret, due, &ways.origin).await,
                _ => Err("the webhook was removed".to_owned()),
            },
        }
    }
}

/// Delivers what is due, until `stop` says so.
pub async fn run(
    pool: PgPool,
    delivers: Delivers,
    watching: Watching,
    mut stop: watch::Receiver<bool>,
) {
    let mut wait = Duration::ZERO;
    // Rules to whose receivers something is being sent: one that is slow takes one place.
    let mut busy: Vec<(Option<i64>, i64)> = Vec::new();
    let mut sending = JoinSet::new();
    let mut forgotten: Option<Instant> = None;
    loop {
        tokio::select! {
            () = sleep(wait), if sending.len() < AT_ONCE => {}
            () = watching.queued.notified() => {}
            Some(sent) = sending.join_next() => {
                // One that panicked has said so, and its lease runs out.
                if let Ok(of) = sent {
                    let at = busy.iter().position(|known| *known == of);
                    at.map(|at| busy.swap_remove(at));
                } else {
                    busy.clear();
                }
            }
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if sending.len() >= AT_ONCE {
            continue;
        }
        let leased = tokio::select! {
            leased = lease(&pool, &busy) => leased,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        if forgotten.is_none_or(|at| at.elapsed() > FORGETS)
            && matches!(forget(&pool).await, Ok(true))
        {
            forgotten = Some(Instant::now());
        }
        wait = match leased {
            Ok((rules, next)) => {
                for of in rules {
                    let Some(place) = of.first().map(|due| (due.rule, due.account)) else {
                        continue;
                    };
                    busy.push(place);
                    let (pool, delivers) = (pool.clone(), delivers.clone());
                    sending.spawn(async move {
                        send(&pool, &delivers, of).await;
                        place
                    });
                }
                next.min(LOOK)
            }
            Err(error) => {
                tracing::debug!(
                    reason = sqlstate(&error),
                    "deliveries could not be looked at"
                );
                Duration::from_secs(1)
            }
        };
    }
}

/// Sends what is of one rule, one after another, so that its receiver has it in order. What can't be
/// written down is sent again under its name.
async fn send(pool: &PgPool, delivers: &Delivers, of: Vec<Due>) {
    for mut due in of {
        // An attempt counts when it is made.
        let renewed = sqlx::query_scalar(
            "UPDATE rowcast.delivery \
                SET leased_until = clock_timestamp() + make_interval(secs => $2), \
                    attempts = attempts + 1 \
              WHERE id = $1 AND state = 'waiting' AND lease = $3::text::uuid RETURNING attempts",
        )
        .bind(due.id)
        .bind(LEASE.as_secs_f64())
        .bind(&due.lease)
        .fetch_optional(pool)
        .await;
        // Else somebody else is at it, or will be.
        let Ok(Some(attempts)) = renewed else {
            continue;
        };
        due.attempts = attempts;
        let outcome = delivers.deliver(&due).await;
        if let Err(error) = write_down(pool, &due, outcome).await {
            tracing::debug!(
                reason = sqlstate(&error),
                "a delivery could not be written down"
            );
        }
    }
}

async fn write_down(
    pool: &PgPool,
    due: &Due,
    outcome: Result<(), String>,
) -> Result<(), sqlx::Error> {
    let (state, error) = match outcome {
        Ok(()) => ("done", None),
        Err(error) if due.is_last => ("failed", Some(error)),
        Err(error) => ("waiting", Some(error)),
    };
    sqlx::query(
        "UPDATE rowcast.delivery SET state = $2, last_error = coalesce($3, last_error), \
                leased_until = NULL, lease = NULL, next_at = clock_timestamp() + make_interval(secs => $4), \
                done_at = CASE WHEN $2 <> 'waiting' THEN clock_timestamp() END \
          WHERE id = $1 AND state = 'waiting' AND lease = $5::text::uuid",
    )
    .bind(due.id)
    .bind(state)
    .bind(error)
    .bind(backoff(due.attempts).as_secs_f64())
    .bind(&due.lease)
    .execute(pool)
    .await?;
    Ok(())
}

/// How long to wait after so many attempts; a little more or less, so that what failed together is
/// not tried together.
fn backoff(attempts: i32) -> Duration {
    let doubled = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or(0);
    let wait = FIRST_RETRY.saturating_mul(1 << doubled).min(LAST_RETRY);
    let mut chance = [0];
    // Without chance it is the time itself.
    let _ = getrandom::fill(&mut chance);
    wait.mul_f64(0.8 + f64::from(chance[0]) / 255.0 * 0.4)
}

/// Removes what is old, and says whether that was all of it.
async fn forget(pool: &PgPool) -> Result<bool, sqlx::Error> {
    let removed = sqlx::query(
        "DELETE FROM rowcast.delivery WHERE id IN ( \
             SELECT d.id FROM rowcast.delivery d \
              WHERE d.state <> 'waiting' AND d.created_at < now() - make_interval(days => $1) \
              ORDER BY d.created_at LIMIT $2)",
    )
    .bind(KEPT_DAYS)
    .bind(FORGOTTEN)
    .execute(pool)
    .await?;
    Ok(removed.rows_affected() < FORGOTTEN.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_again_less_and_less_often() {
        for (attempts, seconds) in [(1, 2.0), (2, 4.0), (5, 32.0), (30, 3600.0)] {
            let wait = backoff(attempts).as_secs_f64() / seconds;
            assert!((0.79..=1.21).contains(&wait), "{attempts}: {wait}");
        }
    }
}
