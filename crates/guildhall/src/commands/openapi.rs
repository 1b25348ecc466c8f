//! `guildhall openapi`: the document that describes the API of this version.

use guildhall_http::routes;

use crate::failure::Failure;
use crate::output;

pub(super) fn run() -> Result<(), Failure> {
    output::json(&routes::document())
}
