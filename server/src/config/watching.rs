//! By which ways hits of watch rules are told beside the page.

use std::path::PathBuf;

use lettre::message::Mailbox;

use super::{InvalidSetting, secret_in};
use crate::cli::WatchSettings;

/// What the address of a mail server may be.
pub const ALLOWED: &str = "smtps://user:password@host, or smtp://user:password@host?tls=required; \
                           smtp://host without encryption on loopback alone";

/// How hits of watch rules are told beside the page.
#[derive(Clone, Debug, Default)]
pub struct WatchConfig {
    /// By which server e-mail is sent, if it is.
    pub mail: Option<MailConfig>,
    /// The file with authorities that receivers may have certificates of, beside the public ones.
    pub authorities: Option<PathBuf>,
    /// Whether receivers may be this machine, or in a network of one's own.
    pub private_webhooks: bool,
}

/// By which server e-mail is sent.
#[derive(Clone)]
pub struct MailConfig {
    /// Its address, which may hold a password.
    pub url: String,
    /// As whom.
    pub from: Mailbox,
}

impl std::fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailConfig")
    }
}

impl WatchConfig {
    /// Checks the settings.
    ///
    /// # Errors
    /// The first that is wrong or does not go with the others.
    pub fn new(settings: &WatchSettings) -> Result<Self, InvalidSetting> {
        let set = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let url = match (set(&settings.smtp_url), set(&settings.smtp_url_file)) {
            (Some(_), Some(_)) => {
                return Err(InvalidSetting(
                    "ROWCAST_SMTP_URL and ROWCAST_SMTP_URL_FILE are both set: allowed is one of them"
                        .to_owned(),
                ));
            }
            (None, Some(file)) => Some(secret_in("ROWCAST_SMTP_URL_FILE", &file)?),
            (url, None) => url,
        };
        let from = set(&settings.mail_from);
        let mail = match (url, from) {
            (None, None) => None,
            (Some(url), Some(from)) => Some(MailConfig {
                url: checked(url)?,
                from: sender(&from)?,
            }),
            (None, Some(from)) => {
                return Err(InvalidSetting::new(
                    "ROWCAST_MAIL_FROM",
                    &from,
                    "ROWCAST_SMTP_URL does not say by which server",
                    "to set both, or neither",
                ));
            }
            (Some(_), None) => {
                return Err(InvalidSetting::new(
                    "ROWCAST_MAIL_FROM",
                    "",
                    "ROWCAST_SMTP_URL is set",
                    "an address such as Rowcast <rowcast@example.com>",
                ));
            }
        };
        let private_webhooks = match set(&settings.private_webhooks).as_deref() {
            None | Some("off") => false,
            Some("on") => true,
            Some(other) => {
                return Err(InvalidSetting::new(
                    "ROWCAST_PRIVATE_WEBHOOKS",
                    other,
                    "it is neither",
                    "on, off",
                ));
            }
        };
        Ok(Self {
            mail,
            authorities: set(&settings.delivery_ca).map(PathBuf::from),
            private_webhooks,
        })
    }
}

fn sender(from: &str) -> Result<Mailbox, InvalidSetting> {
    from.parse().map_err(|_| {
        InvalidSetting::new(
            "ROWCAST_MAIL_FROM",
            from,
            "it is no address",
            "an address such as Rowcast <rowcast@example.com>",
        )
    })
}

/// What is written passes no network in plain text, nor does a password.
fn checked(url: String) -> Result<String, InvalidSetting> {
    let wrong = || InvalidSetting::hidden("ROWCAST_SMTP_URL", ALLOWED);
    let uri: http::Uri = url.parse().map_err(|_| wrong())?;
    let host = uri.host().ok_or_else(wrong)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<std::net::IpAddr> = bare.parse().ok();
    let is_here = bare == "localhost" || address.is_some_and(|ip| ip.is_loopback());
    match (uri.scheme_str(), uri.query()) {
        (Some("smtps"), None) | (Some("smtp"), Some("tls=required")) => Ok(url),
        (Some("smtp"), None) if is_here => Ok(url),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str, from: &str) -> Result<WatchConfig, InvalidSetting> {
        WatchConfig::new(&WatchSettings {
            smtp_url: Some(url.to_owned()),
            mail_from: Some(from.to_owned()),
            ..WatchSettings::default()
        })
    }

    #[test]
    fn e_mail_is_sent_encrypted_or_on_this_machine() {
        let from = "Rowcast <rowcast@example.com>";
        for right in [
            "smtps://ann:secret@mail.example.com",
            "smtp://ann:secret@mail.example.com:587?tls=required",
            "smtp://127.0.0.1:2525",
            "smtp://[::1]",
        ] {
            assert!(config(right, from).expect(right).mail.is_some());
        }
        for wrong in [
            "mail.example.com",
            "smtp://ann:secret@mail.example.com",
            "smtp://ann:secret@mail.example.com?tls=opportunistic",
            "https://ann:secret@mail.example.com",
            "smtps://",
        ] {
            let error = config(wrong, from).expect_err(wrong).to_string();
            assert!(
                error.starts_with("ROWCAST_SMTP_URL") && !error.contains("secret"),
                "{error}"
            );
            assert_eq!(error.lines().count(), 1);
        }
        assert!(config("smtps://mail.example.com", "nobody").is_err());
        assert!(config("smtps://mail.example.com", "").is_err());
        assert!(config("", from).is_err());
        assert!(config("", "").expect("none").mail.is_none());
    }
}
