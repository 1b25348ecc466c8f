//! The tests of the rules and of the API, on PostgreSQL.

use crate::{failure::Outcome, process::run, project::Project, tools};

/// Where the tests find the PostgreSQL that they are to run on.
const DATABASE_URL: &str = "GUILDHALL_TEST_DATABASE_URL";

/// A test of the rules that is about the embedded engine itself.
struct LeftOut {
    module: &'static str,
    test: &'static str,
    reason: &'static str,
}

/// All that is left out; everything else means every engine.
const LEFT_OUT: &[LeftOut] = &[
    LeftOut {
        module: "dry_run",
        test: "a_rehearsal_sees_what_stands_before_it_in_the_queue",
        reason: "there is a queue only before the one writer",
    },
    LeftOut {
        module: "expiry",
        test: "a_deployment_that_cannot_be_swept_stops_no_other",
        reason: "it damages the file of the database",
    },
    LeftOut {
        module: "loading",
        test: "a_check_does_not_wait_for_many_roles",
        reason: "only a read of the file is over at once",
    },
    LeftOut {
        module: "loading",
        test: "a_disabled_user_is_not_let_in_by_being_deleted",
        reason: "it stops asking in the middle of a load that only the embedded engine finishes by itself",
    },
];

impl LeftOut {
    /// Its name for nextest.
    fn name(&self) -> String {
        format!("{}::{}", self.module, self.test)
    }
}

/// Runs them with the server at `url`. What is compiled is what the step before all tests of the workspace compiled.
pub(super) fn run_on(project: &Project, url: &str) -> Outcome {
    for left_out in LEFT_OUT {
        println!("left out: {}: {}", left_out.name(), left_out.reason);
    }
    let mut nextest = project.program(tools::NEXTEST.ensure(project)?);
    nextest.args(["nextest", "run", "--workspace", "--locked", "--cargo-quiet"]);
    nextest.args(["--test", "rules", "--test", "api", "--filterset", &rest()]);
    run(nextest.env(DATABASE_URL, url))
}

/// Everything but what is left out, as nextest is told it.
fn rest() -> String {
    let names: Vec<String> = LEFT_OUT
        .iter()
        .map(|left_out| format!("test(={})", left_out.name()))
        .collect();
    format!("not ({})", names.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_exists() {
        let project = Project::find().unwrap();
        for LeftOut { module, test, .. } in LEFT_OUT {
            let path = format!("crates/guildhall-core/tests/rules/{module}.rs");
            let text = project.read(&path).unwrap();
            assert!(
                text.contains(&format!("fn {test}()")),
                "{path} has no {test}"
            );
        }
    }
}
