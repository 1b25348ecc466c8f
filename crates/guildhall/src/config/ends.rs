//! The two ends of a copy.

use std::path::PathBuf;

use clap::Args;
use guildhall_core::PostgresOptions;

use super::options::read;
use super::value::DatabaseUrl;
use crate::failure::Failure;

/// Where a copy comes from.
#[derive(Args, Debug)]
pub(crate) struct CopyFrom {
    /// What to copy: `sqlite://DIRECTORY`, `sqlite://FILE` of a backup, or `postgres://USER:PASSWORD@HOST/DATABASE`
    #[arg(
        long = "from",
        value_name = "URL",
        required_unless_present = "from_file"
    )]
    from: Option<DatabaseUrl>,

    /// A file that holds the address, which is a secret if it has a password
    #[arg(long = "from-file", value_name = "FILE", conflicts_with = "from")]
    from_file: Option<PathBuf>,

    /// The schema in that PostgreSQL [default: by the database's own `search_path`]
    #[arg(long = "from-schema", value_name = "NAME")]
    from_schema: Option<String>,

    /// A PEM file with who may vouch for its certificate [default: whom the system trusts]
    #[arg(long = "from-ca", value_name = "FILE")]
    from_ca: Option<PathBuf>,
}

/// Where a copy goes.
#[derive(Args, Debug)]
pub(crate) struct CopyTo {
    /// Where to: `sqlite://DIRECTORY` without a database, or `postgres://USER:PASSWORD@HOST/DATABASE` without data
    #[arg(long = "to", value_name = "URL", required_unless_present = "to_file")]
    to: Option<DatabaseUrl>,

    /// A file that holds the address, which is a secret if it has a password
    #[arg(long = "to-file", value_name = "FILE", conflicts_with = "to")]
    to_file: Option<PathBuf>,

    /// The schema in that PostgreSQL; made if it is missing [default: by the database's own `search_path`]
    #[arg(long = "to-schema", value_name = "NAME")]
    to_schema: Option<String>,

    /// A PEM file with who may vouch for its certificate [default: whom the system trusts]
    #[arg(long = "to-ca", value_name = "FILE")]
    to_ca: Option<PathBuf>,
}

/// One end, as its address names it.
#[derive(Debug)]
pub(crate) enum End {
    /// A directory, or a file.
    Sqlite(PathBuf),
    /// A PostgreSQL.
    Postgres(PostgresOptions),
}

impl CopyFrom {
    /// What the words name.
    pub(crate) fn end(self) -> Result<End, Failure> {
        end(
            "from",
            self.from,
            self.from_file,
            self.from_schema,
            self.from_ca,
        )
    }
}

impl CopyTo {
    /// What the words name.
    pub(crate) fn end(self) -> Result<End, Failure> {
        end("to", self.to, self.to_file, self.to_schema, self.to_ca)
    }
}

fn end(
    word: &str,
    url: Option<DatabaseUrl>,
    file: Option<PathBuf>,
    schema: Option<String>,
    authorities: Option<PathBuf>,
) -> Result<End, Failure> {
    let url: String = match (url, file) {
        (Some(url), _) => url.into(),
        (None, Some(file)) => read(&file)?.trim().to_owned(),
        (None, None) => String::new(),
    };
    match url.strip_prefix("sqlite://") {
        Some(_) if schema.is_some() || authorities.is_some() => Err(Failure::Usage(format!(
            "`--{word}-schema` and `--{word}-ca` are for a PostgreSQL"
        ))),
        Some(path) if !path.is_empty() => Ok(End::Sqlite(PathBuf::from(path))),
        None if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            Ok(End::Postgres(PostgresOptions {
                schema,
                authorities,
                ..PostgresOptions::new(url)
            }))
        }
        // It is not shown: it may hold a password all the same.
        _ => Err(Failure::Usage(format!(
            "`--{word}` must be an address such as `sqlite://DIRECTORY` or `postgres://USER:PASSWORD@HOST/DATABASE`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str, schema: Option<&str>) -> Result<End, Failure> {
        let schema = schema.map(str::to_owned);
        end("to", Some(url.parse().unwrap()), None, schema, None)
    }

    #[test]
    fn an_address_names_a_path_or_a_postgresql() {
        for (url, path) in [
            ("sqlite:///srv/data", "/srv/data"),
            ("sqlite://./guildhall-data", "./guildhall-data"),
            ("sqlite://today.backup", "today.backup"),
        ] {
            let Ok(End::Sqlite(found)) = parsed(url, None) else {
                panic!("{url}");
            };
            assert_eq!(found, PathBuf::from(path));
        }
        let Ok(End::Postgres(options)) = parsed("postgres://u:p@db/x", Some("mine")) else {
            panic!("no PostgreSQL");
        };
        assert_eq!(options.schema.as_deref(), Some("mine"));
    }

    #[test]
    fn what_is_none_is_not_repeated() {
        for url in ["", "sqlite://", "mysql://root:secret@db/x", "/srv/data"] {
            let Err(Failure::Usage(text)) = parsed(url, None) else {
                panic!("{url}");
            };
            assert!(
                text.contains("`--to`") && !text.contains("secret"),
                "{text}"
            );
        }
        assert!(parsed("sqlite://data", Some("mine")).is_err());
    }
}
