//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use guildhall_core::deployments::DEFAULT_DEPLOYMENT;
use guildhall_types::ids::KeyId;

use crate::config::{self, Options, Place};
use crate::duration;

/// Organizations, members and roles for your application, on your own machine
#[derive(Debug, Parser)]
#[command(name = "guildhall", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start the server
    Serve(Serve),
    /// Make, list, revoke and replace API keys
    #[command(subcommand)]
    Key(KeyVerb),
    /// Make and list deployments: tenants with organizations, users and keys of their own
    #[command(subcommand)]
    Deployment(DeploymentVerb),
    /// Check every rule of the database and the chain of its ledger, also while the server runs
    Verify(Verify),
    /// Copy the database to a new file, also while the server runs
    Backup(Backup),
    /// Make a data directory from a backup
    Restore(Restore),
    /// Write everything in one canonical form: equal databases give equal bytes
    Export(Export),
    /// Copy everything to another database that has nothing yet: from SQLite to PostgreSQL, or back
    Copy(Copy),
    /// Bring the schema of the database up to date; `serve` does it by itself, unless it is told not to
    Migrate(Migrate),
    /// Fill a deployment with a believable company landscape
    Demo(Demo),
    /// Print the OpenAPI document
    Openapi,
    /// Print the completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
#[command(after_help = config::help())]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) options: Options,

    /// The TOML file with settings [default: guildhall.toml in the data directory, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// Make a key and print its secret, which is shown this one time
    Create(KeyCreate),
    /// List the keys, also those that ended
    List(KeyList),
    /// End a key for good; the server refuses it within a second
    Revoke(KeyChange),
    /// Replace a key by a new one with the same rights, end the old one, and print the new secret
    Rotate(KeyChange),
}

#[derive(Debug, Args)]
pub(crate) struct KeyCreate {
    /// The deployment that the key opens
    #[arg(long, value_name = "NAME", default_value = DEFAULT_DEPLOYMENT)]
    pub(crate) deployment: String,

    /// A label that tells you later what the key is for
    #[arg(long, value_name = "LABEL", default_value = "command line")]
    pub(crate) name: String,

    /// How long the key lives, such as `90d`, `12h` or `30m` [default: until it is revoked]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse_seconds)]
    pub(crate) expires: Option<i64>,

    /// Let the key read only
    #[arg(long)]
    pub(crate) read_only: bool,

    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct KeyList {
    /// List the keys of this deployment only
    #[arg(long, value_name = "NAME")]
    pub(crate) deployment: Option<String>,

    /// Print JSON for programs
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct KeyChange {
    /// The id of the key, as `guildhall key list` shows it
    pub(crate) id: KeyId,

    /// The deployment that the key must be of [default: whichever it is of]
    #[arg(long, value_name = "NAME")]
    pub(crate) deployment: Option<String>,

    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeploymentVerb {
    /// Make a deployment
    Create {
        /// Its name: lower-case letters, digits and hyphens
        name: String,

        #[command(flatten)]
        place: Place,
    },
    /// Change the settings of a deployment
    Update {
        /// Its name
        name: String,

        /// How many members each of its organizations may have; 0 lifts the cap
        #[arg(long, value_name = "COUNT")]
        max_members: u32,

        #[command(flatten)]
        place: Place,
    },
    /// List the deployments
    List {
        /// Print JSON for programs
        #[arg(long)]
        json: bool,

        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Print JSON for programs
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to make; it must not be there yet
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file to write; it must not be there yet [default: the standard output]
    pub(crate) file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Stop the servers first: what they change at the source after the copy began is not in it. The target is \
        filled as a whole, read back and compared, or it is left without data."
)]
pub(crate) struct Copy {
    #[command(flatten)]
    pub(crate) from: config::CopyFrom,

    #[command(flatten)]
    pub(crate) to: config::CopyTo,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// List the steps that would be run, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The deployment to fill; it is made if it is missing, and must be empty
    #[arg(long, value_name = "NAME", default_value = "demo")]
    pub(crate) deployment: String,

    #[command(flatten)]
    pub(crate) place: Place,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
