//! The published crate `wacht` 0.1.0-beta.9, unmodified, against a real Guildhall: one module a noun.

mod common;

mod documents;
mod errors;
mod members;
mod organizations;
mod roles;
mod settings_and_health;
mod users;
