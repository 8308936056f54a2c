//! An array of images, as it came: a list of huge rows is not copied to be looked at.

use sqlx::{
    Decode, Postgres, Type,
    error::BoxDynError,
    postgres::{PgTypeInfo, PgValueFormat, PgValueRef},
};

/// The elements of a `bytea[]` in their order, of the bytes that the answer itself holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Images<'r>(pub Vec<Option<&'r [u8]>>);

impl Type<Postgres> for Images<'_> {
    fn type_info() -> PgTypeInfo {
        <Vec<Vec<u8>> as Type<Postgres>>::type_info()
    }
}

impl<'r> Decode<'r, Postgres> for Images<'r> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => elements(value.as_bytes()?).ok_or_else(|| NOT_ONE.into()),
            PgValueFormat::Text => Err(NOT_ONE.into()),
        }
    }
}

const NOT_ONE: &str = "no array of images";

/// PostgreSQL's binary form (`array_send`): how many dimensions, whether there are NULLs, the
/// type of the elements; of each dimension its length and where it begins; each element behind
/// its length, which is -1 for NULL.
fn elements(mut bytes: &[u8]) -> Option<Images<'_>> {
    let dimensions = number(&mut bytes)?;
    let (_nulls, _type) = (number(&mut bytes)?, number(&mut bytes)?);
    let count = match dimensions {
        0 => 0,
        1 => {
            let (length, _begin) = (number(&mut bytes)?, number(&mut bytes)?);
            usize::try_from(length).ok()?
        }
        _ => return None,
    };
    let mut images = Vec::with_capacity(count.min(bytes.len() / 4));
    for _ in 0..count {
        images.push(match number(&mut bytes)? {
            -1 => None,
            length => {
                let (image, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
                bytes = rest;
                Some(image)
            }
        });
    }
    bytes.is_empty().then_some(Images(images))
}

fn number(bytes: &mut &[u8]) -> Option<i32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(i32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(head: &[i32], elements: &[Option<&[u8]>]) -> Vec<u8> {
        let mut bytes: Vec<u8> = head.iter().flat_map(|n| n.to_be_bytes()).collect();
        for element in elements {
            let length = element.map_or(-1, |e| e.len() as i32);
            bytes.extend(length.to_be_bytes());
            bytes.extend(element.unwrap_or_default());
        }
        bytes
    }

    #[test]
    fn elements_stand_in_their_order_and_null_is_none() {
        let all: [Option<&[u8]>; 4] = [Some(b"one"), None, Some(b""), Some(b"\xff\x00")];
        let bytes = array(&[1, 1, 17, 4, 1], &all);
        assert_eq!(elements(&bytes), Some(Images(all.to_vec())));
        assert_eq!(elements(&array(&[0, 0, 17], &[])), Some(Images(Vec::new())));
    }

    #[test]
    fn what_is_cut_off_or_too_long_or_of_other_shape_is_none() {
        let bytes = array(&[1, 0, 17, 2, 1], &[Some(b"one"), Some(b"two")]);
        for end in 0..bytes.len() {
            assert_eq!(elements(&bytes[..end]), None, "{end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(elements(&longer), None);
        assert_eq!(elements(&array(&[2, 0, 17, 1, 1, 1, 1], &[None])), None);
        assert_eq!(elements(&array(&[1, 0, 17, i32::MAX, 1], &[])), None);
        assert_eq!(elements(&array(&[1, 0, 17, -1, 1], &[])), None);
    }
}
