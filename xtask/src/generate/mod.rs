//! `cargo xtask generate`: writes the files that follow from the code; `--check` only compares.

mod difference;
mod tables;

use std::fs;

use crate::{
    failure::{Failure, Outcome},
    process::capture,
    project::{Profile, Project},
};

const OPENAPI: &str = "openapi/guildhall.json";

/// A derived file and the text that it should have.
struct Derived {
    path: &'static str,
    text: String,
}

/// Writes, or compares after `--check`.
pub(crate) fn command(project: &Project, words: &[String]) -> Outcome {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => write(project),
        ["--check"] => check(project, Profile::Debug),
        _ => Err(Failure::new(
            "`cargo xtask generate` takes nothing or `--check`",
        )),
    }
}

fn write(project: &Project) -> Outcome {
    for file in derive(project, Profile::Debug)? {
        let path = project.path(file.path);
        if fs::read_to_string(&path).is_ok_and(|old| old == file.text) {
            continue;
        }
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)
                .map_err(Failure::doing(format!("creating {}", directory.display())))?;
        }
        fs::write(&path, file.text).map_err(Failure::doing(format!("writing {}", file.path)))?;
        println!("wrote {}", file.path);
    }
    Ok(())
}

/// Fails with a summary when `cargo xtask generate` would change a file.
pub(crate) fn check(project: &Project, profile: Profile) -> Outcome {
    let differences: Vec<String> = derive(project, profile)?
        .iter()
        .filter_map(|file| {
            difference::summary(
                file.path,
                &project.read(file.path).unwrap_or_default(),
                &file.text,
            )
        })
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{}\nrun `cargo xtask generate` and commit what it writes",
        differences.join("\n")
    )))
}

fn derive(project: &Project, profile: Profile) -> Outcome<Vec<Derived>> {
    let server = project.build(profile, &["guildhall"])?;
    let page = |path, name, table: String| {
        tables::replace(&project.read(path)?, name, &table)
            .map(|text| Derived { path, text })
            .map_err(|problem| Failure::new(format!("{path}: {problem}")))
    };
    Ok(vec![
        Derived {
            path: OPENAPI,
            text: capture(project.program(server).arg("openapi"))?,
        },
        page("docs/limits.md", "limits", tables::limits())?,
        page("docs/errors.md", "errors", tables::errors())?,
    ])
}
