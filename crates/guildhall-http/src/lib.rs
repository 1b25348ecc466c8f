//! The doors: what stands between a socket and the rules.
//!
//! A request walks through [`server`] (sockets, TLS), [`shell`] (ids, bounds, compression), the key (`keys.rs`) and one
//! handler of [`routes`], which parses, calls one function of `guildhall-core` and answers. No SQL here, no rule.

pub mod access;
pub mod app;
pub mod body;
pub mod keys;
pub mod metrics;
pub mod problem;
pub mod request_id;
pub mod routes;
pub mod server;
pub mod shell;
pub mod tls;

mod activity;
mod admission;
mod answer;
mod change;
mod connection;
mod dry_run;
mod form;
mod images;
mod json;
mod ledger;
mod members;
mod openapi;
mod organizations;
mod query;
mod roles;
mod system;
mod trail;
mod users;
