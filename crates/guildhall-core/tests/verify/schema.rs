//! What a schema lacks, and who may use one of tomorrow; on the engine that the tests run on.

use guildhall_core::schema::{known, migrate, missing, must_be_up_to_date};
use guildhall_core::{DbError, MIGRATIONS};
use guildhall_db::{Migration, missing_steps, run_steps};
use guildhall_testbed::Place;

/// A step of tomorrow.
fn tomorrow(usable_from: Option<i64>) -> Vec<Migration> {
    let step = Migration {
        number: known() + 1,
        name: "of tomorrow",
        usable_from,
        text: "CREATE TABLE of_tomorrow (id BIGINT NOT NULL PRIMARY KEY);\n",
    };
    [MIGRATIONS, &[step]].concat()
}

#[test]
fn what_is_missing_is_told_and_run_once() {
    let place = Place::new().unwrap();
    let source = place.source();
    let all = missing(&source).unwrap();
    assert_eq!(all.len(), MIGRATIONS.len());
    assert_eq!(missing(&source).unwrap(), all, "nothing was changed");
    let refusal = must_be_up_to_date(&source).unwrap_err();
    assert!(
        matches!(refusal, DbError::SchemaTooOld { found: 0, .. }),
        "{refusal}"
    );
    assert_eq!(migrate(&source).unwrap(), all);
    assert_eq!(migrate(&source).unwrap(), []);
    must_be_up_to_date(&source).unwrap();
}

#[test]
fn the_steps_that_are_there_are_left_alone() {
    let place = Place::new().unwrap();
    let (first, rest) = MIGRATIONS.split_at(2);
    run_steps(&place.source(), first).unwrap();
    let refusal = must_be_up_to_date(&place.source()).unwrap_err();
    assert!(
        matches!(refusal, DbError::SchemaTooOld { found: 2, .. }),
        "{refusal}"
    );
    let run = migrate(&place.source()).unwrap();
    let numbers = |steps: &[Migration]| steps.iter().map(|step| step.number).collect::<Vec<_>>();
    assert_eq!(
        run.iter().map(|step| step.number).collect::<Vec<_>>(),
        numbers(rest)
    );
}

#[test]
fn each_step_is_told_by_the_one_who_ran_it() {
    let place = Place::new().unwrap();
    let source = place.source();
    let all = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| migrate(&source))).collect();
        let runs = starts
            .into_iter()
            .map(|start| start.join().unwrap().unwrap());
        runs.flatten().map(|step| step.number).collect::<Vec<_>>()
    });
    let mut once = all.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(
        (all.len(), once.len()),
        (MIGRATIONS.len(), MIGRATIONS.len())
    );
}

#[test]
fn a_schema_of_tomorrow_is_refused() {
    let place = Place::new().unwrap();
    let newer = tomorrow(None);
    run_steps(&place.source(), &newer).unwrap();
    for refusal in [
        missing(&place.source()).unwrap_err(),
        migrate(&place.source()).unwrap_err(),
    ] {
        assert!(
            matches!(refusal, DbError::SchemaTooNew { known: older, .. } if older == known()),
            "{refusal}"
        );
    }
}

#[test]
fn a_schema_of_tomorrow_that_may_be_used_is_used() {
    let place = Place::new().unwrap();
    let newer = tomorrow(Some(known()));
    assert_eq!(
        run_steps(&place.source(), &newer).unwrap().len(),
        newer.len()
    );
    assert_eq!(migrate(&place.source()).unwrap(), []);
    must_be_up_to_date(&place.source()).unwrap();
    drop(crate::world::open_at(place.source(), crate::world::clock()));

    // But not by those who are older still.
    let older = &MIGRATIONS[..MIGRATIONS.len() - 1];
    let refusal = missing_steps(&place.source(), older).unwrap_err();
    assert!(matches!(refusal, DbError::SchemaTooNew { .. }), "{refusal}");
}
