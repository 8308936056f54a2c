//! The settings, checked.

pub mod authorities;
mod bus;
mod entrance;
mod openid;
mod source;
mod traces;
pub mod watching;

use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use sqlx::postgres::PgConnectOptions;

pub use entrance::Entrance;
pub use openid::{Join, OpenIdConfig};
pub use source::{ChangesFrom, SourceConfig};
pub use traces::{CollectorAddress, TraceConfig};
pub use watching::{MailConfig, WatchConfig};

use crate::{
    capture::bus::Address,
    cli::Settings,
    database::{impersonation::DatabaseRoles, pool, pooler::Pooler},
    site::Site,
};

/// The setting that says where the server listens.
pub const ADDR: &str = "ROWCAST_ADDR";

/// The setting that says where `rowcast listen` says how it does.
pub const HEALTH_ADDR: &str = "ROWCAST_HEALTH_ADDR";

/// What the server runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which database.
    pub database: DatabaseConfig,
    /// What is between it and what needs no session.
    pub pooler: Option<Pooler>,
    /// The standby from which lists may be read.
    pub replica: Option<Box<PgConnectOptions>>,
    /// Where it listens.
    pub addr: SocketAddr,
    /// How clients come in.
    pub entrance: Entrance,
    /// Whether anybody has to sign in.
    pub auth: Auth,
    /// The stream that several servers share.
    pub bus: Option<Address>,
    /// By which provider one may sign in, too.
    pub openid: Option<OpenIdConfig>,
    /// Whether the database's own rules decide what everybody sees and writes.
    pub database_roles: DatabaseRoles,
    /// How hits of watch rules are told beside the page.
    pub watching: WatchConfig,
    /// Where traces go, if anywhere.
    pub traces: Option<TraceConfig>,
    /// Where changes come from.
    pub source: SourceConfig,
    /// How long changes are kept.
    pub retention: Duration,
    /// How long clients have to go elsewhere, once the server has been told to stop.
    pub drain: Duration,
    /// How long entries of the audit log are kept.
    pub audit_retention: Duration,
    /// How long notifications are kept that were read.
    pub notification_retention: Duration,
    /// The most connections for reading rows.
    pub connections: u32,
    /// The most clients connected at once.
    pub max_clients: u32,
    /// The most bytes of changes that one read of the log holds.
    pub read_bytes: u32,
    /// The most bytes of the rows of one list.
    pub list_bytes: u32,
    /// The most bytes of a file that is imported.
    pub import_bytes: u32,
    /// Where the site's files are.
    pub site: Site,
}

/// Whether anybody has to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Everybody.
    On,
    /// Nobody: whoever can connect may do everything.
    Off,
}

/// Which database is served.
#[derive(Clone, Debug)]
pub enum DatabaseConfig {
    /// The one of a URL.
    Url(Box<PgConnectOptions>),
    /// A PostgreSQL of our own, with its data under this directory.
    Embedded(PathBuf),
}

/// A setting that can't be used: which, why, and what is allowed, in one line.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSetting(String);

impl Config {
    /// The same of one that reads the log for others. It listens at no ROWCAST_ADDR, so that may be any
    /// address, as where all who are started alike have one.
    ///
    /// # Errors
    /// The first wrong setting.
    pub fn of_reader(settings: &Settings) -> Result<Self, InvalidSetting> {
        Self::new(&Settings {
            addr: "127.0.0.1:0".to_owned(),
            ..settings.clone()
        })
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// The first wrong setting.
    pub fn new(settings: &Settings) -> Result<Self, InvalidSetting> {
        let auth = match settings.auth.as_str() {
            "on" => Auth::On,
            "off" => Auth::Off,
            other => {
                return Err(InvalidSetting::new(
                    "ROWCAST_AUTH",
                    other,
                    "it is neither",
                    "on, off",
                ));
            }
        };
        let (database, pooler) = database(settings)?;
        let addr = addr(&settings.addr, auth)?;
        Ok(Self {
            database,
            pooler,
            replica: replica(settings)?,
            addr,
            entrance: Entrance::new(&settings.entrance, addr, auth)?,
            auth,
            bus: bus::address(settings)?,
            openid: OpenIdConfig::new(&settings.openid, auth)?,
            database_roles: database_roles(settings, auth)?,
            watching: WatchConfig::new(&settings.watching)?,
            traces: TraceConfig::new(&settings.traces)?,
            source: SourceConfig::new(&settings.source)?,
            retention: retention(&settings.retention)?,
            drain: drain(settings.drain.as_deref())?,
            audit_retention: days("ROWCAST_AUDIT_DAYS", settings.audit_days.as_deref(), 365)?,
            notification_retention: days(
                "ROWCAST_NOTIFICATION_DAYS",
                settings.notification_days.as_deref(),
                90,
            )?,
            connections: number("ROWCAST_CONNECTIONS", &settings.connections, 1, 1000)?,
            max_clients: number("ROWCAST_MAX_CLIENTS", &settings.max_clients, 1, 1_000_000)?,
            read_bytes: number("ROWCAST_READ_BYTES", &settings.read_bytes, 1 << 20, 1 << 30)?,
            list_bytes: number("ROWCAST_LIST_BYTES", &settings.list_bytes, 1 << 20, 1 << 29)?,
            import_bytes: number(
                "ROWCAST_IMPORT_BYTES",
                &settings.import_bytes,
                1 << 20,
                1 << 30,
            )?,
            site: match settings.site.as_deref() {
                None | Some("") => Site::of_this_program(),
                Some(site) => Site::Directory(site.into()),
            },
        })
    }
}

impl InvalidSetting {
    /// `name` has a value that is wrong, and may hold a secret; that is allowed.
    pub fn hidden(name: &str, allowed: &str) -> Self {
        Self(format!("{name} can't be used: allowed is {allowed}"))
    }

