//! How PostgreSQL is reached.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::session::Manner;
use crate::error::DbError;

/// Connections of one server, if nothing else is said.
pub const CONNECTIONS: usize = 16;

/// How long one statement may run, if nothing else is said.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(20);

/// What PostgreSQL cuts names to.
const SCHEMA_BYTES_MAX: usize = 63;

/// How long a statement waits for a lock: somebody who holds one for longer is stuck.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the server keeps a transaction whose client says nothing any more, and with it the locks.
const IDLE_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

/// How soon a peer that is gone without a word is noticed.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// How PostgreSQL is reached.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database`, as `libpq` reads it.
    pub url: String,
    /// The schema in that database, which is made if it is missing; by default what `search_path` says.
    pub schema: Option<String>,
    /// Connections that are open at most; at least 3.
    pub connections: usize,
    /// How long one statement may run.
    pub statement_timeout: Duration,
    /// Whether the address is that of a pooler that lends a connection for each transaction, such as `PgBouncer`: then nothing
    /// is kept on a connection, and there are no hints.
    pub pooled: bool,
    /// Who may vouch for the server's certificate, as a PEM file; by default whom the system trusts.
    pub authorities: Option<PathBuf>,
}

impl std::fmt::Debug for PostgresOptions {
    // The address holds a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("connections", &self.connections)
            .field("statement_timeout", &self.statement_timeout)
            .field("authorities", &self.authorities)
            .finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// The defaults for the database at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: None,
            connections: CONNECTIONS,
            statement_timeout: STATEMENT_TIMEOUT,
            pooled: false,
            authorities: None,
        }
    }

    /// The database for people: without the password, and without an address that cannot be read.
    pub fn place(&self) -> String {
        let Ok(config) = self.url.parse::<Config>() else {
            return "PostgreSQL".to_owned();
        };
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let hosts: Vec<_> = hosts.collect();
        let database = config.get_dbname().unwrap_or_default();
        format!("{database} on {}", hosts.join(", "))
    }

    /// What each connection is made with.
    pub(super) fn config(&self) -> Result<Config, DbError> {
        let mut config: Config = self
            .url
            .parse()
            .map_err(|error| DbError::Address(Box::new(error)))?;
        if config.get_dbname().is_none() || config.get_hosts().is_empty() {
            return Err(DbError::Address("it names no host or no database".into()));
        }
        match self.schema.as_deref().map(checked).transpose()? {
            Some(_) if self.pooled => {
                return Err(DbError::Address(
                    "a schema cannot be chosen through a pooler: set the `search_path` of the role"
                        .into(),
                ));
            }
            Some(schema) => {
                let said = config.get_options().unwrap_or_default();
                config.options(format!("-c search_path={schema} {said}"));
            }
            None => {}
        }
        if !self.pooled {
            let limits = self
                .limits()
                .map(|(name, millis)| format!("-c {name}={millis}"));
            // What the address says comes last, and so counts.
            let said = config.get_options().unwrap_or_default();
            config.options(format!("{} {said}", limits.join(" ")));
        }
        config.application_name("guildhall");
        config.tcp_user_timeout(TCP_USER_TIMEOUT);
        if config.get_ssl_mode() == SslMode::Prefer {
            // Encryption that an attacker can talk away is none: who wants it says `sslmode=require`.
            config.ssl_mode(SslMode::Disable);
        }
        Ok(config)
    }

    /// The same for reads of any length.
    pub(super) fn patient(&self) -> Self {
        Self {
            statement_timeout: Duration::ZERO,
            ..self.clone()
        }
    }

    /// How the connections may be used.
    pub(super) fn manner(&self) -> Manner {
        // A pooler passes no settings on, so that each transaction brings them along.
        let limits = if self.pooled {
            let limits = self.limits();
            let limits = limits.map(|(name, millis)| format!("SET LOCAL {name} = {millis}; "));
            limits.concat()
        } else {
            String::new()
        };
        Manner {
            prepares: !self.pooled,
            change: format!("BEGIN READ WRITE; {limits}SELECT pg_current_xact_id()"),
            read: format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {limits}"),
        }
    }

    /// What the server ends by itself, in milliseconds; 0 is no end.
    fn limits(&self) -> [(&'static str, u128); 3] {
        // Whoever reads for as long as it takes may also think for as long between two statements.
        let idle = if self.statement_timeout.is_zero() {
            Duration::ZERO
        } else {
            IDLE_TRANSACTION_TIMEOUT
        };
        [
            ("statement_timeout", self.statement_timeout.as_millis()),
            ("lock_timeout", LOCK_TIMEOUT.as_millis()),
            ("idle_in_transaction_session_timeout", idle.as_millis()),
        ]
    }
}

/// A name that needs no quotes, so that it can stand in a setting as it is.
fn checked(schema: &str) -> Result<&str, DbError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let first = schema
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase());
    if first && schema.len() <= SCHEMA_BYTES_MAX && schema.bytes().all(plain) {
        Ok(schema)
    } else {
        Err(DbError::Address(
            "the schema is named by 1 to 63 lower-case letters, digits and `_`, a letter first"
                .into(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_never_shown() {
        let options = PostgresOptions::new("postgres://guildhall:secret@db/guildhall");
        assert!(!format!("{options:?}").contains("secret"));
    }

    #[test]
    fn what_the_address_says_counts() {
        let url = "postgres://u@db/guildhall?options=-cstatement_timeout%3D1";
        let config = PostgresOptions::new(url).config().unwrap();
        let settings = config.get_options().unwrap();
        assert!(
            settings.starts_with("-c statement_timeout=20000"),
            "{settings}"
        );
        assert!(settings.ends_with("-cstatement_timeout=1"));
        assert!(PostgresOptions::new("postgres://db").config().is_err());
        assert!(PostgresOptions::new("mysql://db/x").config().is_err());
    }
}
