//! The answer that says nothing.

use serde::{Deserialize, Serialize};

/// `{}`: what a change answers that has nothing to show. Both published SDKs need an object here (wire contract,
/// section 1.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Empty {}