    /// `name` has this value, which is wrong for this reason; that is allowed.
    pub fn new(name: &str, value: &str, why: &str, allowed: &str) -> Self {
        Self(format!(
            "{name} is {value:?}, but {why}: allowed is {allowed}"
        ))
    }
}

/// Whether the database's own rules decide, and who has which role.
fn database_roles(settings: &Settings, auth: Auth) -> Result<DatabaseRoles, InvalidSetting> {
    let role = |name: &str, set: &Option<String>| match set.as_deref() {
        None | Some("") => Ok(None),
        Some(role) if role.len() <= 63 && !role.contains('\0') => Ok(Some(role.to_owned())),
        Some(role) => Err(InvalidSetting::new(
            name,
            role,
            "no role is called so",
            "the name of a role of the database, of at most 63 bytes",
        )),
    };
    let public = role(
        "ROWCAST_PUBLIC_DATABASE_ROLE",
        &settings.public_database_role,
    )?;
    let member = role(
        "ROWCAST_MEMBER_DATABASE_ROLE",
        &settings.member_database_role,
    )?;
    match settings.database_roles.as_deref() {
        Some("on") if auth == Auth::Off => Err(InvalidSetting(
            "ROWCAST_DATABASE_ROLES is on, but ROWCAST_AUTH is off, so nobody has a role: allowed \
             is to leave accounts on"
                .to_owned(),
        )),
        Some("on") => Ok(DatabaseRoles::On { public, member }),
        None | Some("" | "off") if public.is_some() || member.is_some() => Err(InvalidSetting(
            "ROWCAST_PUBLIC_DATABASE_ROLE or ROWCAST_MEMBER_DATABASE_ROLE is set, but \
             ROWCAST_DATABASE_ROLES is off: allowed is to turn it on, or to leave them unset"
                .to_owned(),
        )),
        None | Some("" | "off") => Ok(DatabaseRoles::Off),
        Some(other) => Err(InvalidSetting::new(
            "ROWCAST_DATABASE_ROLES",
            other,
            "it is neither",
            "on, off",
        )),
    }
}

/// Which database is served, and through which pooler.
fn database(settings: &Settings) -> Result<(DatabaseConfig, Option<Pooler>), InvalidSetting> {
    let url = url(
        ["DATABASE_URL", "DATABASE_URL_FILE"],
        &settings.database_url,
        &settings.database_url_file,
    )?;
    let direct = self::url(
        ["ROWCAST_DIRECT_URL", "ROWCAST_DIRECT_URL_FILE"],
        &settings.direct_url,
        &settings.direct_url_file,
    )?;
    let parse = |setting, url: &str| {
        pool::parse_url(setting, url).map_err(|error| InvalidSetting(error.to_string()))
    };
    match (url, direct) {
        (None, None) => Ok((embedded(settings)?, None)),
        (None, Some(_)) => Err(InvalidSetting(
            "ROWCAST_DIRECT_URL is set, but DATABASE_URL is not: allowed is to set it to the \
             pooler's URL, or DATABASE_URL alone"
                .to_owned(),
        )),
        (Some(url), None) => {
            let options = parse("DATABASE_URL", &url)?;
            Ok((DatabaseConfig::Url(Box::new(options)), None))
        }
        (Some(url), Some(direct)) => {
            let pooler = Pooler::new(&url, parse("DATABASE_URL", &url)?)?;
            let options = parse("ROWCAST_DIRECT_URL", &direct)?;
            Ok((DatabaseConfig::Url(Box::new(options)), Some(pooler)))
        }
    }
}

/// The standby from which lists may be read.
fn replica(settings: &Settings) -> Result<Option<Box<PgConnectOptions>>, InvalidSetting> {
    let url = url(
        ["ROWCAST_REPLICA_URL", "ROWCAST_REPLICA_URL_FILE"],
        &settings.replica_url,
        &settings.replica_url_file,
    )?;
    let Some(url) = url else { return Ok(None) };
    let is_set = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    if !is_set(&settings.database_url) && !is_set(&settings.database_url_file) {
        return Err(InvalidSetting(
            "ROWCAST_REPLICA_URL is set, but DATABASE_URL is not: allowed is a standby of the \
             database that DATABASE_URL names"
                .to_owned(),
        ));
    }
    let options = pool::parse_url("ROWCAST_REPLICA_URL", &url);
    let options = options.map_err(|error| InvalidSetting(error.to_string()))?;
    Ok(Some(Box::new(options)))
}

/// The URL of a setting, or of the file that another one names.
fn url(
    [name, file_name]: [&str; 2],
    url: &Option<String>,
    file: &Option<String>,
) -> Result<Option<String>, InvalidSetting> {
    let url = url.clone().filter(|url| !url.is_empty());
    match file.as_deref().filter(|file| !file.is_empty()) {
        None => Ok(url),
        Some(_) if url.is_some() => Err(InvalidSetting(format!(
            "{name} and {file_name} are both set: allowed is one of them"
        ))),
        Some(file) => secret_in(file_name, file).map(Some),
    }
}

fn embedded(settings: &Settings) -> Result<DatabaseConfig, InvalidSetting> {
    match settings.data_dir.as_deref() {
        Some("") => Err(InvalidSetting::new(
            "ROWCAST_DATA_DIR",
            "",
            "it is empty",
            "a directory",
        )),
        Some(directory) => Ok(DatabaseConfig::Embedded(directory.into())),
        None => default_data_dir().map(DatabaseConfig::Embedded),
    }
}

/// The line that stands in a file, which nothing that is said of it repeats.
///
/// # Errors
/// Why it can't be used.
pub fn secret_in(name: &str, file: &str) -> Result<String, InvalidSetting> {
    let wrong = |why: &str| InvalidSetting::new(name, file, why, "a file of one line");
    let text = match std::fs::read(file) {
        Ok(bytes) if bytes.len() > LONGEST_SECRET => return Err(wrong("it is too long")),
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| wrong("it is no text"))?,
        Err(error) => return Err(wrong(&format!("it can't be read ({})", error.kind()))),
    };
    match text.trim() {
        "" => Err(wrong("it is empty")),
        line if line.contains(['\n', '\r']) => Err(wrong("it holds several lines")),
        line => Ok(line.to_owned()),
    }
}

