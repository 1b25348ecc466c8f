//! One layer of settings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use guildhall_core::PostgresOptions;
use guildhall_http::tls::TlsOptions;
use serde::Deserialize;

use super::value::{self, Bytes, Count, DatabaseUrl, LogFilter, LogFormat, PublicUrl};
use super::{DATA_DIR, FILE};
use crate::failure::Failure;

/// The settings of the server; each field is a flag, a variable and a key of the TOML file.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Where to listen; port 0 is any that is free [default: 127.0.0.1:8480]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = value::address)]
    pub(super) listen: Option<SocketAddr>,

    /// Where the data is; created if it is missing [default: ./guildhall-data]
    #[arg(long, value_name = "DIRECTORY")]
    pub(super) data_dir: Option<PathBuf>,

    #[command(flatten)]
    #[serde(default)]
    pub(super) database: Database,

    /// Whether the schema of the database is brought up to date; if not, one that lacks a step is refused [default: true]
    #[arg(long, value_name = "BOOLEAN")]
    pub(super) migrate: Option<bool>,

    /// The address that clients reach the server at; image addresses begin with it [default: the listen address]
    #[arg(long, value_name = "URL")]
    pub(super) public_url: Option<PublicUrl>,

    /// A PEM file with the certificate of the server first; read again when it changes
    #[arg(long, value_name = "FILE")]
    pub(super) tls_cert: Option<PathBuf>,

    /// A PEM file with the private key of the certificate; read again when it changes
    #[arg(long, value_name = "FILE")]
    pub(super) tls_key: Option<PathBuf>,

    /// Requests that each API key may make a minute [default: no limit]
    #[arg(long, value_name = "COUNT")]
    pub(super) key_rate_limit: Option<Count>,

    /// Memory for organizations that access is checked in, such as `1GiB`; what was asked for least makes room
    /// [default: 256MiB]
    #[arg(long, value_name = "SIZE")]
    pub(super) access_cache: Option<Bytes>,

    /// Requests that are answered at the same time; one more is told to come back [default: 512]
    #[arg(long, value_name = "COUNT")]
    pub(super) in_flight_max: Option<Count>,

    /// Connections that are open at the same time; one more waits [default: 4096]
    #[arg(long, value_name = "COUNT")]
    pub(super) connections_max: Option<Count>,

    /// How the log on stderr is written; `auto` is text on a terminal and JSON elsewhere [default: auto]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(super) log_format: Option<LogFormat>,

    /// What is logged: a level, or a filter such as `info,guildhall_http=debug` [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub(super) log: Option<LogFilter>,
}

/// The PostgreSQL that the data is in; without an address it is in the data directory. In the TOML file this is the table
/// `database`.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Database {
    /// The PostgreSQL to keep the data in, `postgres://USER:PASSWORD@HOST/DATABASE` [default: the data directory]
    #[arg(long = "database-url", value_name = "URL")]
    url: Option<DatabaseUrl>,

    /// A file that holds the address, which is a secret
    #[arg(long = "database-url-file", value_name = "FILE")]
    url_file: Option<PathBuf>,

    /// The schema in that database; made if it is missing [default: by the database's own `search_path`]
    #[arg(long = "database-schema", value_name = "NAME")]
    schema: Option<String>,

    /// A PEM file with who may vouch for the database's certificate [default: whom the system trusts]
    #[arg(long = "database-ca", value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Whether the address is that of a pooler that lends connections by the transaction [default: false]
    #[arg(long = "database-pooled", value_name = "BOOLEAN")]
    pooled: Option<bool>,

    /// Connections that are open to the database at the same time [default: 16]
    #[arg(long = "database-connections", value_name = "COUNT")]
    connections: Option<Count>,

    /// How long a statement may run in the database [default: 20]
    #[arg(long = "database-statement-timeout", value_name = "SECONDS")]
    statement_timeout: Option<Count>,
}

impl Database {
    fn or(self, below: Self) -> Self {
        // The address is one setting that can be said in two ways.
        let (url, url_file) = match (self.url, self.url_file) {
            (None, None) => (below.url, below.url_file),
            said => said,
        };
        Self {
            url,
            url_file,
            schema: self.schema.or(below.schema),
            ca: self.ca.or(below.ca),
            pooled: self.pooled.or(below.pooled),
            connections: self.connections.or(below.connections),
            statement_timeout: self.statement_timeout.or(below.statement_timeout),
        }
    }

    fn relative_to(mut self, directory: &Path) -> Self {
        for path in [&mut self.url_file, &mut self.ca] {
            *path = path.take().map(|path| directory.join(path));
        }
        self
    }

