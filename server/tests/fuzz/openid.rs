//! What an identity provider answers: its description of itself, its keys, what it gives for a
//! code, and what its tokens say.

use rowcast::auth::openid::{
    Address, Exchanged,
    flow::{Flow, Kind},
    id_token::{self, Expected},
    keys::Keys,
    metadata::Metadata,
};
use serde_json::{Value, json};

use crate::{keys::Key, mutate::broken, trial::Trial};

const ISSUER: &str = "https://id.example.com/realms/x";

const CLIENT: &str = "rowcast";

const NONCE: &str = "n-0S6_WzA2Mj";

const NOW: i64 = 1_700_000_000;

fn issuer() -> Address {
    Address::issuer(ISSUER).unwrap()
}

fn expected() -> Expected<'static> {
    Expected {
        issuer: ISSUER,
        client_id: CLIENT,
        nonce: NONCE,
        now: NOW,
    }
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": [CLIENT], "azp": CLIENT, "sub": "248289761001", "nonce": NONCE,
        "iat": NOW, "exp": NOW + 300, "nbf": NOW, "preferred_username": "Ann", "groups": ["a", "b"],
        "email": "ann@example.com", "email_verified": true,
    })
}

/// Keys of each kind, and the set in which their owner publishes them.
fn own_keys() -> (Vec<(&'static str, Key)>, String) {
    let keys = vec![
        ("rsa", Key::rsa()),
        ("ec", Key::p256()),
        ("ed", Key::ed25519()),
    ];
    let public: Vec<Value> = keys.iter().map(|(id, key)| key.public(id)).collect();
    (keys, json!({"keys": public}).to_string())
}

fn head(id: &str, key: &Key) -> Value {
    json!({"alg": key.algorithm(), "kid": id})
}

/// Whatever it says of itself, it is the one that was asked for, and no address is unencrypted or
/// holds what ends a header.
#[test]
fn descriptions() {
    let whole = json!({
        "issuer": ISSUER,
        "authorization_endpoint": format!("{ISSUER}/authorize?a=b"),
        "token_endpoint": format!("{ISSUER}/token"),
        "jwks_uri": "https://keys.example.com:8443/keys",
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "authorization_response_iss_parameter_supported": true,
    })
    .to_string();
    let plain = whole.replace("https://", "http://");
    assert!(Metadata::read(whole.as_bytes(), &issuer()).is_ok());
    assert!(Metadata::read(plain.as_bytes(), &issuer()).is_err());
    let corpus = [whole.as_bytes(), plain.as_bytes(), b"{\"issuer\":[]}"];
    Trial::new().run(
        |random| broken(random, &corpus),
        |input| {
            let Ok(metadata) = Metadata::read(input, &issuer()) else {
                return Ok(());
            };
            // A number that nobody reads may be larger than any.
            let Ok(said) = serde_json::from_slice::<Value>(input) else {
                return Ok(());
            };
            if said["issuer"] != ISSUER {
                return Err("it is of another".to_owned());
            }
            let addresses = [&metadata.authorization, &metadata.token, &metadata.keys];
            for address in addresses.map(Address::as_str) {
                let has_user = address
                    .split('/')
                    .nth(2)
                    .is_some_and(|host| host.contains('@'));
                let is_plain = address.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
                if !address.to_ascii_lowercase().starts_with("https://") || !is_plain || has_user {
                    return Err(format!("it leads to {address}"));
                }
            }
            Ok(())
        },
    );
}

/// Whatever is published, there are as many keys as it says at most, and none signs what it has
/// not signed.
#[test]
fn published_keys() {
    let (keys, whole) = own_keys();
    assert_eq!(Keys::read(whole.as_bytes()).unwrap().len(), 3);
    let (id, key) = &keys[1];
    let unsigned = format!("{}AAAA", key.token(&head(id, key), b"{}"));
    let corpus = [whole.as_bytes(), br#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#];
    Trial::new().run(
        |random| broken(random, &corpus),
        |input| {
            let Some(read) = Keys::read(input) else {
                return Ok(());
            };
            if read.len() > 100 {
                return Err("they are too many".to_owned());
            }
            match id_token::read(&unsigned, &read, &expected()) {
                Ok(_) => Err("one has signed what nobody has".to_owned()),
                Err(_) => Ok(()),
            }
        },
    );
}

/// What is given for a code holds the token that it says, or none.
#[test]
fn exchanges() {
    let whole = r#"{"access_token":"x","token_type":"Bearer","expires_in":300,"id_token":"a.b.c"}"#;
    assert_eq!(Exchanged::read(whole.as_bytes()).as_deref(), Some("a.b.c"));
    let corpus = [
        whole.as_bytes(),
        br#"{"error":"invalid_grant","error_description":"x"}"#,
        br#"{"id_token":null,"token_type":["Bearer"]}"#,
    ];
    Trial::new().run(
        |random| broken(random, &corpus),
        |input| {
            let Some(token) = Exchanged::read(input) else {
                return Ok(());
            };
            // A number that nobody reads may be larger than any.
            let Ok(said) = serde_json::from_slice::<Value>(input) else {
                return Ok(());
            };
            match said["id_token"] == token {
                true => Ok(()),
                false => Err("it is another token".to_owned()),
            }
        },
    );
}

/// A token that was changed in any place is not believed.
#[test]
fn tokens() {
    let (keys, public) = own_keys();
    let public = Keys::read(public.as_bytes()).unwrap();
    let claims = claims().to_string();
    let mut whole: Vec<String> = keys
        .iter()
        .map(|(id, key)| key.token(&head(id, key), claims.as_bytes()))
        .collect();
    for token in &whole {
        assert!(id_token::read(token, &public, &expected()).is_ok());
    }
    let genuine = whole.clone();
    // Well formed, and signed by nobody or by what everybody knows.
    whole.push(Key::Nothing.token(&json!({"alg": "none"}), claims.as_bytes()));
    for (id, key) in &keys {
        let shared = Key::Shared(key.public_bytes());
        whole.push(shared.token(&head(id, &shared), claims.as_bytes()));
        whole.push(shared.token(&head(id, key), claims.as_bytes()));
    }
    let corpus: Vec<&[u8]> = whole.iter().map(|token| token.as_bytes()).collect();
    Trial::new().run(
        |random| broken(random, &corpus),
        |input| {
            let token = String::from_utf8_lossy(input);
            let is_genuine = genuine.iter().any(|whole| *whole == token);
            match id_token::read(&token, &public, &expected()) {
                Ok(_) if !is_genuine => Err("it is believed".to_owned()),
                Err(error) if is_genuine => Err(format!("it is not believed: {error}")),
                _ => Ok(()),
            }
        },
    );
}

/// Whatever a provider signs, it is believed only where it is for this client, this sign-in and
/// this time.
#[test]
fn claims_that_are_signed() {
    let (keys, public) = own_keys();
    let public = Keys::read(public.as_bytes()).unwrap();
    let whole = claims().to_string();
    let others = json!({
        "iss": "https://id.example.com", "aud": ["other", CLIENT], "azp": "other", "nonce": "",
        "exp": 1e300, "iat": -1, "sub": "x".repeat(300),
    })
    .to_string();
    let (id, key) = &keys[2];
    let corpus = [whole.as_bytes(), others.as_bytes()];
    Trial::new().run(
        |random| broken(random, &corpus),
        |input| {
            let token = key.token(&head(id, key), input);
            let Ok(believed) = id_token::read(&token, &public, &expected()) else {
                return Ok(());
            };
            let said: Value = serde_json::from_slice(input).map_err(|error| error.to_string())?;
            let is_for_us = said["aud"] == CLIENT
                || said["aud"].as_array().is_some_and(|all| {
                    all.iter().any(|one| one == CLIENT) && (all.len() == 1 || said["azp"] == CLIENT)
                });
            let is_of_now = said["exp"]
                .as_f64()
                .is_some_and(|exp| exp + 60.0 > NOW as f64)
                && said["iat"]
                    .as_f64()
                    .is_some_and(|iat| (iat - NOW as f64).abs() < 662.0);
            let is_right =
                said["iss"] == ISSUER && said["nonce"] == NONCE && is_for_us && is_of_now;
            let names = believed["sub"].as_str().is_some_and(|sub| !sub.is_empty());
            match is_right && names {
                true => Ok(()),
                false => Err("it is believed".to_owned()),
            }
        },
    );
}

/// What a browser has of a sign-in is its own, or none: whatever was changed, the provider's answer
/// is another's.
#[test]
fn flows() {
    let whole = Flow::begin(Kind::SignIn, "/tables/t?a=eq.1", NOW);
    let corpus = [whole.cookie().as_bytes(), b"...", b"A.1.l7.Lw"];
    Trial::new().run(
        |random| broken(random, &corpus),
        |input| {
            let text = String::from_utf8_lossy(input);
            let Some(flow) = Flow::read(&text, NOW) else {
                return Ok(());
            };
            if !flow.next.starts_with('/') || flow.next.starts_with("//") {
                return Err(format!("it leads to {}", flow.next));
            }
            match (text == whole.cookie(), flow.state() == whole.state()) {
                (true, true) | (false, false) => Ok(()),
                _ => Err("its state is another's".to_owned()),
            }
        },
    );
}
