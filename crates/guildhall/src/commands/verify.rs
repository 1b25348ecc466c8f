//! `guildhall verify`: whether the database keeps every rule, and the ledger its chain.

use std::process::ExitCode;

use guildhall_core::verify::{self, Finding, Report, Step};

use crate::cli::Verify;
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::store::Store;

pub(super) fn run(words: Verify) -> Result<ExitCode, Failure> {
    let store = Store::configured(words.place)?;
    let guildhall = store.open_to_read().map_err(|failure| match failure {
        // What is asked here is whether the database is sound: this is an answer, and not a failure to answer.
        Failure::Internal(text) => Failure::Refused(format!(
            "the database cannot be opened, and may be damaged: {text}; `guildhall restore` makes a new data \
             directory from a backup"
        )),
        other => other,
    })?;
    let progress = Progress::new("verifying", 0);
    let mut step = None;
    let report = verify::verify(&guildhall, |at| {
        progress.set(at.done, at.total);
        if step.replace(at.step) != Some(at.step) {
            progress.doing(match at.step {
                Step::Engine => "file",
                Step::Streams => "ledger",
                Step::Tables => "tables",
            });
        }
    })?;
    drop(progress);
    if words.json {
        output::json(&report)?;
    } else {
        output::print(&text(&report, &store.name()))?;
    }
    Ok(if report.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The report for people: what is broken first, what was looked at last.
fn text(report: &Report, store: &str) -> String {
    let mut lines: Vec<String> = report.findings.iter().map(line).collect();
    let told = u64::try_from(lines.len()).unwrap_or_default();
    if report.findings_count > told {
        lines.push(format!("… and {} more", report.findings_count - told));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(format!(
        "looked at `{store}`: {deployments} deployments, {organizations} organizations, {members} members, \
         {roles} roles, {users} users, {entries} entries of the ledger",
        deployments = report.deployments,
        organizations = report.organizations,
        members = report.members,
        roles = report.roles,
        users = report.users,
        entries = report.ledger_entries,
    ));
    lines.push(verdict(report.findings_count));
    lines.join("\n") + "\n"
}

fn line(finding: &Finding) -> String {
    let Finding {
        deployment_id,
        place,
        rule,
        message,
    } = finding;
    let deployment = match deployment_id {
        Some(id) if *place != format!("deployment {id}") => format!(" (deployment {id})"),
        _ => String::new(),
    };
    format!("{rule}: {place}{deployment}: {message}")
}

fn verdict(findings: u64) -> String {
    match findings {
        0 => "every rule is kept".to_owned(),
        1 => "1 rule is broken".to_owned(),
        count => format!("{count} places break a rule"),
    }
}