/// The most bytes of a file that holds a secret.
const LONGEST_SECRET: usize = 16 << 10;

/// The data directory where none is set. PostgreSQL does not run as root, and what it runs as
/// instead can't enter root's home directory.
fn default_data_dir() -> Result<PathBuf, InvalidSetting> {
    if rustix::process::geteuid().is_root() {
        return Ok("/var/lib/rowcast".into());
    }
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(data) = set("XDG_DATA_HOME").map(PathBuf::from)
        && data.is_absolute()
    {
        return Ok(data.join("rowcast"));
    }
    let home = set("HOME").ok_or_else(|| {
        InvalidSetting(
            "ROWCAST_DATA_DIR is unset and so is HOME: set one of them, or DATABASE_URL".to_owned(),
        )
    })?;
    Ok(Path::new(&home).join(".local/share/rowcast"))
}

fn addr(text: &str, auth: Auth) -> Result<SocketAddr, InvalidSetting> {
    let allowed = "an address and a port, such as 127.0.0.1:3000, [::1]:3000, localhost:3000 or, \
                   with ROWCAST_ORIGIN, 0.0.0.0:3000";
    let addr = socket_address(ADDR, text, allowed)?;
    if auth == Auth::Off && !addr.ip().is_loopback() {
        return Err(InvalidSetting::new(
            ADDR,
            text,
            "ROWCAST_AUTH=off is refused on an address that others can reach",
            "a loopback address and a port, such as 127.0.0.1:3000, or ROWCAST_AUTH=on",
        ));
    }
    Ok(addr)
}

