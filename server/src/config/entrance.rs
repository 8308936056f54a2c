//! How clients come in: what of it fits together.

use std::{net::SocketAddr, path::PathBuf};

use super::{Auth, InvalidSetting};
use crate::{
    cli::EntranceSettings,
    limit::Rates,
    listen::TlsFiles,
    origin::{Origin, Origins},
    proxy::Proxies,
};

/// How clients come in.
#[derive(Clone, Debug, Default)]
pub struct Entrance {
    /// By which addresses, where those are not this machine's.
    pub origins: Origins,
    /// What this server proves itself by, where it encrypts.
    pub tls: Option<TlsFiles>,
    /// Through whom.
    pub proxies: Proxies,
    /// How often.
    pub rates: Rates,
}

impl Entrance {
    /// Checks the settings, for a server that listens there.
    ///
    /// # Errors
    /// The first that is wrong or does not go with the others.
    pub fn new(
        settings: &EntranceSettings,
        addr: SocketAddr,
        auth: Auth,
    ) -> Result<Self, InvalidSetting> {
        let entrance = Self {
            origins: Origins::parse(settings.origin.as_deref().unwrap_or_default())?,
            tls: tls_files(settings)?,
            proxies: Proxies::parse(settings.trusted_proxy.as_deref().unwrap_or_default())?,
            rates: Rates::new(settings)?,
        };
        entrance.check(addr, auth)?;
        Ok(entrance)
    }

