//! Starting other programs and saying what became of them.

use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome};

/// Runs a program with our own standard output and error; anything but success is a failure.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(not_started(command))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`{}` ended with {status}",
        spoken(command)
    )))
}

/// Runs a program and answers what it wrote to its standard output.
pub(crate) fn capture(command: &mut Command) -> Outcome<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(not_started(command))?;
    if !output.status.success() {
        return Err(Failure::new(format!(
            "`{}` ended with {}",
            spoken(command),
            output.status
        )));
    }
    String::from_utf8(output.stdout).map_err(Failure::doing(format!(
        "reading what `{}` wrote",
        spoken(command)
    )))
}

/// Whether a program can be started and succeeds, without a word from it.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Makes sure of a program: installs Debian's packages where it may (in CI as root), otherwise says what is missing.
pub(crate) fn require(program: &str, packages: &str) -> Outcome {
    // Whether it starts, not how it ends: `openssl` knows no `--version`.
    let there = || {
        let mut probe = Command::new(program);
        probe.arg("--version").stdin(Stdio::null());
        probe
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok()
    };
    if there() || (install(packages) && there()) {
        return Ok(());
    }
    Err(missing(program, packages))
}

fn missing(program: &str, packages: &str) -> Failure {
    Failure::new(format!(
        "`{program}` is missing; install it, on Debian with `apt-get install {packages}`"
    ))
}

/// Installs Debian's packages in CI, where the machine is nobody's; on a person's machine that is the person's to do.
fn install(packages: &str) -> bool {
    if std::env::var_os("CI").is_none() {
        return false;
    }
    let apt = |words: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").args(words);
        succeeds(&mut apt)
    };
    let packages: Vec<&str> = packages.split(' ').collect();
    apt(&["update"])
        && apt(&[
            &["install", "--yes", "--no-install-recommends"],
            &packages[..],
        ]
        .concat())
}

/// The command as a person would type it.
fn spoken(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let mut words = vec![name.to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

fn not_started(command: &Command) -> impl FnOnce(std::io::Error) -> Failure + use<> {
    Failure::doing(format!("starting `{}`", spoken(command)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_how_it_ended() {
        let failure = run(Command::new("/bin/sh").args(["-c", "exit 3"]))
            .unwrap_err()
            .to_string();
        assert_eq!(failure, "`sh -c exit 3` ended with exit status: 3");
        let failure = capture(&mut Command::new("no-such-program"))
            .unwrap_err()
            .to_string();
        assert!(
            failure.starts_with("starting `no-such-program`: "),
            "{failure}"
        );
    }

    #[test]
    fn a_missing_program_is_named_with_what_brings_it() {
        let failure = missing("no-such-program", "such-a-package").to_string();
        assert!(
            failure.contains("`no-such-program` is missing"),
            "{failure}"
        );
        assert!(
            failure.contains("apt-get install such-a-package"),
            "{failure}"
        );
    }

    #[test]
    fn what_a_program_wrote_is_captured() {
        assert_eq!(
            capture(Command::new("/bin/sh").args(["-c", "echo yes"])).unwrap(),
            "yes\n"
        );
    }
}
