//! Proxies that are believed who is behind them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use crate::{config::InvalidSetting, peer::Peer};

const SETTING: &str = "ROWCAST_TRUSTED_PROXY";

const ALLOWED: &str = "addresses and networks with commas between, such as 127.0.0.1, ::1 or \
                       10.0.0.0/8";

const FORWARDED_FOR: &str = "x-forwarded-for";

const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The most proxies behind each other that are gone through.
const HOPS_MAX: usize = 32;

/// What stands for a client whose address a trusted proxy can't tell: nobody's address, and
/// so no loopback one.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The addresses of proxies that are trusted. Whoever is none of them is believed nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Those of a setting.
    ///
    /// # Errors
    /// What is neither an address nor a network, or is everybody.
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let parts = text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let nets = parts.map(|part| {
            let wrong = |why| InvalidSetting::new(SETTING, part, why, ALLOWED);
            let net = match part.parse::<IpAddr>() {
                Ok(address) => IpNet::from(address.to_canonical()),
                Err(_) => part
                    .parse::<IpNet>()
                    .map_err(|_| wrong("it is neither an address nor a network"))?,
            };
            match net.prefix_len() {
                0 => Err(wrong("everybody would be believed to be anybody")),
                _ => Ok(net),
            }
        });
        nets.collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is one of them.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Whom a request is of that `direct` has sent: somebody behind it, if it is one of these
    /// and says so.
    pub fn peer(&self, direct: Peer, headers: &HeaderMap) -> Peer {
        let says = |name| headers.contains_key(name);
        if !self.trusts(direct.address) || !(says(FORWARDED_FOR) || says(FORWARDED_PROTO)) {
            return direct;
        }
        Peer {
            address: match says(FORWARDED_FOR) {
                true => self.client(headers).unwrap_or(UNKNOWN),
                false => direct.address,
            },
            is_secure: is_secure(headers),
        }
    }

    /// The last address of the list that is none of ours: what stands before it was said by
    /// somebody who is not trusted. Where all are ours, the first.
    fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut first = None;
        let mut hops = 0;
        for value in headers.get_all(FORWARDED_FOR).iter().rev() {
            let parts = value.to_str().ok()?.rsplit(',').map(str::trim);
            for part in parts.filter(|part| !part.is_empty()) {
                hops += 1;
                if hops > HOPS_MAX {
                    return None;
                }
                let address = address(part)?;
                if !self.trusts(address) {
                    return Some(address);
                }
                first = Some(address);
            }
        }
        first
    }
}

/// An address as proxies write it: some add the port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(bare) => IpAddr::V6(bare.parse().ok()?),
        None => match text.parse::<IpAddr>() {
            Ok(address) => address,
            Err(_) => text.parse::<SocketAddr>().ok()?.ip(),
        },
    };
    Some(address.to_canonical())
}

