//! Where a bus is.

use std::fmt;

use redis::{Client, TlsCertificates, cluster::ClusterClient, cluster::ClusterClientBuilder};

use super::connection::RESPONSE;

/// What is allowed of an address.
pub const ALLOWED: &str = "redis://[user:password@]host[:port][/number], rediss:// for TLS, and \
     redis+cluster:// or rediss+cluster:// with one node or several, commas between";

/// Where a bus is, and how one proves who one is: never shown.
#[derive(Clone)]
pub struct Address(pub(super) Way);

#[derive(Clone)]
pub(super) enum Way {
    One(Box<Client>),
    Cluster(Box<ClusterClient>),
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Way::One(_) => "Address(one)",
            Way::Cluster(_) => "Address(cluster)",
        })
    }
}

/// An address that can't be one, or certificates that are none. It repeats nothing of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The address.
    Address,
    /// The authorities' certificates.
    Authorities,
}

impl Address {
    /// The address that a text says; `authorities`: those that its certificate may be of, in PEM,
    /// instead of the public ones.
    ///
    /// # Errors
    /// What of it is wrong.
    pub fn new(text: &str, authorities: Option<Vec<u8>>) -> Result<Self, Wrong> {
        let (scheme, rest) = text.split_once("://").ok_or(Wrong::Address)?;
        let (scheme, is_cluster) = match scheme.strip_suffix("+cluster") {
            Some(scheme) => (scheme, true),
            None => (scheme, false),
        };
        // After it may stand what turns the checks of TLS off, which is not allowed.
        if !matches!(scheme, "redis" | "rediss") || rest.contains(['#', '?']) {
            return Err(Wrong::Address);
        }
        if authorities.is_some() && scheme != "rediss" {
            return Err(Wrong::Authorities);
        }
        let certificates = TlsCertificates {
            client_tls: None,
            root_cert: authorities,
        };
        let has_authorities = certificates.root_cert.is_some();
        let wrong = |_| match has_authorities {
            true => Wrong::Authorities,
            false => Wrong::Address,
        };
        let is_named = |host: &str| {
            let url = redis::parse_redis_url(&format!("{scheme}://{host}"));
            let is_part = |c: char| c.is_alphanumeric() || ".-_:[]".contains(c);
            url.is_some_and(|url| {
                url.host_str()
                    .is_some_and(|host| !host.is_empty() && host.chars().all(is_part))
            })
        };
        if !is_cluster {
            let url = format!("{scheme}://{rest}");
            if !is_named(rest) || Client::open(url.as_str()).is_err() {
                return Err(Wrong::Address);
            }
            let client = match has_authorities {
                true => Client::build_with_tls(url.as_str(), certificates),
                false => Client::open(url.as_str()),
            };
            return Ok(Self(Way::One(Box::new(client.map_err(wrong)?))));
        }
        let (user, hosts) = match rest.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), rest),
        };
        let hosts = hosts.strip_suffix('/').unwrap_or(hosts);
        if hosts.contains('/') || !hosts.split(',').all(is_named) {
            return Err(Wrong::Address);
        }
        let nodes: Vec<String> = hosts
            .split(',')
            .map(|host| format!("{scheme}://{user}{host}"))
            .collect();
        if nodes
            .iter()
            .any(|node| Client::open(node.as_str()).is_err())
        {
            return Err(Wrong::Address);
        }
        let mut builder = ClusterClientBuilder::new(nodes)
            .connection_timeout(RESPONSE)
            .response_timeout(RESPONSE)
            .retries(1);
        if has_authorities {
            builder = builder.certs(certificates);
        }
        let client = builder.build().map_err(wrong)?;
        Ok(Self(Way::Cluster(Box::new(client))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_one_or_of_a_cluster() {
        for (text, shown) in [
            ("redis://localhost", "Address(one)"),
            ("redis://10.0.0.1:7000/3", "Address(one)"),
            ("rediss://me:a%40b@redis.example.com:6380", "Address(one)"),
            ("redis+cluster://one", "Address(cluster)"),
            (
                "redis+cluster://one:7000,two:7001,[::1]:7002",
                "Address(cluster)",
            ),
            ("rediss+cluster://:secret@one,two/", "Address(cluster)"),
        ] {
            let address = Address::new(text, None).expect(text);
            // Nothing of it is shown.
            assert_eq!(format!("{address:?}"), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "redis",
            "localhost:6379",
            "redis://",
            "redis://host:port",
            "redis://host:6379/x",
            "redis://one,two",
            "redis+cluster://",
            "redis+cluster://one,,two",
            "redis+cluster://one/3",
            "rediss://host#insecure",
            "rediss://host?protocol=resp3",
            "redis+unix:///run/redis.sock",
            "nats://localhost",
            "http://localhost:6379",
        ] {
            let wrong = Address::new(text, None).map(|_| ());
            assert_eq!(wrong, Err(Wrong::Address), "{text}");
        }
    }

    #[test]
    fn authorities_are_certificates_and_go_with_tls() {
        let none =
            || Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec());
        for text in ["redis://host", "rediss://host", "rediss+cluster://host"] {
            let wrong = Address::new(text, none()).map(|_| ());
            assert_eq!(wrong, Err(Wrong::Authorities), "{text}");
        }
    }
}
