//! What is written.

use sqlx::{AssertSqlSafe, Connection, PgConnection, raw_sql};
use tokio::time::Interval;

use crate::{
    queries::{ACCOUNTS, ITEMS},
    random::Random,
};

/// Commits something.
///
/// # Errors
/// If the database refuses it, or is away.
pub async fn transact(
    connection: &mut PgConnection,
    random: &mut Random,
    pace: &mut Interval,
) -> Result<(), sqlx::Error> {
    if random.below(50) > 0 {
        // What is sent at once is one transaction.
        return run(connection, statements(random)).await;
    }
    // One that stays open while others that began later are committed.
    let mut open = connection.begin().await?;
    run(&mut open, statements(random)).await?;
    pace.tick().await;
    run(&mut open, transfer(random)).await?;
    open.commit().await
}

/// Runs statements; several are one transaction.
///
/// # Errors
/// If the database refuses them, or is away.
pub async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

fn statements(random: &mut Random) -> String {
    let item = random.below(ITEMS);
    match random.below(100) {
        0..45 => transfer(random),
        45..67 => {
            let rank = random.below(1000);
            format!("UPDATE item SET rank = {rank} WHERE id = {item}")
        }
        67..77 => {
            let (kind, rank) = (random.below(6), random.below(1000));
            format!(
                "INSERT INTO item VALUES ({item}, {kind}, {rank}, substr(md5('{rank}'), 1, 6)) \
                 ON CONFLICT (id) DO UPDATE SET rank = excluded.rank, title = excluded.title"
            )
        }
        77..84 => format!("DELETE FROM item WHERE id = {item}"),
        84..91 => {
            let to = random.below(ITEMS);
            format!(
                "UPDATE item SET id = {to} WHERE id = {item} \
                    AND NOT EXISTS (SELECT FROM item WHERE id = {to})"
            )
        }
        91..95 => "DELETE FROM entry WHERE id < (SELECT max(id) - 500 FROM entry)".to_owned(),
        95..98 => format!(
            "UPDATE item SET rank = (rank + 7) % 1000 WHERE id BETWEEN {item} AND {item} + 20"
        ),
        // Nothing of it is to be seen but the transfer.
        _ => format!(
            "BEGIN; SAVEPOINT before; DELETE FROM item WHERE kind = 3; ROLLBACK TO before; {}; \
             COMMIT",
            transfer(random)
        ),
    }
}

/// Some of what one account holds goes to another one.
fn transfer(random: &mut Random) -> String {
    let from = 1 + random.below(ACCOUNTS);
    let to = 1 + (from + random.below(ACCOUNTS - 1)) % ACCOUNTS;
    let amount = 1 + random.below(20);
    let mut updates = [(from, "-"), (to, "+")];
    // In one order, so that no two wait for each other.
    updates.sort_unstable();
    let updates = updates.map(|(account, sign)| {
        format!("UPDATE account SET balance = balance {sign} {amount} WHERE id = {account}; ")
    });
    format!(
        "{}INSERT INTO entry (account, amount) VALUES ({from}, -{amount}), ({to}, {amount})",
        updates.concat()
    )
}
