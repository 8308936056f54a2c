//! The command line.

mod entrance;
mod openid;
mod source;
mod traces;
mod watching;

use clap::{Args, Parser, Subcommand};

pub use entrance::EntranceSettings;
pub use openid::OpenIdSettings;
pub use source::SourceSettings;
pub use traces::TraceSettings;
pub use watching::WatchSettings;

/// Any PostgreSQL table, live in the browser.
///
/// Without a command it serves. Without DATABASE_URL it uses a PostgreSQL of its own, kept in
/// the data directory.
#[derive(Debug, Parser)]
#[command(name = "rowcast", version, about, long_about, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do; `serve` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings, for every command.
    #[command(flatten)]
    pub settings: Settings,
}

const EXAMPLES: &str = "Examples:
  rowcast                                     serve on http://127.0.0.1:3000
  rowcast demo                                create demo tables and keep writing to them
  DATABASE_URL=postgres://me@localhost/shop rowcast
                                              serve a database of yours
  rowcast watch orders shop.customers         make tables live, whoever writes to them
  rowcast tables                              what there is, and what of it is live
  rowcast tail orders 'status=eq.open&order=created_at.desc&limit=10'
                                              follow a live query in the terminal
  ROWCAST_BUS=redis://cache rowcast listen    read the log for the servers on that bus
  rowcast token create ann --name ci --scope read --expires 30d
                                              a token for a program

RUST_LOG sets what is logged to standard error, such as info (the default) or rowcast=debug.

Queries are PostgREST's: column=op.value with eq neq gt gte lt lte like ilike in is, or=(…),
and=(…), order=column.desc, limit, offset, select; and q=words to search all text.";

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the pages, the JSON API and the live queries (this is the default)
    #[command(
        after_help = "It prints the address to open. SIGTERM or Ctrl-C: clients are told to \
                      connect again, what is being written is finished, and it ends within 10 s; \
                      a second one ends it at once. With --drain SIGTERM has it go on for so long \
                      and send its clients to other servers one after another."
    )]
    Serve,
    /// Bring the database to what this version needs, and end
    #[command(
        after_help = "serve does so as well, when it starts. Nothing is locked for longer than two \
                      seconds at a time, and where others are in the way it is tried again for a \
                      minute; servers of the version before go on meanwhile.\n\n\
                      Example: rowcast migrate"
    )]
    Migrate,
    /// Make tables live: every commit to them arrives in open pages
    #[command(
        after_help = "A table needs a primary key, or a unique key over NOT NULL columns. \
                      This adds triggers to the table, or where ROWCAST_SOURCE is replication adds \
                      it to the publication rowcast, and changes nothing else about it; \
                      SELECT rowcast.watch('orders') in SQL does the same.\n\n\
                      Example: rowcast watch orders shop.customers"
    )]
    Watch(Tables),
    /// Make tables not live any more: removes the triggers, or takes them out of the publication
    #[command(after_help = "Example: rowcast unwatch orders")]
    Unwatch(Tables),
    /// List the tables, with their keys and whether they are live
    Tables,
    /// Follow a live query in the terminal, without a server
    #[command(
        after_help = "The list is printed whole, then each change as it is committed. \
                      Without a terminal each event is one line of JSON, as the event stream \
                      has it.\n\n\
                      Example: rowcast tail orders 'status=eq.open&order=id.desc&limit=10'"
    )]
    Tail {
        /// The table: `orders` or `shop.orders`
        table: String,
        /// Which of its rows, in the query grammar
        #[arg(default_value = "")]
        query: String,
    },
    /// Read the change log for the servers on a bus, and serve nobody
    #[command(
        after_help = "It needs ROWCAST_BUS. A server that reads the log for the others leaves that \
                      to it, and takes it over when it ends. Several may run: one reads, the \
                      others wait.\n\n\
                      Example: ROWCAST_BUS=redis://cache DATABASE_URL=postgres://me@db/shop \
                      rowcast listen"
    )]
    Listen {
        /// Where it says how it does, at /healthz, /readyz and /metrics, to whoever can connect: an
        /// address and a port (0: any free one). Nowhere, unless it is given
        #[arg(long, env = "ROWCAST_HEALTH_ADDR", value_name = "HOST:PORT")]
        health_addr: Option<String>,
    },
    /// Accounts: who may sign in, and what they are
    #[command(
        subcommand,
        after_help = "Passwords are asked for, or read from standard input; never an argument.\n\n\
                      Example: rowcast user add ann --role administrator"
    )]
    User(UserCommand),
    /// API tokens: what programs prove themselves by
    #[command(
        subcommand,
        after_help = "Example: rowcast token create ann --name reports --scope read --expires 30d"
    )]
    Token(TokenCommand),
    /// Tell a user something: it waits in their notifications until they have read it
    #[command(
        after_help = "SELECT rowcast.notify('ann', 'The export is done') in SQL does the same.\n\n\
                      Example: rowcast notify ann 'The export is done' '1,200 rows' --link /tables/orders"
    )]
    Notify {
        /// Whom: a name, or # and the number of an account
        user: String,
        /// What, on one line
        title: String,
        /// More of it
        #[arg(default_value = "")]
        body: String,
        /// Where it leads: a path of the server such as /tables/orders, or an https:// address
        #[arg(long, value_name = "LINK", default_value = "")]
        link: String,
    },
    /// Post into a channel of the feed
    #[command(
        after_help = "SELECT rowcast.post('releases', 'Version 2 is out') in SQL does the same.\n\n\
                      Example: rowcast post releases 'Version **2** is out'"
    )]
    Post {
        /// Which channel, by its name
        channel: String,
        /// What, in Markdown
        body: String,
    },
    /// Examine the database: version, rights, settings, triggers, log, clock
    #[command(
        after_help = "One line for each thing that was looked at, and how to mend what is wrong. \
                      Nothing is changed. It ends with status 1 if something does not work.\n\n\
                      Example: DATABASE_URL=postgres://rowcast@db/shop rowcast doctor"
    )]
    Doctor,
    /// Create the demo tables and keep writing to them, gently
    #[command(
        after_help = "The tables are todo_items and people. Run it beside a server, or with \
                      --serve instead of one.\n\nExample: rowcast demo --rate 20"
    )]
    Demo {
        /// Commits a second; 0 creates the tables and writes nothing more
        #[arg(long, value_name = "N", default_value_t = 2.0, value_parser = rate)]
        rate: f64,
        /// Serve as well
        #[arg(long)]
        serve: bool,
    },
    /// Stop the embedded PostgreSQL when the last process that uses it has ended
    #[command(hide = true)]
    EmbeddedKeeper {
        /// The data directory
        directory: std::path::PathBuf,
    },
}

