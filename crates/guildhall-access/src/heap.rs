//! What the parts of a snapshot weigh. Allocators round up; what they add is not counted.

/// The two counts in front of what an `Arc` holds.
pub(crate) const ARC_HEADER_BYTES: usize = 2 * size_of::<usize>();
