//! That what stands in the stream is from a server of the same database: whoever may write to the
//! bus alone can't say what it holds.

use std::{fmt, sync::Arc};

use ring::hmac;
use sqlx::PgConnection;

/// How many bytes a signature has.
const BYTES: usize = 32;

/// How many bytes say in which history something is.
const EPOCH: usize = size_of::<u64>();

/// What entries are signed with: known to who may read the table `rowcast.state`.
#[derive(Clone)]
pub struct Key(Arc<hmac::Key>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// One of a secret.
    pub fn new(secret: &[u8]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))
    }

    /// That of a database.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn read(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let secret: Vec<u8> = sqlx::query_scalar("SELECT bus_secret FROM rowcast.state")
            .fetch_one(connection)
            .await?;
        Ok(Self::new(&secret))
    }

    /// Adds to what is written in a history that it is, and a signature.
    pub fn sign(&self, epoch: u64, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.extend(epoch.to_be_bytes());
        let signature = hmac::sign(&self.0, &bytes);
        bytes.extend(signature.as_ref());
        bytes
    }

    /// What was signed; nothing if it was not, or not with this key, or for another history.
    pub fn signed<'a>(&self, epoch: u64, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (said, signature) = bytes.split_at_checked(bytes.len().checked_sub(BYTES)?)?;
        hmac::verify(&self.0, said, signature).ok()?;
        let (written, in_history) = said.split_at_checked(said.len().checked_sub(EPOCH)?)?;
        (in_history == epoch.to_be_bytes()).then_some(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_signed_with_the_key_for_the_history_is_taken() {
        let key = Key::new(&[1; 32]);
        for written in [Vec::new(), vec![7], vec![7; 1_000]] {
            let signed = key.sign(3, written.clone());
            assert_eq!(key.signed(3, &signed), Some(written.as_slice()));
            assert_eq!(key.signed(4, &signed), None);
            assert_eq!(Key::new(&[2; 32]).signed(3, &signed), None);
            for at in 0..signed.len() {
                let mut changed = signed.clone();
                changed[at] ^= 1;
                assert_eq!(key.signed(3, &changed), None, "{at}");
                assert_eq!(key.signed(3, &signed[..at]), None, "{at}");
                assert_eq!(key.signed(3, &signed[at + 1..]), None, "{at}");
            }
            let longer = [signed, vec![0]].concat();
            assert_eq!(key.signed(3, &longer), None);
        }
        assert_eq!(format!("{key:?}"), "Key");
    }
}
