//! The settings about how clients come in: by which address, through what, and how often.

use clap::Args;

/// Settings for a server that others than this machine reach. Checked in
/// [`config`](crate::config).
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings for a network")]
pub struct EntranceSettings {
    /// The addresses that browsers open this by, with commas between, such as
    /// https://rowcast.example.com. Needed on other addresses than loopback, and behind a proxy
    #[arg(long, global = true, env = "ROWCAST_ORIGIN", value_name = "ORIGIN,…")]
    pub origin: Option<String>,
    /// A PEM file with the certificate that this server shows, and those between it and its
    /// root behind it. Read again when it changes
    #[arg(long, global = true, env = "ROWCAST_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<String>,
    /// A PEM file with the certificate's private key
    #[arg(long, global = true, env = "ROWCAST_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<String>,
    /// The addresses and networks of proxies, with commas between, that are believed who is behind
    /// them (X-Forwarded-For, X-Forwarded-Proto): 127.0.0.1, 10.0.0.0/8
    #[arg(
        long,
        global = true,
        env = "ROWCAST_TRUSTED_PROXY",
        value_name = "NET,…"
    )]
    pub trusted_proxy: Option<String>,
    /// How many requests a second that change nothing are taken from one account, and from one
    /// address of those who have not signed in; ten seconds' worth at once; or off [default: 100]
    #[arg(long, global = true, env = "ROWCAST_RATE_READS", value_name = "N|off")]
    pub rate_reads: Option<String>,
    /// How many that may change something [default: 50]
    #[arg(long, global = true, env = "ROWCAST_RATE_WRITES", value_name = "N|off")]
    pub rate_writes: Option<String>,
    /// How many live connections are opened [default: 20]
    #[arg(long, global = true, env = "ROWCAST_RATE_OPENS", value_name = "N|off")]
    pub rate_opens: Option<String>,
    /// How many messages come over them [default: 100]
    #[arg(
        long,
        global = true,
        env = "ROWCAST_RATE_MESSAGES",
        value_name = "N|off"
    )]
    pub rate_messages: Option<String>,
}