/// What is done with accounts.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make an account, with a password
    Add {
        /// What its user is called
        name: String,
        /// A role beside member, such as administrator; may be given several times
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// List the accounts
    List,
    /// Set an account's password, and sign it out everywhere
    Password {
        /// Whose
        name: String,
    },
    /// Set an account's roles: those given, and no others
    Roles {
        /// Whose
        name: String,
        /// The roles
        #[arg(value_name = "ROLE")]
        roles: Vec<String>,
    },
    /// Set the role under which the database is asked for an account; without one, that of all who
    /// have none of their own
    DatabaseRole {
        /// Whose
        name: String,
        /// The role in the database
        role: Option<String>,
    },
    /// Let an account not be used any more, and sign it out everywhere
    Disable {
        /// Whose
        name: String,
    },
    /// Let a disabled account be used again
    Enable {
        /// Whose
        name: String,
    },
    /// Sign an account out everywhere; its tokens stay
    SignOut {
        /// Whose
        name: String,
    },
    /// Print a link by which somebody makes an account of theirs, once, within a week
    Invite {
        /// A role beside member that they will have; may be given several times
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
    },
}

/// What is done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token, and print it: it can't be shown again
    Create {
        /// Whose
        user: String,
        /// What it is for
        #[arg(long)]
        name: String,
        /// How far it reaches: read, write (which includes read) or admin (which includes both)
        #[arg(long = "scope", value_name = "SCOPE", default_value = "read")]
        scopes: Vec<String>,
        /// For how long: 12h, 30d; never
        #[arg(long, value_name = "TIME", default_value = "90d")]
        expires: String,
    },
    /// List an account's tokens
    List {
        /// Whose
        user: String,
    },
    /// Revoke a token
    Revoke {
        /// Whose
        user: String,
        /// Which
        name: String,
    },
}

/// Tables to watch or not.
#[derive(Debug, Args)]
pub struct Tables {
    /// `orders` or `schema.orders`
    #[arg(required = true, value_name = "TABLE")]
    pub tables: Vec<String>,
}

