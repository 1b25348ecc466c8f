//! Where a setting comes from: flags, then the environment, then the TOML file, then the defaults.
//!
//! The three layers are one type, [`Options`]: a new setting is a field there, and a flag, a variable and a TOML key
//! at once. The environment is read here and nowhere else.

mod ends;
mod environment;
mod options;
mod value;

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use guildhall_core::{ACCESS_CACHE_BYTES, PostgresOptions};
use guildhall_http::server::CONNECTIONS_MAX;
use guildhall_http::shell::IN_FLIGHT_MAX;
use guildhall_http::tls::TlsOptions;

pub(crate) use ends::{CopyFrom, CopyTo, End};
use options::Database;
pub(crate) use options::{Options, Place, help};
pub(crate) use value::LogFormat;

use crate::failure::Failure;
use value::{Bytes, Count, LogFilter, PublicUrl};

/// The file that is read from the data directory when `--config` names no other.
const FILE: &str = "guildhall.toml";

const DATA_DIR: &str = "./guildhall-data";
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8480);

/// What the server runs with.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) location: Location,
    pub(crate) listen: SocketAddr,
    public_url: Option<PublicUrl>,
    pub(crate) tls: Option<TlsOptions>,
    pub(crate) key_requests_a_minute: Option<NonZeroU32>,
    pub(crate) access_cache_bytes: usize,
    pub(crate) in_flight_max: usize,
    pub(crate) connections_max: usize,
    pub(crate) log: LogConfig,
}

/// Where the data is, and what may be done to it.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub(crate) data_dir: PathBuf,
    /// The PostgreSQL that is used instead, if one is named.
    pub(crate) database: Option<PostgresOptions>,
    /// Whether the schema may be brought up to date.
    pub(crate) migrate: bool,
}

/// What the log is written with.
#[derive(Debug)]
pub(crate) struct LogConfig {
    pub(crate) format: LogFormat,
    pub(crate) filter: String,
    /// Whether colours are welcome where there is a terminal (<https://no-color.org>).
    pub(crate) colour: bool,
}

/// Where the variables of the environment come from; a test has its own.
type Read<'a> = &'a dyn Fn(&str) -> Option<OsString>;

fn process(variable: &str) -> Option<OsString> {
    std::env::var_os(variable)
}

/// The configuration of the server.
pub(crate) fn server(config: Option<PathBuf>, flags: Options) -> Result<Config, Failure> {
    Config::layered(config, flags, &process)
}

/// Where the data is, for every other verb.
pub(crate) fn place(mut place: Place) -> Result<Location, Failure> {
    let config = place.config.take();
    let flags = Options::from(place);
    // Only where the data is: a bad variable of the server's is no reason not to revoke a key.
    let mut environment = environment::read::<Place>(&process)?;
    let config = config.or(environment.config.take());
    let (data_dir, options) = layers(config.as_deref(), flags, environment.into())?;
    location(data_dir, options.database, options.migrate)
}

/// The address at which clients of this machine most likely reach the server, for what a verb suggests to try.
pub(crate) fn likely_url(place: &Place) -> String {
    let flags = Options::from(place.clone());
    server(place.config.clone(), flags).map_or_else(
        |_| format!("http://{LISTEN}"),
        |config| config.public_url(config.listen),
    )
}

fn location(
    data_dir: PathBuf,
    database: Database,
    migrate: Option<bool>,
) -> Result<Location, Failure> {
    Ok(Location {
        data_dir,
        database: database.postgres()?,
        migrate: migrate.unwrap_or(true),
    })
}

/// The data directory, and the options of all layers in one.
fn layers(
    config: Option<&Path>,
    flags: Options,
    environment: Options,
) -> Result<(PathBuf, Options), Failure> {
    let above = flags.or(environment);
    let file = above
        .data_dir
        .as_deref()
        .unwrap_or(Path::new(DATA_DIR))
        .join(FILE);
    let below = match config {
        Some(path) => options::from_file(path)?,
        None if file.exists() => options::from_data_dir(&file)?,
        None => Options::default(),
    };
    let options = above.or(below);
    let data_dir = options
        .data_dir
        .clone()
        .unwrap_or_else(|| PathBuf::from(DATA_DIR));
    Ok((data_dir, options))
}

impl Config {
    fn layered(config: Option<PathBuf>, flags: Options, read: Read<'_>) -> Result<Self, Failure> {
        let place = environment::read::<Place>(read)?;
        let environment = environment::read::<Options>(read)?;
        let config = config.or(place.config);
        let (data_dir, options) = layers(config.as_deref(), flags, environment)?;
        let limit = |count: Option<Count>, default| count.map_or(default, Count::to_usize);
        Ok(Self {
            listen: options.listen.unwrap_or(LISTEN),
            tls: options.tls()?,
            location: location(data_dir, options.database, options.migrate)?,
            public_url: options.public_url,
            key_requests_a_minute: options.key_rate_limit.map(Count::get),
            access_cache_bytes: options
                .access_cache
                .map_or(ACCESS_CACHE_BYTES, Bytes::to_usize),
            in_flight_max: limit(options.in_flight_max, IN_FLIGHT_MAX),
            connections_max: limit(options.connections_max, CONNECTIONS_MAX),
            log: LogConfig {
                format: options.log_format.unwrap_or_default(),
                filter: options.log.unwrap_or_default().into(),
                colour: read("NO_COLOR").is_none_or(|value| value.is_empty()),
            },
        })
    }

    /// The address for a person on this machine, with the port that the system chose.
    pub(crate) fn local_url(&self, local: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", reachable(local))
    }

    /// The address that clients reach the server at.
    pub(crate) fn public_url(&self, local: SocketAddr) -> String {
        self.public_url
            .clone()
            .map_or_else(|| self.local_url(local), String::from)
    }

    /// Whether the address for clients is a guess that only this machine understands.
    pub(crate) fn public_url_is_missing(&self) -> bool {
        self.public_url.is_none() && !self.listen.ip().is_loopback()
    }
}

/// "Every address of this machine" is none that a client could connect to.
fn reachable(local: SocketAddr) -> SocketAddr {
    let ip = match local.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, local.port())
}

impl LogConfig {
    /// What the other verbs log with: for the person in front of them, and only what is wrong.
    pub(crate) fn of_a_verb() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "warn".to_owned(),
            colour: true,
        }
    }
}

impl From<LogFilter> for String {
    fn from(filter: LogFilter) -> Self {
        filter.0
    }
}

#[cfg(test)]
mod tests;
