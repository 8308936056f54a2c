//! What a provider says of somebody, signed (OpenID Connect Core 1.0, 3.1.3.7).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    keys::{Algorithm, Keys},
    read_json,
};

/// The most bytes of a token.
pub const TOKEN_MAX: usize = 64 * 1024;

/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;

/// How old a token may be, in seconds: it is made for the code that was sent just now.
const AGE: i64 = 600;

/// The most characters of the name that a provider has for somebody.
const SUBJECT_MAX: usize = 255;

/// What is said of somebody.
pub type Claims = Map<String, Value>;

/// Whose a token has to be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who made it.
    pub issuer: &'a str,
    /// For whom.
    pub client_id: &'a str,
    /// For which sign-in.
    pub nonce: &'a str,
    /// The time, in seconds since 1970.
    pub now: i64,
}

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is larger than any.
    #[error("the token is larger than 64 KiB")]
    TooLarge,
    /// It is none.
    #[error("the token can't be read")]
    Unreadable,
    /// It is signed by nothing that is taken.
    #[error("the token is signed by none of RS256, ES256 and EdDSA")]
    Algorithm,
    /// There is no such key.
    #[error("the provider has no such key as the token names")]
    UnknownKey,
    /// It is not signed by the key that it names.
    #[error("the token's signature is not the provider's")]
    Signature,
    /// Somebody else made it.
    #[error("the token is of another issuer")]
    Issuer,
    /// It is for somebody else.
    #[error("the token is for another client")]
    Audience,
    /// It is not of this time.
    #[error("the token is too old, or of the future")]
    Time,
    /// It is for another sign-in.
    #[error("the token is for another sign-in")]
    Nonce,
    /// It says of nobody.
    #[error("the token names nobody")]
    Subject,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    /// What has to be understood to read it: nothing of it is.
    crit: Option<Value>,
}

/// What a token says, if it is signed by one of the keys and is what is expected.
///
/// # Errors
/// Why it is not believed; [`TokenError::UnknownKey`] where other keys might help.
pub fn read(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<Claims, TokenError> {
    if token.len() > TOKEN_MAX {
        return Err(TokenError::TooLarge);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Unreadable)?;
    let (head, claims) = message.split_once('.').ok_or(TokenError::Unreadable)?;
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
    let head: Option<Head> = decode(head).and_then(|head| read_json(&head));
    let head = head.ok_or(TokenError::Unreadable)?;
    let algorithm = Algorithm::named(&head.alg).ok_or(TokenError::Algorithm)?;
    if head.crit.is_some() {
        return Err(TokenError::Unreadable);
    }
    let key = keys.find(head.kid.as_deref(), algorithm);
    let key = key.ok_or(TokenError::UnknownKey)?;
    let signature = decode(signature).ok_or(TokenError::Unreadable)?;
    if !key.has_signed(message.as_bytes(), &signature) {
        return Err(TokenError::Signature);
    }
    // What it says is looked at only now that it is known who says it.
    let claims: Option<Claims> = decode(claims).and_then(|claims| read_json(&claims));
    let claims = claims.ok_or(TokenError::Unreadable)?;
    check(&claims, expected)?;
    Ok(claims)
}

fn check(claims: &Claims, expected: &Expected<'_>) -> Result<(), TokenError> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.issuer) {
        return Err(TokenError::Issuer);
    }
    if !is_for(claims, expected.client_id) {
        return Err(TokenError::Audience);
    }
    let time = |name: &str| match claims.get(name) {
        None => Ok(None),
        // Some write parts of seconds.
        Some(value) => match value.as_f64() {
            Some(time) if (0.0..1e12).contains(&time) => Ok(Some(time as i64)),
            _ => Err(TokenError::Time),
        },
    };
    let (until, made) = (time("exp")?, time("iat")?);
    let (until, made) = (
        until.ok_or(TokenError::Time)?,
        made.ok_or(TokenError::Time)?,
    );
    let now = expected.now;
    let is_of_now = now < until + LEEWAY
        && made <= now + LEEWAY
        && now <= made + AGE + LEEWAY
        && time("nbf")?.is_none_or(|from| from <= now + LEEWAY);
    if !is_of_now {
        return Err(TokenError::Time);
    }
    if text("nonce") != Some(expected.nonce) {
        return Err(TokenError::Nonce);
    }
    match text("sub") {
        Some(subject)
            if (1..=SUBJECT_MAX).contains(&subject.len())
                && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)) =>
        {
            Ok(())
        }
        _ => Err(TokenError::Subject),
    }
}