/// Whether each proxy says of the way to it that it is encrypted.
fn is_secure(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(FORWARDED_PROTO).iter().peekable();
    let is_https = |value: &str| value.trim().eq_ignore_ascii_case("https");
    values.peek().is_some()
        && values.all(|value| {
            value
                .to_str()
                .is_ok_and(|value| value.split(',').all(is_https))
        })
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const OURS: &str = "127.0.0.1, 10.0.0.0/8, ::1, 2001:db8:ff::/48";

    fn peer(from: &str, headers: &[(&str, &str)]) -> (String, bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).expect("a name");
            map.append(
                name,
                HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
            );
        }
        let direct = Peer {
            address: from.parse().expect("an address"),
            is_secure: false,
        };
        let peer = Proxies::parse(OURS).expect("proxies").peer(direct, &map);
        (peer.address.to_string(), peer.is_secure)
    }

    fn client(lines: &[&str]) -> String {
        let lines: Vec<(&str, &str)> = lines.iter().map(|line| (FORWARDED_FOR, *line)).collect();
        peer("10.0.0.1", &lines).0
    }

    #[test]
    fn whoever_is_not_trusted_is_believed_nothing() {
        for from in ["11.0.0.1", "2001:db8::1", "127.0.0.2"] {
            let headers = [
                ("X-Forwarded-For", "9.9.9.9"),
                ("X-Forwarded-Proto", "https"),
            ];
            assert_eq!(peer(from, &headers), (from.to_owned(), false));
        }
        let nobody = Proxies::default();
        assert!(!nobody.trusts([127, 0, 0, 1].into()));
    }

    #[test]
    fn the_client_is_the_last_that_is_not_trusted_itself() {
        for (lines, expected) in [
            (&["9.9.9.9"][..], "9.9.9.9"),
            (&["1.1.1.1, 9.9.9.9"], "9.9.9.9"),
            (&["1.1.1.1,9.9.9.9,10.1.2.3, 127.0.0.1"], "9.9.9.9"),
            (&["1.1.1.1", "9.9.9.9"], "9.9.9.9"),
            (&["1.1.1.1, 9.9.9.9", "10.0.0.2", "10.0.0.3"], "9.9.9.9"),
            (&["127.0.0.1, 9.9.9.9"], "9.9.9.9"),
            (&["10.0.0.7, 10.0.0.8"], "10.0.0.7"),
            (&["9.9.9.9:4711"], "9.9.9.9"),
            (&["2001:db8::7"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["[2001:db8::7]:4711"], "2001:db8::7"),
            (&["2001:db8::7, 2001:db8:ff:1::1"], "2001:db8::7"),
            (&["::ffff:9.9.9.9"], "9.9.9.9"),
            (&["9.9.9.9, ::ffff:10.0.0.2"], "9.9.9.9"),
            (&["1.1.1.1,, 9.9.9.9 ,"], "9.9.9.9"),
            // What an attacker has written stands before what the proxy has added.
            (&["garbage, 127.0.0.1, 9.9.9.9"], "9.9.9.9"),
        ] {
            assert_eq!(client(lines), expected, "{lines:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_client_writes_itself_does_not_move_what_the_proxy_adds(
            written in proptest::collection::vec("[\\x20-\\x7e]{0,40}", 0..5),
            added in proptest::arbitrary::any::<[u8; 4]>(),
        ) {
            let address = Ipv4Addr::from(added);
            let mut lines: Vec<&str> = written.iter().map(String::as_str).collect();
            let own = [lines.pop().unwrap_or_default(), &address.to_string()].join(", ");
            lines.push(&own);
            if !Proxies::parse(OURS).expect("proxies").trusts(address.into()) {
                proptest::prop_assert_eq!(client(&lines), address.to_string());
            }
        }
    }

    #[test]
    fn a_client_that_is_not_told_is_nobody_and_not_this_machine() {
        let many = "10.0.0.1,".repeat(HOPS_MAX + 1);
        let long = format!("{}, 10.0.0.1", "9".repeat(60_000));
        for line in [
            "garbage",
            "",
            ",",
            "unknown",
            "_hidden",
            "9.9.9",
            "9.9.9.9.9",
            "9.9.9.9:",
            "9.9.9.9:99999",
            "[9.9.9.9]",
            "[2001:db8::7",
            "2001:db8::7%eth0",
            "for=9.9.9.9",
            "9.9.9.9; 8.8.8.8",
            "9.9.9.9, garbage, 10.0.0.1",
            "äöü",
            &many,
            &long,
        ] {
            let told = client(&[line]);
            let shown: String = line.chars().take(40).collect();
            assert_eq!(told, "0.0.0.0", "{shown}");
            assert!(!told.parse::<IpAddr>().expect("one").is_loopback());
        }
    }

    #[test]
    fn a_way_is_encrypted_if_every_proxy_says_so() {
        let proto = |values: &[&str]| {
            let mut headers = vec![(FORWARDED_FOR, "9.9.9.9")];
            headers.extend(values.iter().map(|value| (FORWARDED_PROTO, *value)));
            peer("127.0.0.1", &headers).1
        };
        assert!(proto(&["https"]) && proto(&["HTTPS"]) && proto(&["https, https"]));
        assert!(proto(&["https", "https"]));
        for not in [
            &[][..],
            &["http"],
            &["https, http"],
            &["http", "https"],
            &["https", "http"],
            &[""],
            &["httpsx"],
            &["https,"],
        ] {
            assert!(!proto(not), "{not:?}");
        }
        // A proxy that says nothing is a client itself.
        assert_eq!(peer("127.0.0.1", &[]), ("127.0.0.1".to_owned(), false));
        let only = [(FORWARDED_PROTO, "https")];
        assert_eq!(peer("127.0.0.1", &only), ("127.0.0.1".to_owned(), true));
    }

    #[test]
    fn what_names_no_proxy_is_refused() {
        for wrong in [
            "localhost",
            "10.0.0.0/33",
            "10.0.0",
            "0.0.0.0/0",
            "::/0",
            "*",
            "10.0.0.1:80",
        ] {
            let error = Proxies::parse(wrong).expect_err(wrong).to_string();
            assert!(error.starts_with("ROWCAST_TRUSTED_PROXY is "), "{error}");
            assert!(error.contains("allowed is") && error.lines().count() == 1);
        }
        assert!(Proxies::parse(" , ").expect("none").is_empty());
    }
}
