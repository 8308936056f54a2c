//! The address of a collector.

use http::Uri;

use super::InvalidSetting;

const ALLOWED: &str = "an address such as http://localhost:4318 or https://collector.example.com";

/// What is asked for under an address that is for all kinds of telemetry.
const TRACES: &str = "/v1/traces";

/// Who takes traces, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorAddress {
    /// Whether the way there is encrypted.
    pub is_secure: bool,
    /// The host, as it is connected to.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The host and the port, as requests name them.
    pub authority: String,
    /// What is asked for there.
    pub path: String,
}

impl CollectorAddress {
    /// The address itself.
    ///
    /// # Errors
    /// Why it can't be one; what may hold a secret is not repeated.
    pub(super) fn whole(name: &str, text: &str) -> Result<Self, InvalidSetting> {
        let wrong = |why| match text.contains(['@', '?']) {
            true => InvalidSetting::hidden(name, ALLOWED),
            false => InvalidSetting::new(name, text, why, ALLOWED),
        };
        let uri: Uri = text.parse().map_err(|_| wrong("it is no address"))?;
        let (is_secure, default) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") => (false, 80),
            _ => return Err(wrong("it begins with neither http:// nor https://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it has a user in it"));
        }
        let host = authority.host();
        let port = match authority.as_str()[host.len()..].strip_prefix(':') {
            None => default,
            Some(port) => port.parse().map_err(|_| wrong("its port is none"))?,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || port == 0 {
            return Err(wrong("it names no host, or no port of it"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            is_secure,
            host: host.to_owned(),
            port,
            authority: authority.as_str().to_owned(),
            path: path.to_owned(),
        })
    }

    /// Where traces are taken under one that is for all kinds.
    ///
    /// # Errors
    /// Likewise.
    pub(super) fn under(name: &str, text: &str) -> Result<Self, InvalidSetting> {
        let base = Self::whole(name, text)?;
        if base.path.contains('?') {
            return Err(InvalidSetting::hidden(name, ALLOWED));
        }
        let path = format!("{}{TRACES}", base.path.trim_end_matches('/'));
        Ok(Self { path, ..base })
    }

    /// Whether others than this machine may overhear what is sent there.
    pub fn is_overheard(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        let is_here = self.host == "localhost" || address.is_ok_and(|ip| ip.is_loopback());
        !self.is_secure && !is_here
    }
}