    fn check(&self, addr: SocketAddr, auth: Auth) -> Result<(), InvalidSetting> {
        let is_public = |origin: &&Origin| !origin.is_loopback();
        if auth == Auth::Off
            && let Some(origin) = self.origins.iter().find(is_public)
        {
            return Err(wrong_origin(
                origin,
                "ROWCAST_AUTH=off is refused where others reach the server",
                "localhost and loopback addresses, or ROWCAST_AUTH=on",
            ));
        }
        if !addr.ip().is_loopback() && self.origins.first().is_none() {
            return Err(InvalidSetting::new(
                "ROWCAST_ADDR",
                &addr.to_string(),
                "others can reach that address, and ROWCAST_ORIGIN does not say by which name",
                "a loopback address and a port, or any with ROWCAST_ORIGIN beside it, such as \
                 https://rowcast.example.com",
            ));
        }
        for origin in self.origins.iter() {
            match (origin.is_secure(), &self.tls, self.proxies.is_empty()) {
                (true, None, true) => {
                    return Err(wrong_origin(
                        origin,
                        "nothing is set that encrypts the way there",
                        "https:// beside ROWCAST_TLS_CERT and ROWCAST_TLS_KEY, or beside \
                         ROWCAST_TRUSTED_PROXY; or http://",
                    ));
                }
                (false, Some(_), true) => {
                    return Err(wrong_origin(
                        origin,
                        "with ROWCAST_TLS_CERT all of the way is encrypted",
                        "https://",
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The address for people to open, of a server that listens there.
    pub fn address(&self, addr: SocketAddr) -> String {
        match self.origins.first() {
            Some(origin) => origin.to_string(),
            None => self.own_address(addr),
        }
    }

    /// The address that it listens on itself.
    pub fn own_address(&self, addr: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{addr}")
    }

    /// Whether what is written and read can be overheard on the way.
    pub fn is_overheard(&self) -> bool {
        let is_open = |origin: &Origin| !origin.is_secure() && !origin.is_loopback();
        self.origins.iter().any(is_open)
    }
}

fn wrong_origin(origin: &Origin, why: &str, allowed: &str) -> InvalidSetting {
    InvalidSetting::new("ROWCAST_ORIGIN", origin.as_str(), why, allowed)
}

fn tls_files(settings: &EntranceSettings) -> Result<Option<TlsFiles>, InvalidSetting> {
    let set = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let alone = |missing, other| {
        Err(InvalidSetting::new(
            missing,
            "",
            &format!("{other} is set"),
            "a file each, or neither",
        ))
    };
    match (set(&settings.tls_cert), set(&settings.tls_key)) {
        (None, None) => Ok(None),
        (Some(_), None) => alone("ROWCAST_TLS_KEY", "ROWCAST_TLS_CERT"),
        (None, Some(_)) => alone("ROWCAST_TLS_CERT", "ROWCAST_TLS_KEY"),
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
            certificate: PathBuf::from(certificate),
            key: PathBuf::from(key),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "127.0.0.1:3000";
    const EVERYWHERE: &str = "0.0.0.0:3000";

    fn entrance(addr: &str, auth: Auth, set: &[(&str, &str)]) -> Result<Entrance, InvalidSetting> {
        let value = |name| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let settings = EntranceSettings {
            origin: value("origin"),
            tls_cert: value("cert"),
            tls_key: value("key"),
            trusted_proxy: value("proxy"),
            ..EntranceSettings::default()
        };
        Entrance::new(&settings, addr.parse().expect("an address"), auth)
    }

    #[test]
    fn what_does_not_go_together_is_told_with_what_does() {
        let public = ("origin", "https://a.example");
        let plain = ("origin", "http://a.example");
        let tls = [("cert", "a.pem"), ("key", "b.pem")];
        for (names, addr, auth, set) in [
            ("ROWCAST_ADDR", EVERYWHERE, Auth::On, &[][..]),
            ("ROWCAST_ADDR", "192.168.1.5:1", Auth::On, &tls),
            ("ROWCAST_ORIGIN", HERE, Auth::On, &[public]),
            ("ROWCAST_ORIGIN", HERE, Auth::On, &[plain, tls[0], tls[1]]),
            ("ROWCAST_ORIGIN", HERE, Auth::Off, &[plain]),
            (
                "ROWCAST_ORIGIN",
                HERE,
                Auth::Off,
                &[public, ("proxy", "::1")],
            ),
            ("ROWCAST_ORIGIN", HERE, Auth::On, &[("origin", "a.example")]),
            ("ROWCAST_TLS_KEY", HERE, Auth::On, &[tls[0]]),
            ("ROWCAST_TLS_CERT", HERE, Auth::On, &[tls[1]]),
            ("ROWCAST_TRUSTED_PROXY", HERE, Auth::On, &[("proxy", "all")]),
        ] {
            let error = entrance(addr, auth, set).expect_err(names).to_string();
            assert!(error.starts_with(names), "{error}");
            assert!(error.contains("allowed is"), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn what_goes_together_is_taken_and_says_where_it_is() {
        let public = ("origin", "https://a.example");
        let proxy = ("proxy", "10.0.0.1");
        let tls = [("cert", "a.pem"), ("key", "b.pem")];
        for (addr, auth, set, address) in [
            (HERE, Auth::Off, &[][..], "http://127.0.0.1:3000"),
            (HERE, Auth::Off, &tls, "https://127.0.0.1:3000"),
            (HERE, Auth::Off, &[proxy], "http://127.0.0.1:3000"),
            (HERE, Auth::On, &[public, proxy], "https://a.example"),
            (EVERYWHERE, Auth::On, &[public, proxy], "https://a.example"),
            (
                EVERYWHERE,
                Auth::On,
                &[public, tls[0], tls[1]],
                "https://a.example",
            ),
            (
                EVERYWHERE,
                Auth::On,
                &[("origin", "http://192.168.1.5:3000")],
                "http://192.168.1.5:3000",
            ),
            (
                HERE,
                Auth::Off,
                &[("origin", "http://localhost:3000")],
                "http://localhost:3000",
            ),
        ] {
            let taken = entrance(addr, auth, set).expect(address);
            assert_eq!(taken.address(addr.parse().expect("one")), address);
            assert_eq!(taken.is_overheard(), address.contains("192.168"));
        }
    }
}
