//! Images in posts.

use bytes::Bytes;
use rowcast_protocol::ApiError;
use sqlx::{PgPool, Row};

use super::Channel;
use crate::{
    auth::{AccountId, Identity},
    error::{read_error, write_error},
};

/// The most bytes of one.
pub const IMAGE_BYTES: usize = 4 * 1024 * 1024;

/// The most bytes that an account brings within a day.
const DAY_BYTES: i64 = 64 * 1024 * 1024;

/// An image.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its media type: one of a few.
    pub kind: &'static str,
    /// It.
    pub bytes: Vec<u8>,
}

/// What an image is by its first bytes, whatever it is said to be.
fn kind(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        _ => None,
    }
}

/// Keeps an image for a post that is about to be written, and says its number.
///
/// # Errors
/// `not_allowed`, `invalid_image`, `too_many_images`; those of a write.
pub async fn add(
    pool: &PgPool,
    channel: &Channel,
    account: AccountId,
    bytes: &Bytes,
) -> Result<i64, ApiError> {
    if !channel.may_post {
        return Err(ApiError::new("not_allowed", "you may not post here", ""));
    }
    let Some(kind) = kind(bytes).filter(|_| bytes.len() <= IMAGE_BYTES) else {
        return Err(ApiError::new(
            "invalid_image",
            "that is no image that can be shown",
            "PNG, JPEG, WebP or GIF, at most 4 MiB",
        ));
    };
    let added: Option<i64> = sqlx::query_scalar(
        "INSERT INTO rowcast.post_image (channel, account, kind, bytes) \
         SELECT $1::int8, $2::int8, $3::text, $4::bytea \
          WHERE (SELECT coalesce(sum(octet_length(i.bytes)), 0) FROM rowcast.post_image i \
                  WHERE i.account = $2 AND i.at > now() - interval '1 day') + octet_length($4) <= $5 \
         RETURNING id",
    )
    .bind(channel.id)
    .bind(account.0)
    .bind(kind)
    .bind(&bytes[..])
    .bind(DAY_BYTES)
    .fetch_optional(pool)
    .await
    .map_err(|error| write_error(&error))?;
    added.ok_or_else(|| {
        ApiError::new(
            "too_many_images",
            "you have brought as many images as one may within a day",
            "64 MiB",
        )
    })
}

/// An image, if whoever asks is in its channel.
///
/// # Errors
/// `no_account`, `unknown_image`; those of a read.
pub async fn image(pool: &PgPool, identity: &Identity, id: i64) -> Result<Image, ApiError> {
    let (account, _) = super::participant(identity)?;
    let row = sqlx::query(
        "SELECT i.bytes FROM rowcast.post_image i \
          WHERE i.id = $1 AND rowcast.is_in_channel($2, i.channel) \
            AND (i.post IS NOT NULL OR i.account = $2)",
    )
    .bind(id)
    .bind(account.0)
    .fetch_optional(pool)
    .await;
    let found = row.and_then(|row| row.map(|row| row.try_get::<Vec<u8>, _>(0)).transpose());
    let bytes = found.map_err(|error| read_error(&error, ""))?;
    bytes
        .and_then(|bytes| {
            Some(Image {
                kind: kind(&bytes)?,
                bytes,
            })
        })
        .ok_or_else(|| ApiError::new("unknown_image", "there is no such image", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_image_is_its_first_bytes_say() {
        assert_eq!(kind(b"\x89PNG\r\n\x1a\nrest"), Some("image/png"));
        assert_eq!(kind(b"RIFF\x01\x02\x03\x04WEBPVP8 "), Some("image/webp"));
        assert_eq!(kind(b"GIF89a"), Some("image/gif"));
        for other in [
            &b"<svg xmlns='http://www.w3.org/2000/svg'>"[..],
            b"GIF",
            b"",
            b"RIFF1234WAVE",
        ] {
            assert_eq!(kind(other), None);
        }
    }
}
