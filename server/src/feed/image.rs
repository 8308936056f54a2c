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

/// The most images that an account brings within a day.
const DAY_IMAGES: i64 = 500;

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
        [0xff, 0xd8, 0xff, ..] if is_jpeg(bytes) => Some("image/jpeg"),
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

/// Whether the segments of a JPEG say what is in it, up to where that begins: its first three bytes
/// alone are those of much else.
fn is_jpeg(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut has_frame = false;
    while let [0xff, kind, after @ ..] = rest {
        rest = match kind {
            // Any number of these may be before one.
            0xff => &rest[1..],
            0x01 | 0xd0..=0xd7 => after,
            // The image itself.
            0xda => return has_frame && after.len() > 2,
            _ => {
                let [high, low, ..] = after else {
                    return false;
                };
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                has_frame |= matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc);
                match after.get(length..) {
                    Some(next) if length >= 2 => next,
                    _ => return false,
                }
            }
        };
    }
    false
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
    let added = insert(pool, channel, account, kind, bytes).await;
    let added = added.map_err(|error| write_error(&error))?;
    added.ok_or_else(|| {
        ApiError::new(
            "too_many_images",
            "you have brought as many images as one may within a day",
            format!("64 MiB, and {DAY_IMAGES} of them"),
        )
    })
}

/// `None`: there are too many.
async fn insert(
    pool: &PgPool,
    channel: &Channel,
    account: AccountId,
    kind: &str,
    bytes: &Bytes,
) -> Result<Option<i64>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // Two at a time would count the same ones; a statement of its own, for one that waits counts what
    // was there before.
    sqlx::query(
        "SELECT pg_advisory_xact_lock(hashtextextended('rowcast.post_image ' || $1::int8, 0))",
    )
    .bind(account.0)
    .execute(&mut *transaction)
    .await?;
    let added = sqlx::query_scalar(
        "INSERT INTO rowcast.post_image (channel, account, kind, bytes) \
         SELECT $1::int8, $2::int8, $3::text, $4::bytea \
          WHERE (SELECT coalesce(sum(octet_length(i.bytes)), 0) + octet_length($4) <= $5 AND count(*) < $6 \
                   FROM rowcast.post_image i \
                  WHERE i.account = $2 AND i.at > now() - interval '1 day') \
         RETURNING id",
    )
    .bind(channel.id)
    .bind(account.0)
    .bind(kind)
    .bind(&bytes[..])
    .bind(DAY_BYTES)
    .bind(DAY_IMAGES)
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(added)
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
        let jpeg =
            b"\xff\xd8\xff\xe0\x00\x04JF\xff\xc0\x00\x05\x08\x00\x01\xff\xda\x00\x02x\xff\xd9";
        assert_eq!(kind(jpeg), Some("image/jpeg"));
        for other in [
            &jpeg[..3],
            &jpeg[..15],
            b"\xff\xd8\xff<script>alert(1)</script>",
            b"\xff\xd8\xff\xe0\x00\x00\xff\xda\x00\x02x",
            b"\xff\xd8\xff\xda\x00\x02x",
            &b"<svg xmlns='http://www.w3.org/2000/svg'>"[..],
            b"GIF",
            b"",
            b"RIFF1234WAVE",
        ] {
            assert_eq!(kind(other), None);
        }
    }
}
