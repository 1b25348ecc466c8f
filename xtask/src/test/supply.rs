//! What we take from others: `cargo deny` with `deny.toml`.

use crate::{
    failure::Outcome,
    process::{run, succeeds},
    project::Project,
    tools,
};

/// Licences, sources and walls always; advisories where their database can be had.
pub(super) fn deny(project: &Project) -> Outcome {
    let program = tools::DENY.ensure(project)?;
    let deny = |arguments: &[&str]| {
        let mut deny = project.program(&program);
        deny.args(["--workspace", "--locked"]).args(arguments);
        deny
    };
    run(&mut deny(&[
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))?;
    if succeeds(&mut deny(&["fetch", "db"])) {
        return run(&mut deny(&["check", "--disable-fetch", "advisories"]));
    }
    println!("advisories: NOT CHECKED: no network to the advisory database");
    Ok(())
}
