//! What proves who a client is, and where it comes from: cookies, forwarded addresses.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use rowcast::{
    auth::{
        cookie::{self, Kind},
        secret::Secret,
    },
    peer::Peer,
    proxy::Proxies,
};

use crate::{mutate::broken, trial::Trial};

const FORWARDED: [&[u8]; 6] = [
    b"9.9.9.9",
    b"1.1.1.1, 9.9.9.9, 10.0.0.2",
    b"[2001:db8::7]:4711, 10.0.0.1",
    b"2001:db8::7",
    b"::ffff:9.9.9.9",
    b"unknown, _hidden, 127.0.0.1, 9.9.9.9:80",
];

/// Whoever writes what they like before a trusted proxy adds the client's address is still at that
/// address.
#[test]
fn forwarded_addresses() {
    let proxies = Proxies::parse("10.0.0.0/8").unwrap();
    let direct = Peer {
        address: [10, 0, 0, 1].into(),
        is_secure: false,
    };
    let client: IpAddr = [203, 0, 113, 9].into();
    Trial::new().run(
        |random| broken(random, &FORWARDED),
        |input| {
            // What no header can hold never gets here.
            let Ok(value) = HeaderValue::from_bytes(input) else {
                return Ok(());
            };
            let name = HeaderName::from_static("x-forwarded-for");
            let mut headers = HeaderMap::new();
            headers.append(name.clone(), value);
            let _ = proxies.peer(direct, &headers);
            headers.append(name, HeaderValue::from_static("203.0.113.9"));
            match proxies.peer(direct, &headers).address {
                address if address == client => Ok(()),
                other => Err(format!("the client counts as {other}")),
            }
        },
    );
}

/// A cookie proves what it was set to, and nothing that was made of it.
#[test]
fn cookies() {
    let secret = Secret::new();
    let set = format!(
        "rowcast={}; other=\"a b\"; rowcast-device=x",
        secret.reveal()
    );
    let corpus: [&[u8]; 3] = [set.as_bytes(), b"rowcast=; rowcast=%00", b"a=b;;=;rowcast"];
    let peer = Peer {
        address: [127, 0, 0, 1].into(),
        is_secure: false,
    };
    let of = |bytes: &[u8]| {
        let mut headers = HeaderMap::new();
        headers.append(http::header::COOKIE, HeaderValue::from_bytes(bytes).ok()?);
        cookie::read(&headers, Kind::Session, peer)
    };
    let proved = of(set.as_bytes());
    assert!(proved.is_some());
    Trial::new().run(
        |random| broken(random, &corpus),
        |input| {
            let is_whole = String::from_utf8_lossy(input).contains(secret.reveal());
            match of(input) {
                found if found == proved && !is_whole => {
                    Err("it proves what it does not hold".to_owned())
                }
                _ => Ok(()),
            }
        },
    );
}