    /// How the PostgreSQL is reached, if one is named.
    pub(super) fn postgres(self) -> Result<Option<PostgresOptions>, Failure> {
        let url = match (self.url, self.url_file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(Failure::Usage(
                    "`database-url` and `database-url-file` both say where the database is: say one".to_owned(),
                ));
            }
            (Some(url), None) => url.into(),
            (None, Some(file)) => read(&file)?.trim().to_owned(),
        };
        let defaults = PostgresOptions::new(url);
        let seconds = |count: Count| Duration::from_secs(count.get().get().into());
        Ok(Some(PostgresOptions {
            schema: self.schema,
            authorities: self.ca,
            pooled: self.pooled.unwrap_or(defaults.pooled),
            connections: self
                .connections
                .map_or(defaults.connections, Count::to_usize),
            statement_timeout: self
                .statement_timeout
                .map_or(defaults.statement_timeout, seconds),
            ..defaults
        }))
    }
}

/// Where the data is, for the verbs that need nothing else.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Place {
    /// Where the data is [default: ./guildhall-data]
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data_dir: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) database: Database,

    // Of the server; what is said there, by a variable or in the file, is meant for every verb.
    #[arg(long, value_name = "BOOLEAN", hide = true)]
    pub(crate) migrate: Option<bool>,

    /// The TOML file with settings [default: guildhall.toml in the data directory, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl From<Place> for Options {
    fn from(place: Place) -> Self {
        Self {
            data_dir: place.data_dir,
            database: place.database,
            migrate: place.migrate,
            ..Self::default()
        }
    }
}

impl Options {
    /// What this layer says, and `below` where it says nothing.
    pub(super) fn or(self, below: Self) -> Self {
        Self {
            listen: self.listen.or(below.listen),
            data_dir: self.data_dir.or(below.data_dir),
            database: self.database.or(below.database),
            migrate: self.migrate.or(below.migrate),
            public_url: self.public_url.or(below.public_url),
            tls_cert: self.tls_cert.or(below.tls_cert),
            tls_key: self.tls_key.or(below.tls_key),
            key_rate_limit: self.key_rate_limit.or(below.key_rate_limit),
            access_cache: self.access_cache.or(below.access_cache),
            in_flight_max: self.in_flight_max.or(below.in_flight_max),
            connections_max: self.connections_max.or(below.connections_max),
            log_format: self.log_format.or(below.log_format),
            log: self.log.or(below.log),
        }
    }

    /// Both files, or neither.
    pub(super) fn tls(&self) -> Result<Option<TlsOptions>, Failure> {
        let missing = |have: &str, lack: &str| {
            Failure::Usage(format!(
                "`{have}` needs `{lack}` beside it: TLS takes both files"
            ))
        };
        match (&self.tls_cert, &self.tls_key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(TlsOptions::new(certificate, key))),
            (Some(_), None) => Err(missing("tls-cert", "tls-key")),
            (None, Some(_)) => Err(missing("tls-key", "tls-cert")),
        }
    }

    /// The paths of a file mean what they say from where the file is, wherever the server is started.
    fn relative_to(mut self, directory: &Path) -> Self {
        for path in [&mut self.data_dir, &mut self.tls_cert, &mut self.tls_key] {
            *path = path.take().map(|path| directory.join(path));
        }
        self.database = self.database.relative_to(directory);
        self
    }
}

pub(super) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("cannot read `{}`: {error}", path.display())))
}

/// The file that `--config` names.
pub(super) fn from_file(path: &Path) -> Result<Options, Failure> {
    let text = read(path)?;
    let options: Options = toml::from_str(&text).map_err(|error| {
        let text = error.to_string();
        Failure::Usage(format!(
            "`{}` is not usable\n{}",
            path.display(),
            text.trim_end()
        ))
    })?;
    Ok(options.relative_to(path.parent().unwrap_or(Path::new(""))))
}

/// The file that was found in the data directory.
pub(super) fn from_data_dir(path: &Path) -> Result<Options, Failure> {
    let options = from_file(path)?;
    if options.data_dir.is_some() {
        return Err(Failure::Usage(format!(
            "`{}` cannot say where the data directory is, because it was found there; \
             remove the key `data_dir`, or name the file with `--config`",
            path.display(),
        )));
    }
    Ok(options)
}

/// What `serve --help` says at its end.
pub(crate) fn help() -> String {
    format!(
        "Every option is also an environment variable (`GUILDHALL_LISTEN` for `--listen`) and a key of the TOML file \
         (`listen`). Flags come before variables, variables before the file. Without `--config`, the file is \
         `{FILE}` in the data directory, if there is one; the data directory is `{DATA_DIR}` unless it is named. \
         Paths in the file are relative to it."
    )
}
