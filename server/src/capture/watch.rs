//! Making tables live, and keeping their triggers fit for them.

use sqlx::{PgConnection, postgres::types::Oid};

/// Makes triggers fit the definitions of these relations, and forgets watched tables that are
/// gone.
pub async fn refresh(connection: &mut PgConnection, relations: &[u32]) -> Result<(), sqlx::Error> {
    let relations: Vec<Oid> = relations.iter().copied().map(Oid).collect();
    sqlx::query("SELECT rowcast.refresh($1)")
        .bind(relations)
        .execute(connection)
        .await?;
    Ok(())
}

/// The same for all that are watched.
pub async fn refresh_all(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT rowcast.refresh(NULL)")
        .execute(connection)
        .await?;
    Ok(())
}

/// Says that triggers could not be made to fit: the table is busy, or is not ours to alter.
///
/// # Errors
/// Gives back what is not the database's own answer.
pub fn tell_misfit(error: &sqlx::Error) -> Result<(), sqlx::Error> {
    if error.as_database_error().is_none() {
        return Err(sqlx::Error::WorkerCrashed);
    }
    tracing::warn!(
        reason = crate::error::sqlstate(error),
        "triggers do not fit their tables yet"
    );
    Ok(())
}
