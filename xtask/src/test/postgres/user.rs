//! Who runs the servers.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    failure::{Failure, Outcome},
    process::{capture, require},
};

/// Who may do it instead of root, whom PostgreSQL refuses.
const OTHERS: &[&str] = &["postgres", "nobody"];

const PASSWD: &str = "/etc/passwd";

/// Who runs a server: whoever runs this, or another user if that is root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum User {
    Same,
    Other { user: u32, group: u32 },
}

impl User {
    pub(super) fn find() -> Outcome<Self> {
        require("setpriv", "util-linux")?;
        if capture(Command::new("id").arg("-u"))?.trim() != "0" {
            return Ok(Self::Same);
        }
        let passwd =
            fs::read_to_string(PASSWD).map_err(Failure::doing(format!("reading {PASSWD}")))?;
        OTHERS
            .iter()
            .find_map(|name| Self::named(name, &passwd))
            .ok_or_else(|| {
                Failure::new(format!(
                    "PostgreSQL does not run as root, and there is no user `{}`",
                    OTHERS.join("` or `")
                ))
            })
    }

    fn named(name: &str, passwd: &str) -> Option<Self> {
        let line = passwd
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(|number| number.parse().ok());
        Some(Self::Other {
            user: numbers.next()??,
            group: numbers.next()??,
        })
    }

    /// Whether this user may see less than we do.
    pub(super) fn is_other(self) -> bool {
        self != Self::Same
    }

    /// Gives a file or directory to this user.
    pub(super) fn own(self, path: &Path) -> Outcome {
        match self {
            Self::Same => Ok(()),
            Self::Other { user, group } => chown(path, Some(user), Some(group))
                .map_err(Failure::doing(format!("giving away {}", path.display()))),
        }
    }

    /// A program that this user runs in `directory`, and that does not outlive us.
    pub(super) fn program(self, program: impl AsRef<OsStr>, directory: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.current_dir(directory).arg("--pdeathsig=QUIT");
        if let Self::Other { user, group } = self {
            command
                .arg(format!("--reuid={user}"))
                .arg(format!("--regid={group}"))
                .arg("--clear-groups");
        }
        command.arg(PathBuf::from(program.as_ref()));
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_user_is_found_by_the_whole_name() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\npostgresql:x:1:1::/:\npostgres:x:101:104::/:\n";
        assert_eq!(
            User::named("postgres", passwd),
            Some(User::Other {
                user: 101,
                group: 104
            })
        );
        assert_eq!(User::named("nobody", passwd), None);
    }
}
