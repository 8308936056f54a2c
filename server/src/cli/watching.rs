//! The settings about what watch rules tell beside the page.

use clap::Args;

/// Settings for e-mail and webhooks. Checked in [`config`](crate::config).
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings for e-mail and webhooks")]
pub struct WatchSettings {
    /// The server that sends e-mail: smtps://user:password@host, or
    /// smtp://user:password@host:587?tls=required. Unset: no e-mail is sent
    #[arg(
        long,
        global = true,
        env = "ROWCAST_SMTP_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub smtp_url: Option<String>,
    /// The file in which that stands, such as a secret that is mounted; instead of it
    #[arg(
        long,
        global = true,
        env = "ROWCAST_SMTP_URL_FILE",
        value_name = "FILE"
    )]
    pub smtp_url_file: Option<String>,
    /// As whom e-mail is sent, such as Rowcast <rowcast@example.com>
    #[arg(long, global = true, env = "ROWCAST_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,
    /// A PEM file with authorities that the mail server and receivers of webhooks may have
    /// certificates of, beside the public ones
    #[arg(long, global = true, env = "ROWCAST_DELIVERY_CA", value_name = "FILE")]
    pub delivery_ca: Option<String>,
    /// Whether webhooks may go to this machine (then also without encryption) and to networks of
    /// one's own: on; or off, and they go to the internet alone [default: off]
    #[arg(
        long,
        global = true,
        env = "ROWCAST_PRIVATE_WEBHOOKS",
        value_name = "on|off"
    )]
    pub private_webhooks: Option<String>,
}