/// Where `rowcast listen` says how it does.
///
/// # Errors
/// If it is no address and port.
pub fn health_address(text: &str) -> Result<SocketAddr, InvalidSetting> {
    let allowed = "an address and a port, such as 127.0.0.1:9187, [::1]:9187, localhost:9187 or, \
                   for others, 0.0.0.0:9187";
    socket_address(HEALTH_ADDR, text, allowed)
}

fn socket_address(setting: &str, text: &str, allowed: &str) -> Result<SocketAddr, InvalidSetting> {
    if let Ok(address) = SocketAddr::from_str(text) {
        return Ok(address);
    }
    // Names other than localhost are not looked up: what they mean is not ours to know.
    match text.strip_prefix("localhost:") {
        Some(port) if port.parse::<u16>().is_ok() => text
            .to_socket_addrs()
            .ok()
            .and_then(|mut found| found.find(|addr| addr.ip().is_loopback()))
            .ok_or_else(|| {
                InvalidSetting::new(setting, text, "localhost is unknown here", allowed)
            }),
        _ => Err(InvalidSetting::new(
            setting,
            text,
            "it is no address and port",
            allowed,
        )),
    }
}

fn retention(text: &str) -> Result<Duration, InvalidSetting> {
    let allowed = "a number and s, m, h or d, from 1m to 365d";
    let bounds = (Duration::from_secs(60), Duration::from_secs(365 * 86_400));
    duration("ROWCAST_RETENTION", text, allowed, bounds)
}

fn drain(text: Option<&str>) -> Result<Duration, InvalidSetting> {
    let allowed = "a number and s or m, from 0s to 10m";
    let bounds = (Duration::ZERO, Duration::from_secs(600));
    duration("ROWCAST_DRAIN", text.unwrap_or("0s"), allowed, bounds)
}

fn duration(
    name: &str,
    text: &str,
    allowed: &str,
    (least, greatest): (Duration, Duration),
) -> Result<Duration, InvalidSetting> {
    let invalid = |why| InvalidSetting::new(name, text, why, allowed);
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(invalid("it has no unit")),
    };
    let count: u64 = digits.parse().map_err(|_| invalid("it is no time"))?;
    let time = Duration::from_secs(count.saturating_mul(unit));
    if (least..=greatest).contains(&time) {
        Ok(time)
    } else {
        Err(invalid("it is out of range"))
    }
}

fn days(name: &str, text: Option<&str>, unless_said: u64) -> Result<Duration, InvalidSetting> {
    let days = text.map_or(Ok(unless_said), |text| number(name, text, 1, 3650))?;
    Ok(Duration::from_secs(days * 86_400))
}

