//! Verifying, exporting, backing up and restoring, with teeth: each rule is seen broken, behind the server's back.
//!
//! The damage is done through the engine itself, which is why these tests, and no others, know it.

#[cfg(test)]
mod backup;
#[cfg(test)]
mod columns;
#[cfg(test)]
mod copy;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod export;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod live;
#[cfg(test)]
mod migration;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod world;
