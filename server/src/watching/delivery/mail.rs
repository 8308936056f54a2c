//! Sending e-mail.

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        Error,
        client::{Certificate, Tls, TlsParameters},
    },
};
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::{Due, PATIENCE, trust};
use crate::config::{InvalidSetting, MailConfig, watching::ALLOWED};

/// Sends e-mail by the server of the settings.
pub struct Mail {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mail")
    }
}

impl Mail {
    /// By the server of the settings, trusting the public authorities and these.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(
        config: &MailConfig,
        own: &[CertificateDer<'static>],
    ) -> Result<Self, InvalidSetting> {
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(&config.url);
        // What is wrong may hold a password.
        let wrong = || InvalidSetting::hidden("ROWCAST_SMTP_URL", ALLOWED);
        let mut server = server.map_err(|_| wrong())?;
        let uri: http::Uri = config.url.parse().map_err(|_| wrong())?;
        let is_wrapped = uri.scheme_str() == Some("smtps");
        if is_wrapped || uri.query() == Some("tls=required") {
            let mut tls = TlsParameters::builder(uri.host().unwrap_or_default().to_owned());
            for certificate in own {
                let certificate = Certificate::from_der(certificate.to_vec());
                tls = tls.add_root_certificate(certificate.map_err(|_| wrong())?);
            }
            let tls = tls.build_rustls().map_err(|_| wrong())?;
            server = server.tls(match is_wrapped {
                true => Tls::Wrapper(tls),
                false => Tls::Required(tls),
            });
        }
        Ok(Self {
            server: server.timeout(Some(PATIENCE)).build(),
            from: config.from.clone(),
        })
    }

    /// Sends what is due.
    ///
    /// # Errors
    /// Why it was not taken, in words without what it says.
    pub async fn send(&self, to: &str, due: &Due, origin: &str) -> Result<(), String> {
        let text = |name: &str| due.content[name].as_str().unwrap_or_default();
        let link = match text("link") {
            path if path.starts_with('/') => format!("{origin}{path}"),
            other => other.to_owned(),
        };
        let body = format!(
            "{}\n\n{}\n\n{link}\n\n-- \nRowcast tells you this by a watch rule. To pause or remove it: {origin}/watches\n",
            text("title"),
            text("body"),
        );
        self.write(to, text("title"), body, &due.token).await
    }

    /// Sends a letter, under a name by which one that comes twice is recognised.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn write(
        &self,
        to: &str,
        subject: &str,
        body: String,
        name: &str,
    ) -> Result<(), String> {
        let to: Address = to.parse().map_err(|_| "the address is none")?;
        let letter = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .message_id(Some(format!("<{name}@{}>", self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(body)
            .map_err(|_| "it can't be written as a letter")?;
        self.server
            .send(letter)
            .await
            .map(drop)
            .map_err(|error| reason(&error))
    }
}

/// What went wrong, without what the server says: that may repeat an address or more.
fn reason(error: &Error) -> String {
    if let Some(code) = error.status() {
        return format!("the mail server answered {code}");
    }
    if let Some(why) = trust::reason(error) {
        return format!("the mail server: {why}");
    }
    let why = if error.is_timeout() {
        "the mail server took too long"
    } else if error.is_tls() {
        "the connection to the mail server can't be encrypted"
    } else if error.is_response() {
        "the mail server answered something else than it should"
    } else {
        "the mail server can't be reached"
    };
    why.to_owned()
}