fn number<N: FromStr + PartialOrd + fmt::Display>(
    name: &str,
    text: &str,
    least: N,
    greatest: N,
) -> Result<N, InvalidSetting> {
    match text.parse::<N>() {
        Ok(number) if (&least..=&greatest).contains(&&number) => Ok(number),
        _ => Err(InvalidSetting::new(
            name,
            text,
            "it is no number in range",
            &format!("{least} to {greatest}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            database_url: Some("postgres://localhost/x".to_owned()),
            addr: "127.0.0.1:3000".to_owned(),
            auth: "on".to_owned(),
            retention: "24h".to_owned(),
            connections: "8".to_owned(),
            max_clients: "10".to_owned(),
            read_bytes: "33554432".to_owned(),
            list_bytes: "67108864".to_owned(),
            import_bytes: "67108864".to_owned(),
            ..Settings::default()
        }
    }

    #[test]
    fn a_wrong_value_is_told_in_one_line_that_names_it_and_what_is_allowed() {
        type Change = fn(&mut Settings);
        let wrong: [(&str, Change); 25] = [
            ("DATABASE_URL", |s| {
                s.database_url = Some("mysql://x".into())
            }),
            ("ROWCAST_ADDR", |s| s.addr = "0.0.0.0:3000".into()),
            ("ROWCAST_ADDR", |s| s.addr = "[::]:3000".into()),
            ("ROWCAST_ADDR", |s| s.addr = "192.168.1.2:3000".into()),
            ("ROWCAST_ADDR", |s| s.addr = "example.com:3000".into()),
            ("ROWCAST_ADDR", |s| s.addr = "127.0.0.1".into()),
            ("ROWCAST_ADDR", |s| s.addr = "localhost:99999".into()),
            ("ROWCAST_ADDR", |s| s.addr = "a\nb".into()),
            ("ROWCAST_AUTH", |s| s.auth = "maybe".into()),
            ("ROWCAST_AUTH", |s| s.auth = String::new()),
            ("ROWCAST_BUS", |s| s.bus = Some("nats://localhost".into())),
            ("ROWCAST_REPLICA_URL", |s| {
                s.replica_url = Some("mysql://x".into());
            }),
            ("ROWCAST_REPLICA_URL", |s| {
                s.replica_url = Some("postgres://localhost/x".into());
                s.database_url = None;
            }),
            ("ROWCAST_RETENTION", |s| s.retention = "soon".into()),
            ("ROWCAST_RETENTION", |s| s.retention = "24".into()),
            ("ROWCAST_RETENTION", |s| s.retention = "5s".into()),
            ("ROWCAST_DRAIN", |s| s.drain = Some("1h".into())),
            ("ROWCAST_DRAIN", |s| s.drain = Some("30".into())),
            ("ROWCAST_AUDIT_DAYS", |s| s.audit_days = Some("1y".into())),
            ("ROWCAST_NOTIFICATION_DAYS", |s| {
                s.notification_days = Some("0".into());
            }),
            ("ROWCAST_CONNECTIONS", |s| s.connections = "0".into()),
            ("ROWCAST_MAX_CLIENTS", |s| s.max_clients = "many".into()),
            ("ROWCAST_READ_BYTES", |s| s.read_bytes = "1000".into()),
            ("ROWCAST_LIST_BYTES", |s| s.list_bytes = "64M".into()),
            ("ROWCAST_IMPORT_BYTES", |s| s.import_bytes = "0".into()),
        ];
        for (name, change) in wrong {
            let mut settings = settings();
            change(&mut settings);
            let text = Config::new(&settings).expect_err(name).to_string();
            assert!(text.starts_with(name), "{text}");
            assert!(text.contains("allowed is"), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
    }

    #[test]
    fn a_database_may_be_named_by_a_file_which_is_never_repeated() {
        let directory = std::env::temp_dir().join(format!("rowcast-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let with = |name: &str, text: &[u8]| {
            let file = directory.join(name);
            std::fs::write(&file, text).expect("a file");
            let mut settings = settings();
            settings.database_url = None;
            settings.database_url_file = file.to_str().map(str::to_owned);
            settings
        };
        let right = with("right", b"postgres://me:secret@db.example/shop\n");
        let config = Config::new(&right).expect("valid");
        let DatabaseConfig::Url(options) = config.database else {
            panic!("no URL")
        };
        assert_eq!(options.get_host(), "db.example");
        let mut both = right;
        both.database_url = Some("postgres://me:secret@other/shop".to_owned());
        let mut gone = settings();
        gone.database_url = None;
        gone.database_url_file = Some("/nowhere/secret".to_owned());
        for settings in [
            both,
            gone,
            with("none", b" \n"),
            with("lines", b"postgres://a:secret-line@b/c\npostgres://d/e"),
            with("no-text", b"\xffsecret-line"),
            with("long", &[b'x'; LONGEST_SECRET + 1]),
            with("other", b"mysql://a:secret-line@b/c"),
        ] {
            let text = Config::new(&settings).expect_err("wrong").to_string();
            assert!(text.starts_with("DATABASE_URL"), "{text}");
            assert!(text.contains("allowed is"), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(
                !text.contains("secret-line") && !text.contains("me:"),
                "{text}"
            );
        }
        std::fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn auth_off_is_refused_where_others_can_connect() {
        let mut settings = settings();
        settings.auth = "off".to_owned();
        assert!(Config::new(&settings).is_ok());
        settings.addr = "0.0.0.0:3000".to_owned();
        let text = Config::new(&settings)
            .expect_err("not loopback")
            .to_string();
        assert!(text.contains("ROWCAST_AUTH=off"), "{text}");
    }

    #[test]
    fn right_values_are_taken() {
        let mut settings = settings();
        for addr in [
            "127.0.0.1:0",
            "127.9.9.9:80",
            "[::1]:3000",
            "localhost:3000",
        ] {
            settings.addr = addr.to_owned();
            assert!(Config::new(&settings).is_ok(), "{addr}");
        }
        for (text, seconds) in [("90s", 90), ("30m", 1800), ("24h", 86_400), ("7d", 604_800)] {
            assert_eq!(retention(text), Ok(Duration::from_secs(seconds)));
        }
        settings.database_url = None;
        settings.data_dir = Some("/somewhere".to_owned());
        let config = Config::new(&settings).expect("valid");
        assert!(matches!(config.database, DatabaseConfig::Embedded(_)));
    }
}
