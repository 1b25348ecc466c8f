//! `cargo xtask test`: every check and every test, the cheapest first, up to the first that fails.
//!
//! A step that needs a program installs it or says what is missing; nothing is skipped in silence.

pub(crate) mod acceptance;
mod dsql;
mod postgres;
mod supply;
mod workspace;

use std::time::{Duration, Instant};

use crate::{
    failure::{Failure, Outcome},
    generate, process,
    project::{Profile, Project},
    tidy,
};

/// One step: its name for `--only`, what is true once it has passed, and how that is found out.
struct Step {
    name: &'static str,
    shows: &'static str,
    run: fn(&Project) -> Outcome,
}

/// The order is the price: a slip of the pen fails in seconds, not after the release build. A new step is one entry here
/// and one function that finds out; it is nobody's to leave out.
const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        shows: "every file is formatted",
        run: workspace::fmt,
    },
    Step {
        name: "tidy",
        shows: "the rules of the house hold",
        run: tidy::check,
    },
    Step {
        name: "clippy",
        shows: "no lint of the workspace is broken",
        run: workspace::clippy,
    },
    Step {
        name: "rustdoc",
        shows: "the documentation builds and its links lead somewhere",
        run: workspace::rustdoc,
    },
    Step {
        name: "deny",
        shows: "licences, sources and walls between crates hold",
        run: supply::deny,
    },
    Step {
        name: "nextest",
        shows: "every test of the workspace passes",
        run: workspace::nextest,
    },
    Step {
        name: "dsql",
        shows: "the SQL is what relatives of PostgreSQL read, as far as a linter knows",
        run: dsql::lint,
    },
    Step {
        name: "postgres-15",
        shows: "the rules and the API are the same on PostgreSQL 15",
        run: postgres::oldest,
    },
    Step {
        name: "postgres-18",
        shows: "the rules and the API are the same on PostgreSQL 18",
        run: postgres::newest,
    },
    Step {
        name: "serializable",
        shows: "the rules and the API are the same when every transaction is serializable",
        run: postgres::serializable,
    },
    Step {
        name: "doctest",
        shows: "every example in the documentation of the code runs",
        run: workspace::doctest,
    },
    Step {
        name: "oracle",
        shows: "an engine that others wrote decides as ours does, in process and over HTTP",
        run: acceptance::oracle,
    },
    Step {
        name: "build",
        shows: "the server builds for release",
        run: build,
    },
    Step {
        name: "generated",
        shows: "the derived files are what the code says",
        run: generated,
    },
    Step {
        name: "js-sdk",
        shows: "the published JavaScript SDK works",
        run: acceptance::js_sdk,
    },
    Step {
        name: "js-sdk-postgres",
        shows: "the published JavaScript SDK works with servers on PostgreSQL",
        run: postgres::js_sdk,
    },
    Step {
        name: "docs",
        shows: "every example in the documents runs and says what it says",
        run: acceptance::docs,
    },
    Step {
        name: "rust-sdk",
        shows: "the published Rust SDK works",
        run: acceptance::rust_sdk,
    },
    Step {
        name: "rust-sdk-postgres",
        shows: "the published Rust SDK works with servers on PostgreSQL",
        run: postgres::rust_sdk,
    },
    Step {
        name: "schemathesis",
        shows: "the server keeps what its OpenAPI document says",
        run: acceptance::schemathesis,
    },
];

/// Runs all steps, or the one after `--only`; `--list` prints them.
pub(crate) fn command(project: &Project, words: &[String]) -> Outcome {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => run(project, STEPS),
        ["--list"] => {
            list();
            Ok(())
        }
        ["--only", name] => run(project, std::slice::from_ref(step(name)?)),
        _ => Err(Failure::new(
            "`cargo xtask test` takes nothing, `--list`, or `--only STEP`",
        )),
    }
}

fn step(name: &str) -> Outcome<&'static Step> {
    STEPS.iter().find(|step| step.name == name).ok_or_else(|| {
        Failure::new(format!(
            "no step `{name}`; `cargo xtask test --list` names them"
        ))
    })
}

fn list() {
    for step in STEPS {
        println!("{:<17} {}", step.name, step.shows);
    }
}

fn run(project: &Project, steps: &[Step]) -> Outcome {
    let mut passed = Vec::new();
    for step in steps {
        println!("\n── {}: {}", step.name, step.shows);
        let start = Instant::now();
        let outcome = (step.run)(project);
        let took = start.elapsed();
        if let Err(failure) = outcome {
            summarize(&passed);
            println!("── {} FAILED after {}", step.name, seconds(took));
            println!("{} passed, 1 failed", passed.len());
            return Err(Failure::new(format!(
                "{failure}\nto repeat it: cargo xtask test --only {}",
                step.name
            )));
        }
        println!("── {} passed in {}", step.name, seconds(took));
        passed.push((step.name, took));
    }
    summarize(&passed);
    println!("{} passed, 0 failed", passed.len());
    Ok(())
}

fn summarize(passed: &[(&str, Duration)]) {
    println!();
    for (name, took) in passed {
        println!("{name:<17} {:>8}", seconds(*took));
    }
    println!(
        "{:<17} {:>8}",
        "together",
        seconds(passed.iter().map(|(_, took)| *took).sum())
    );
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// The server as it is shipped, and as the acceptance steps run it.
fn build(project: &Project) -> Outcome {
    project.build(Profile::Release, &["guildhall"])?;
    // The first command of the README names no package.
    process::run(&mut project.cargo(&["run", "--release", "--locked", "--", "--version"]))
}

fn generated(project: &Project) -> Outcome {
    generate::check(project, Profile::Release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_stops_the_run_and_says_how_to_repeat_it() {
        let steps = [
            Step {
                name: "roof",
                shows: "it is dry",
                run: |_| Err(Failure::new("the roof leaks")),
            },
            Step {
                name: "never",
                shows: "not reached",
                run: |_| Err(Failure::new("reached")),
            },
        ];
        let failure = run(&Project::find().unwrap(), &steps)
            .unwrap_err()
            .to_string();
        assert_eq!(
            failure,
            "the roof leaks\nto repeat it: cargo xtask test --only roof"
        );
        run(
            &Project::find().unwrap(),
            &[Step {
                name: "door",
                shows: "it opens",
                run: |_| Ok(()),
            }],
        )
        .unwrap();
    }

    #[test]
    fn a_step_has_a_name_of_its_own() {
        let mut names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }

    #[test]
    fn an_unknown_step_or_flag_is_refused() {
        let project = Project::find().unwrap();
        let only = command(&project, &["--only".to_owned(), "clipy".to_owned()])
            .unwrap_err()
            .to_string();
        assert!(only.starts_with("no step `clipy`"), "{only}");
        command(&project, &["--fast".to_owned()]).unwrap_err();
    }
}