/// Settings: each is a flag and an environment variable. They are checked in
/// [`config`](crate::config), so that a wrong one is answered in one line.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// The database: postgres://user:password@host:port/name.
    /// Unset: an embedded PostgreSQL under --data-dir
    #[arg(
        long,
        global = true,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub database_url: Option<String>,
    /// The file in which that stands, such as a secret that is mounted; instead of it
    #[arg(long, global = true, env = "DATABASE_URL_FILE", value_name = "FILE")]
    pub database_url_file: Option<String>,
    /// The same database without a pooler between, where --database-url leads through one that pools
    /// transactions: for what needs a session, such as hearing of changes
    #[arg(
        long,
        global = true,
        env = "ROWCAST_DIRECT_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub direct_url: Option<String>,
    /// The file in which that stands; instead of it
    #[arg(
        long,
        global = true,
        env = "ROWCAST_DIRECT_URL_FILE",
        value_name = "FILE"
    )]
    pub direct_url_file: Option<String>,
    /// A physical standby of the database, from which lists may be read
    #[arg(
        long,
        global = true,
        env = "ROWCAST_REPLICA_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub replica_url: Option<String>,
    /// The file in which that stands; instead of it
    #[arg(
        long,
        global = true,
        env = "ROWCAST_REPLICA_URL_FILE",
        value_name = "FILE"
    )]
    pub replica_url_file: Option<String>,
    /// Where the embedded PostgreSQL keeps its data
    /// [default: ~/.local/share/rowcast; for root, /var/lib/rowcast]
    #[arg(long, global = true, env = "ROWCAST_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Where to listen: an address and a port (0: any free one). One that others reach goes with
    /// --origin
    #[arg(
        long,
        global = true,
        env = "ROWCAST_ADDR",
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:3000"
    )]
    pub addr: String,
    /// Whether one has to sign in: on; or off, and whoever can connect may read and write
    #[arg(
        long,
        global = true,
        env = "ROWCAST_AUTH",
        value_name = "on|off",
        default_value = "on"
    )]
    pub auth: String,
    /// Whether the database decides what everybody sees and writes: off; or on, and each reads and
    /// writes under a database role of theirs
    #[arg(
        long,
        global = true,
        env = "ROWCAST_DATABASE_ROLES",
        value_name = "on|off"
    )]
    pub database_roles: Option<String>,
    /// The database role of those who have not signed in, with --database-roles; without one they
    /// read nothing
    #[arg(
        long,
        global = true,
        env = "ROWCAST_PUBLIC_DATABASE_ROLE",
        value_name = "ROLE"
    )]
    pub public_database_role: Option<String>,
    /// The database role of those who have signed in and have none of their own, likewise
    #[arg(
        long,
        global = true,
        env = "ROWCAST_MEMBER_DATABASE_ROLE",
        value_name = "ROLE"
    )]
    pub member_database_role: Option<String>,
    /// How lines of the log are written, to standard error: as text, or each as a JSON object
    #[arg(
        long,
        global = true,
        env = "ROWCAST_LOG_FORMAT",
        value_name = "text|json"
    )]
    pub log_format: Option<String>,
    /// The Redis or Valkey by which several servers share one reader of the log:
    /// redis://[user:password@]host[:port][/number], rediss:// for TLS, redis+cluster:// or
    /// rediss+cluster:// with nodes of a cluster, commas between. Unset: each reads the log
    #[arg(
        long,
        global = true,
        env = "ROWCAST_BUS",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub bus: Option<String>,
    /// The file in which that stands, such as a secret that is mounted; instead of it
    #[arg(long, global = true, env = "ROWCAST_BUS_FILE", value_name = "FILE")]
    pub bus_file: Option<String>,
    /// A PEM file with the authorities that the bus's certificate may be of, instead of the public
    /// ones
    #[arg(long, global = true, env = "ROWCAST_BUS_CA", value_name = "FILE")]
    pub bus_ca: Option<String>,
    /// How long changes stay in the log, for servers that were cut off from the database: 30m, 24h, 7d
    #[arg(
        long,
        global = true,
        env = "ROWCAST_RETENTION",
        value_name = "TIME",
        default_value = "24h"
    )]
    pub retention: String,
    /// How long the server goes on, once SIGTERM has told it to stop, and sends its clients to
    /// others, while /readyz says that it is not ready: 30s, 2m [default: 0s]
    #[arg(long, global = true, env = "ROWCAST_DRAIN", value_name = "TIME")]
    pub drain: Option<String>,
    /// How long the audit log is kept, in days: 1 to 3650 [default: 365]
    #[arg(long, global = true, env = "ROWCAST_AUDIT_DAYS", value_name = "DAYS")]
    pub audit_days: Option<String>,
    /// How long notifications are kept that were read, in days: 1 to 3650 [default: 90]
    #[arg(
        long,
        global = true,
        env = "ROWCAST_NOTIFICATION_DAYS",
        value_name = "DAYS"
    )]
    pub notification_days: Option<String>,
    /// The most connections to the database for reading rows
    #[arg(
        long,
        global = true,
        env = "ROWCAST_CONNECTIONS",
        value_name = "N",
        default_value = "8"
    )]
    pub connections: String,
    /// The most clients connected at once
    #[arg(
        long,
        global = true,
        env = "ROWCAST_MAX_CLIENTS",
        value_name = "N",
        default_value = "10000"
    )]
    pub max_clients: String,
    /// The most bytes of changes read from the log at once. Of a table of which more has
    /// changed, lists are read again
    #[arg(
        long,
        global = true,
        env = "ROWCAST_READ_BYTES",
        value_name = "BYTES",
        default_value = "33554432"
    )]
    pub read_bytes: String,
    /// The most bytes of the rows of one list
    #[arg(
        long,
        global = true,
        env = "ROWCAST_LIST_BYTES",
        value_name = "BYTES",
        default_value = "67108864"
    )]
    pub list_bytes: String,
    /// The most bytes of a CSV file that is imported
    #[arg(
        long,
        global = true,
        env = "ROWCAST_IMPORT_BYTES",
        value_name = "BYTES",
        default_value = "67108864"
    )]
    pub import_bytes: String,
    /// Where the site's files are [default: site, beside the program's directory]
    #[arg(long, global = true, env = "LEPTOS_SITE_ROOT", value_name = "DIR")]
    pub site: Option<String>,
    /// Where changes come from.
    #[command(flatten)]
    pub source: SourceSettings,
    /// How clients come in.
    #[command(flatten)]
    pub entrance: EntranceSettings,
    /// How one signs in by an identity provider.
    #[command(flatten)]
    pub openid: OpenIdSettings,
    /// What watch rules tell beside the page.
    #[command(flatten)]
    pub watching: WatchSettings,
    /// Where traces go.
    #[command(flatten)]
    pub traces: TraceSettings,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=10_000.0).contains(&rate) => Ok(rate),
        _ => Err("allowed is a number from 0 to 10000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn settings_go_before_and_after_the_command() {
        for line in [
            ["rowcast", "--addr", "[::1]:1", "serve"],
            ["rowcast", "serve", "--addr", "[::1]:1"],
        ] {
            let cli = Cli::try_parse_from(line).expect("parses");
            assert_eq!(cli.settings.addr, "[::1]:1");
        }
        assert!(
            Cli::try_parse_from(["rowcast"])
                .expect("parses")
                .command
                .is_none()
        );
        assert!(Cli::try_parse_from(["rowcast", "watch"]).is_err());
        assert!(Cli::try_parse_from(["rowcast", "demo", "--rate", "-1"]).is_err());
        assert!(Cli::try_parse_from(["rowcast", "user", "sign-out", "ann"]).is_ok());
        let password = [
            "rowcast",
            "user",
            "password",
            "ann",
            "in the list of processes",
        ];
        assert!(Cli::try_parse_from(password).is_err());
    }

    #[test]
    fn help_names_every_setting() {
        let help = Cli::command().render_long_help().to_string();
        for name in [
            "DATABASE_URL",
            "ROWCAST_ADDR",
            "ROWCAST_AUTH",
            "ROWCAST_DATABASE_ROLES",
            "ROWCAST_PUBLIC_DATABASE_ROLE",
            "ROWCAST_MEMBER_DATABASE_ROLE",
            "ROWCAST_BUS",
            "ROWCAST_BUS_FILE",
            "ROWCAST_BUS_CA",
            "rowcast listen",
            "ROWCAST_RETENTION",
            "ROWCAST_SOURCE",
            "ROWCAST_SLOT_MAX",
            "ROWCAST_DATA_DIR",
            "ROWCAST_ORIGIN",
            "ROWCAST_TLS_CERT",
            "ROWCAST_TLS_KEY",
            "ROWCAST_TRUSTED_PROXY",
            "ROWCAST_OPENID_ISSUER",
            "ROWCAST_OPENID_CLIENT_SECRET_FILE",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "OTEL_TRACES_SAMPLER_ARG",
            "--data-dir",
            "--database-url",
            "rowcast tail",
            "RUST_LOG",
        ] {
            assert!(help.contains(name), "{name}");
        }
    }
}
