//! The ground floor: ids, wire shapes, limits and error codes.
//!
//! The server, its clients and the command line share these types, so they cannot drift. Nothing here does
//! I/O, and nothing here knows a database or a web framework.

pub mod access;
pub mod dry_run;
pub mod empty;
pub mod errors;
pub mod ids;
pub mod json;
pub mod keys;
pub mod ledger;
pub mod limits;
pub mod lists;
pub mod members;
pub mod organizations;
pub mod patch;
pub mod revisions;
pub mod roles;
pub mod time;
pub mod users;

pub use empty::Empty;
pub use errors::{ErrorCode, FieldError, Problem};
pub use json::JsonObject;
pub use lists::Page;
pub use patch::Patch;
pub use revisions::{IfMatch, Revision};
pub use time::Timestamp;
