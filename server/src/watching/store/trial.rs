//! Trying out a rule.

use rowcast_protocol::ApiError;
use serde_json::json;
use sqlx::Row;

use super::checks::unknown;
use crate::{
    auth::AccountId,
    error::write_error,
    state::AppState,
    watching::tell::{Delivery, SENDER},
};

/// How many tests of a rule are sent within a minute.
const TESTS: i64 = 6;

/// Tells a rule's owner, by every way that the rule tells, that this is a test.
///
/// # Errors
/// `unknown_watch`, `too_many_requests`; those of a write.
pub async fn test(state: &AppState, owner: AccountId, id: i64) -> Result<(), ApiError> {
    let tested = async {
        let mut transaction = state.housekeeping.begin().await?;
        let row = sqlx::query(
            "SELECT r.name, r.table_path, r.kind, \
                    (SELECT m.address FROM rowcast.account_mail m \
                      WHERE r.mail AND m.account = r.account AND m.confirmed_at IS NOT NULL), \
                    (SELECT substring(w.url from '^[a-z]+://([^/?#]*)') FROM rowcast.webhook w WHERE w.rule = r.id) \
               FROM rowcast.watch_rule r WHERE r.id = $1 AND r.account = $2",
        )
        .bind(id)
        .bind(owner.0)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else {
            return Ok(Err(unknown()));
        };
        let lately: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM rowcast.delivery d \
              WHERE d.rule = $1 AND d.content ? 'test' AND d.created_at > now() - interval '1 min'",
        )
        .bind(id)
        .fetch_one(&mut *transaction)
        .await?;
        if lately >= TESTS {
            return Ok(Err(ApiError::new(
                "too_many_requests",
                "the rule was tested several times within a minute",
                "try again in a minute",
            )));
        }
        let (name, table, kind): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let title = format!("{name}: this is a test");
        let body = "Nothing happened: somebody tried out this rule.";
        sqlx::query(
            "INSERT INTO rowcast.notification (account, title, body, link, sender) \
             VALUES ($1, $2, $3, '/watches', $4)",
        )
        .bind(owner.0)
        .bind(&title)
        .bind(body)
        .bind(SENDER)
        .execute(&mut *transaction)
        .await?;
        let content = json!({
            "test": true, "rule": {"id": id, "name": name, "kind": kind}, "table": table,
            "title": title, "body": body, "link": "/watches", "rows": 0,
        });
        let mail: Option<String> = row.try_get(3)?;
        let hook: Option<String> = row.try_get(4)?;
        for (channel, target) in [("mail", mail), ("webhook", hook)] {
            if let Some(target) = target {
                let delivery = Delivery {
                    rule: id,
                    account: owner.0,
                    channel,
                    target: &target,
                    wait: 0.0,
                    merges: false,
                };
                delivery.queue(&mut transaction, &content, 0).await?;
            }
        }
        transaction.commit().await?;
        Ok(Ok(()))
    };
    tested
        .await
        .map_err(|error: sqlx::Error| write_error(&error))??;
    state.watching.queued.notify_one();
    Ok(())
}
