//! The keys that a provider signs by (RFC 7517).

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::read_json;

/// How many keys of a provider are looked at.
const MOST: usize = 100;

/// By what a token may be signed. Neither by nothing, nor by a secret that is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with PKCS#1 v1.5 and SHA-256, of 2048 bits or more.
    Rs256,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// A provider's keys.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Key>);

/// One of them.
#[derive(Clone, Debug)]
pub struct Key {
    id: Option<String>,
    public: Public,
}

#[derive(Clone, Debug)]
enum Public {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Written {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Keys {
    /// Reads a set of keys; those that sign nothing that is taken are passed over. `None` if it
    /// is no set.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let set: Set = read_json(bytes)?;
        let written = set.keys.into_iter().take(MOST);
        let written = written.filter_map(|key| serde_json::from_value::<Written>(key).ok());
        Some(Self(written.filter_map(Key::of).collect()))
    }

    /// The key of that name for tokens that are signed so. A token that names none is of the only
    /// key there is for it.
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut found = self.0.iter().filter(|key| {
            key.algorithm() == algorithm && (id.is_none() || key.id.as_deref() == id)
        });
        let first = found.next();
        // Of two that have one name neither is meant.
        first.filter(|_| found.next().is_none())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Key {
    fn of(written: Written) -> Option<Self> {
        let bytes = |text: &Option<String>| BASE64_URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
        let point = |text| bytes(text).filter(|bytes| bytes.len() == 32);
        let curve = written.crv.as_deref();
        let public = match (written.kty.as_str(), curve) {
            ("RSA", _) => Public::Rsa {
                n: bytes(&written.n)?,
                e: bytes(&written.e)?,
            },
            ("EC", Some("P-256")) => {
                let (x, y) = (point(&written.x)?, point(&written.y)?);
                Public::P256([&[4], &x[..], &y[..]].concat())
            }
            ("OKP", Some("Ed25519")) => Public::Ed25519(point(&written.x)?),
            _ => return None,
        };
        let key = Self {
            id: written.kid,
            public,
        };
        let signs = written.purpose.is_none_or(|purpose| purpose == "sig")
            && written
                .key_ops
                .is_none_or(|ops| ops.iter().any(|op| op == "verify"))
            && written
                .alg
                .is_none_or(|name| name == key.algorithm().name());
        signs.then_some(key)
    }

    fn algorithm(&self) -> Algorithm {
        match self.public {
            Public::Rsa { .. } => Algorithm::Rs256,
            Public::P256(_) => Algorithm::Es256,
            Public::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Whether it has signed that.
    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let checked = match &self.public {
            Public::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
            Public::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Public::Ed25519(point) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
        };
        checked.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(keys: &Value) -> Keys {
        Keys::read(json!({"keys": keys}).to_string().as_bytes()).expect("a set")
    }

    #[test]
    fn keys_that_sign_nothing_that_is_taken_are_passed_over() {
        let x = "A".repeat(43);
        let ec = json!({"kty": "EC", "crv": "P-256", "kid": "a", "x": x, "y": x});
        let with = |name: &str, value: &str| {
            let mut key = ec.clone();
            key[name] = json!(value);
            key
        };
        assert_eq!(read(&json!([ec])).len(), 1);
        assert_eq!(read(&json!([with("use", "sig")])).len(), 1);
        for other in [
            json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}),
            json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
            json!({"kty": "RSA", "n": "AA"}),
            json!(7),
            with("use", "enc"),
            with("alg", "RS256"),
            with("alg", "HS256"),
            with("crv", "P-384"),
            with("kty", "OKP"),
        ] {
            assert!(read(&json!([other])).is_empty(), "{other}");
        }
        assert!(Keys::read(b"{}").is_none());
    }

    #[test]
    fn a_token_that_names_no_key_is_of_the_only_one() {
        let x = "A".repeat(43);
        let key = |id: &str| json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x});
        let one = read(&json!([key("a")]));
        assert!(one.find(None, Algorithm::EdDsa).is_some());
        assert!(one.find(None, Algorithm::Es256).is_none());
        assert!(one.find(Some("b"), Algorithm::EdDsa).is_none());
        let two = read(&json!([key("a"), key("b")]));
        assert!(two.find(None, Algorithm::EdDsa).is_none());
        assert!(two.find(Some("b"), Algorithm::EdDsa).is_some());
        let same = read(&json!([key("a"), key("a")]));
        assert!(same.find(Some("a"), Algorithm::EdDsa).is_none());
    }
}
