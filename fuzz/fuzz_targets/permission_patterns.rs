//! Any texts as the permissions of a role, and any text as the one that is asked for.
//!
//! Each line of the input is a permission that a role holds; the last one is asked for. The set must give what a second
//! matcher gives, which is written from the rules in another way.

#![no_main]

use guildhall_access::{PermissionSet, matches};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (held, asked) = input.rsplit_once('\n').unwrap_or(("", input));
    let held: Vec<&str> = held.split('\n').collect();
    for text in &held {
        assert_eq!(
            matches(text, asked),
            is_like(text, asked),
            "{text:?} {asked:?}"
        );
    }
    let set = PermissionSet::new(held.iter().copied());
    let given = held.iter().any(|text| is_like(text, asked));
    assert_eq!(set.grants(asked, false), given, "{held:?} {asked:?}");
    // A text with a wildcard is no exact one, not even of itself.
    let exactly = held.contains(&asked) && !asked.split(':').any(|segment| segment == "*");
    assert_eq!(set.grants(asked, true), exactly, "{held:?} {asked:?}");
});

/// By cutting one segment after the other from the front of both texts.
fn is_like(held: &str, asked: &str) -> bool {
    match (held.split_once(':'), asked.split_once(':')) {
        (None, None) => held == "*" || held == asked,
        (None, Some(_)) => held == "*",
        (Some(_), None) => false,
        (Some((first, held)), Some((same, asked))) => {
            (first == "*" || first == same) && is_like(held, asked)
        }
    }
}
