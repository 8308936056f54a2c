//! What a provider says of itself (OpenID Connect Discovery 1.0).

use serde::Deserialize;

use super::{Address, read_json};

/// What a provider says of itself, as far as it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Where browsers are sent.
    pub authorization: Address,
    /// Where a code is exchanged.
    pub token: Address,
    /// Where its keys are.
    pub keys: Address,
    /// Whether its answers say of whom they are (RFC 9207).
    pub names_itself: bool,
    /// Whether the secret is sent in the form, for it takes it in no header.
    pub secret_in_form: bool,
}

/// Why what a provider says of itself is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// It is something else.
    #[error("the provider's description of itself can't be read")]
    Unreadable,
    /// It is of somebody else.
    #[error("the provider names itself otherwise than ROWCAST_OPENID_ISSUER")]
    Issuer,
    /// One of its addresses can't be asked.
    #[error("an address of the provider's can't be asked: {0}")]
    Address(&'static str),
    /// It does not know of PKCE.
    #[error("the provider offers code challenges, but not S256")]
    Challenge,
}

#[derive(Deserialize)]
struct Described {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    code_challenge_methods_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Reads what the provider of that name said.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn read(bytes: &[u8], issuer: &Address) -> Result<Self, MetadataError> {
        let described: Described = read_json(bytes).ok_or(MetadataError::Unreadable)?;
        if described.issuer != issuer.as_str() {
            return Err(MetadataError::Issuer);
        }
        let challenges = described.code_challenge_methods_supported;
        // Who says nothing of them may know them all the same.
        if challenges.is_some_and(|known| !known.iter().any(|method| method == "S256")) {
            return Err(MetadataError::Challenge);
        }
        let address = |text: &str| issuer.of(text).map_err(MetadataError::Address);
        let methods = described.token_endpoint_auth_methods_supported;
        let offers = |name: &str| {
            let mut methods = methods.iter().flatten();
            methods.any(|method| method == name)
        };
        Ok(Self {
            authorization: address(&described.authorization_endpoint)?,
            token: address(&described.token_endpoint)?,
            keys: address(&described.jwks_uri)?,
            names_itself: described.authorization_response_iss_parameter_supported,
            secret_in_form: offers("client_secret_post") && !offers("client_secret_basic"),
        })
    }
}
