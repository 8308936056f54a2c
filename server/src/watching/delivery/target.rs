//! Where hits may be sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

/// The most bytes of an address.
const LONGEST: usize = 2_000;

/// The address of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    text: String,
    /// Whether the way there is encrypted.
    pub is_secure: bool,
    /// As it is connected to.
    pub host: String,
    /// At which port.
    pub port: u16,
    /// The host and the port, as a request names them.
    pub authority: String,
    /// What is asked for there.
    pub path: String,
}

impl Target {
    /// An address of `https`; `may_be_private`: or of `http` on this machine.
    ///
    /// # Errors
    /// Why it can't be one.
    pub fn parse(text: &str, may_be_private: bool) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("the webhook's address is longer than 2,000 bytes");
        }
        let is_plain = |b: u8| (b'!'..=b'~').contains(&b) && !b"\"<>\\^`{|}#".contains(&b);
        if !text.bytes().all(is_plain) {
            return Err("the webhook's address holds letters that no address has");
        }
        let uri: Uri = text.parse().map_err(|_| "the webhook's address is none")?;
        let authority = uri
            .authority()
            .ok_or("the webhook's address names no host")?;
        if authority.as_str().contains('@') {
            return Err("the webhook's address has a user in it");
        }
        // The letters of a scheme and of a host mean the same, small and large.
        let authority_text = authority.as_str().to_ascii_lowercase();
        let host = authority.host().to_ascii_lowercase();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let address: Option<IpAddr> = host.parse().ok();
        let is_here = host == "localhost" || address.is_some_and(|ip| ip.is_loopback());
        let scheme = uri.scheme_str().map(str::to_ascii_lowercase);
        let is_secure = match scheme.as_deref() {
            Some("https") => true,
            Some("http") if may_be_private && is_here => false,
            _ => return Err("a webhook's address begins with https://"),
        };
        if host.is_empty() {
            return Err("the webhook's address names no host");
        }
        if !may_be_private && (is_here || address.is_some_and(|ip| !is_public(ip))) {
            return Err("the webhook's address is of this machine or of a network of its own");
        }
        let default = if is_secure { 443 } else { 80 };
        let scheme = if is_secure { "https" } else { "http" };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            text: format!("{scheme}://{authority_text}{path}"),
            is_secure,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(default),
            path: path.to_owned(),
            authority: authority_text,
        })
    }

    /// The whole of it, its scheme and its host in small letters.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Whether an address is one of the internet, that nobody's own network or machine has.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b));
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    // One of the other kind within, that a gateway translates.
    if (a, b, c, d, e, f) == (0x64, 0xff9b, 0, 0, 0, 0) {
        let [g, h] = [g, h].map(u16::to_be_bytes);
        return is_public_v4(Ipv4Addr::new(g[0], g[1], h[0], h[1]));
    }
    // What is given out of all that there is; less tunnels and what is for examples.
    let is_given_out = a & 0xe000 == 0x2000;
    let is_tunnel = a == 0x2002 || (a == 0x2001 && b < 0x0200);
    let is_example = (a == 0x2001 && b == 0x0db8) || (a == 0x3fff && b < 0x1000);
    is_given_out && !is_tunnel && !is_example
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_is_public() {
        for public in [
            "1.1.1.1",
            "93.184.215.14",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "::ffff:1.1.1.1",
        ] {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
        for own in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:a00:1::",
            "2001::1",
            "2001:db8::1",
            "::7f00:1",
        ] {
            assert!(!is_public(own.parse().expect("an address")), "{own}");
        }
    }

    #[test]
    fn an_address_is_encrypted_and_not_one_s_own() {
        let parse = |text: &str| Target::parse(text, false);
        let target = parse("https://hooks.example.com:8443/a?b=c").expect("one");
        assert_eq!(
            (target.host.as_str(), target.port),
            ("hooks.example.com", 8443)
        );
        assert_eq!(target.path, "/a?b=c");
        let large = parse("HTTPS://Hooks.Example.com/A?b=C").expect("one");
        assert_eq!(large.as_str(), "https://hooks.example.com/A?b=C");
        assert_eq!(large.authority, "hooks.example.com");
        assert!(parse("https://LOCALHOST/").is_err());
        for wrong in [
            "",
            "hooks.example.com",
            "http://hooks.example.com",
            "ftp://a",
            "https://a@b",
            "https://a/#x",
            "https://localhost/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://10.0.0.1",
            "https://a b",
            "https:///x",
            "https://169.254.169.254/latest",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(parse(&format!("https://a/{}", "x".repeat(2_000))).is_err());
        assert!(Target::parse("http://127.0.0.1:9/x", true).is_ok());
        assert!(Target::parse("https://10.0.0.1/x", true).is_ok());
        assert!(Target::parse("http://10.0.0.1/x", true).is_err());
    }
}