/// Whether it is for this client: of several that it is for, it has to say that this one asked.
fn is_for(claims: &Claims, client_id: &str) -> bool {
    let (is_among, is_alone) = match claims.get("aud") {
        Some(Value::String(one)) => (one == client_id, true),
        Some(Value::Array(all)) => (
            all.iter().any(|one| one.as_str() == Some(client_id)),
            all.len() == 1,
        ),
        _ => (false, false),
    };
    is_among
        && match claims.get("azp") {
            None => is_alone,
            Some(asked) => asked.as_str() == Some(client_id),
        }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn checked(change: impl FnOnce(&mut Value)) -> Result<(), TokenError> {
        let mut claims = json!({
            "iss": "https://id.example.com", "aud": "rowcast", "sub": "7", "nonce": "n",
            "exp": NOW + 300, "iat": NOW,
        });
        change(&mut claims);
        let expected = Expected {
            issuer: "https://id.example.com",
            client_id: "rowcast",
            nonce: "n",
            now: NOW,
        };
        check(claims.as_object().expect("an object"), &expected)
    }

    #[test]
    fn a_token_is_of_this_issuer_for_this_client_and_this_sign_in() {
        assert_eq!(checked(|_| {}), Ok(()));
        type Change = fn(&mut Value);
        let wrong: [(TokenError, Change); 24] = [
            (TokenError::Issuer, |c| c["iss"] = json!(null)),
            (TokenError::Issuer, |c| {
                c["iss"] = json!("https://id.example.com/")
            }),
            (TokenError::Issuer, |c| {
                c["iss"] = json!(["https://id.example.com"])
            }),
            (TokenError::Audience, |c| c["aud"] = json!("other")),
            (TokenError::Audience, |c| c["aud"] = json!([])),
            (TokenError::Audience, |c| {
                c["aud"] = json!({"rowcast": true})
            }),
            (TokenError::Audience, |c| {
                c["aud"] = json!(["rowcast", "other"])
            }),
            (TokenError::Audience, |c| c["azp"] = json!("other")),
            (TokenError::Audience, |c| c["azp"] = json!(null)),
            (TokenError::Time, |c| c["exp"] = json!(null)),
            (TokenError::Time, |c| c["exp"] = json!("2099")),
            (TokenError::Time, |c| c["exp"] = json!(-1)),
            (TokenError::Time, |c| c["exp"] = json!(1e300)),
            (TokenError::Time, |c| c["exp"] = json!(NOW - 60)),
            (TokenError::Time, |c| c["iat"] = json!(null)),
            (TokenError::Time, |c| c["iat"] = json!(NOW + 61)),
            (TokenError::Time, |c| c["iat"] = json!(NOW - 661)),
            (TokenError::Time, |c| c["nbf"] = json!(NOW + 61)),
            (TokenError::Nonce, |c| c["nonce"] = json!("other")),
            (TokenError::Nonce, |c| c["nonce"] = json!(null)),
            (TokenError::Subject, |c| c["sub"] = json!("")),
            (TokenError::Subject, |c| c["sub"] = json!(7)),
            (TokenError::Subject, |c| c["sub"] = json!("a\u{0}b")),
            (TokenError::Subject, |c| c["sub"] = json!("x".repeat(256))),
        ];
        for (at, (error, change)) in wrong.into_iter().enumerate() {
            assert_eq!(checked(change), Err(error), "{at}");
        }
    }

    #[test]
    fn clocks_may_be_apart_a_little_and_audiences_several() {
        type Change = fn(&mut Value);
        let right: [Change; 6] = [
            |c| c["exp"] = json!(NOW - 59),
            |c| c["exp"] = json!(NOW as f64 + 0.5),
            |c| c["iat"] = json!(NOW + 60),
            |c| c["iat"] = json!(NOW - 600),
            |c| c["aud"] = json!(["rowcast"]),
            |c| {
                c["aud"] = json!(["other", "rowcast"]);
                c["azp"] = json!("rowcast");
            },
        ];
        for (at, change) in right.into_iter().enumerate() {
            assert_eq!(checked(change), Ok(()), "{at}");
        }
    }
}
