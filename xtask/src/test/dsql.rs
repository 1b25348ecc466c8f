//! The schema and the statements, as a linter for Aurora DSQL reads them: a relative of PostgreSQL that leaves much out, and
//! that cannot be had here. What it takes is the subset that other relatives take as well.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    failure::{Failure, Outcome},
    process::{capture, require, run},
    project::Project,
};

/// Of the registry of Python, into an environment of its own.
const NAME: &str = "dsql-lint";
const VERSION: &str = "0.2.22";
const ENVIRONMENT: &str = ".tools/venv-dsql-lint";

const SCHEMA: &str = "crates/guildhall-core/schema";

/// What the linter may object to, and why it stays: a rule of the linter and the reason.
const ACCEPTED: &[(&str, &str)] = &[(
    "index_async",
    "PostgreSQL knows no ASYNC; whoever lays the schema out on DSQL writes it there",
)];

/// One objection.
#[derive(Debug, PartialEq, Eq)]
struct Objection {
    rule: String,
    /// File and line, and what is wrong there.
    words: String,
}

pub(super) fn lint(project: &Project) -> Outcome {
    let linter = ensure(project)?;
    let statements = project.target().join("statements.sql");
    let print = ["run", "--locked", "--package", "guildhall-core"];
    let mut print = project.cargo(&print);
    let texts = capture(print.args(["--example", "statements"]))?;
    fs::write(&statements, texts).map_err(Failure::doing("writing the statements to a file"))?;
    let mut lint = project.program(linter);
    lint.args(["--format", "json"]).args(schema(project)?);
    let objections = objections(&report(lint.arg(statements))?)?;
    for (rule, reason) in ACCEPTED {
        let count = objections.iter().filter(|found| found.rule == *rule);
        println!("accepted: {} × {rule}: {reason}", count.count());
    }
    judge(&objections)
}

/// The linter, installed if it is not there in its version.
fn ensure(project: &Project) -> Outcome<PathBuf> {
    let program = project.path(ENVIRONMENT).join("bin").join(NAME);
    if is_there(&program) {
        return Ok(program);
    }
    require("python3", "python3 python3-venv")?;
    let mut python = project.program("python3");
    run(python.args(["-m", "venv", "--clear", ENVIRONMENT]))?;
    let mut pip = project.program(project.path(ENVIRONMENT).join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]);
    run(pip.arg(format!("{NAME}=={VERSION}")))?;
    if is_there(&program) {
        return Ok(program);
    }
    Err(Failure::new(format!(
        "{NAME} {VERSION} was installed, but does not answer"
    )))
}

fn is_there(program: &Path) -> bool {
    let said = Command::new(program).arg("--version").output();
    said.is_ok_and(|said| {
        String::from_utf8_lossy(&said.stdout)
            .trim_end()
            .ends_with(VERSION)
    })
}

/// The files of the schema.
fn schema(project: &Project) -> Outcome<Vec<PathBuf>> {
    let doing = || Failure::doing(format!("listing {SCHEMA}"));
    let mut files = Vec::new();
    for entry in fs::read_dir(project.path(SCHEMA)).map_err(doing())? {
        let path = Path::new(SCHEMA).join(entry.map_err(doing())?.file_name());
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// What the linter writes. How it ends says only whether it objects to anything.
fn report(lint: &mut Command) -> Outcome<Value> {
    let output = lint
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(Failure::doing(format!("starting {NAME}")))?;
    serde_json::from_slice(&output.stdout)
        .map_err(Failure::doing(format!("reading what {NAME} writes")))
}

fn objections(report: &Value) -> Outcome<Vec<Objection>> {
    let unknown = || Failure::new(format!("{NAME} writes another form than it did"));
    let files = report.get("files").and_then(Value::as_array);
    let mut found = Vec::new();
    for file in files.ok_or_else(unknown)? {
        let text = |at: &Value, key: &str| Some(at.get(key)?.as_str()?.to_owned());
        let path = text(file, "file").ok_or_else(unknown)?;
        if let Some(error) = text(file, "error") {
            return Err(Failure::new(format!("{NAME} cannot read {path}: {error}")));
        }
        let diagnostics = file.get("diagnostics").and_then(Value::as_array);
        for diagnostic in diagnostics.ok_or_else(unknown)? {
            let line = diagnostic.get("line").ok_or_else(unknown)?;
            let message = text(diagnostic, "message").ok_or_else(unknown)?;
            found.push(Objection {
                rule: text(diagnostic, "rule").ok_or_else(unknown)?,
                words: format!("{path}:{line}: {message}"),
            });
        }
    }
    Ok(found)
}

/// Everything is accepted that is found, and everything is found that is accepted.
fn judge(objections: &[Objection]) -> Outcome {
    let accepted = |rule: &str| ACCEPTED.iter().any(|(known, _)| *known == rule);
    let mut wrong: Vec<String> = objections
        .iter()
        .filter(|found| !accepted(&found.rule))
        .map(|found| format!("{} ({})", found.words, found.rule))
        .collect();
    let unused = ACCEPTED
        .iter()
        .filter(|(rule, _)| objections.iter().all(|found| found.rule != *rule))
        .map(|(rule, _)| format!("{rule} is accepted and found nowhere; take it off the list"));
    wrong.extend(unused);
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::new(wrong.join("\n")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(rule: &str) -> Value {
        json!({"rule": rule, "line": 4, "message": "no"})
    }

    fn judged(diagnostics: &[Value]) -> Outcome {
        let files =
            json!({"files": [{"file": "a.sql", "diagnostics": diagnostics, "error": null}]});
        judge(&objections(&files)?)
    }

    #[test]
    fn only_what_is_accepted_may_be_found() {
        judged(&[found("index_async"), found("index_async")]).unwrap();
        let failure = judged(&[found("index_async"), found("truncate")]);
        assert_eq!(failure.unwrap_err().to_string(), "a.sql:4: no (truncate)");
    }

    #[test]
    fn what_is_accepted_must_be_found() {
        let failure = judged(&[]).unwrap_err().to_string();
        assert!(failure.starts_with("index_async is accepted"), "{failure}");
    }

    #[test]
    fn another_form_is_no_agreement() {
        objections(&json!({"results": []})).unwrap_err();
        judged(&[json!({"rule": "index_async"})]).unwrap_err();
    }
}
