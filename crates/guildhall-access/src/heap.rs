//! What the parts of a snapshot weigh: what is asked of the allocator, which may round up.

/// The two counts in front of what an `Arc` holds.
pub(crate) const ARC_HEADER_BYTES: usize = 2 * size_of::<usize>();

/// A text behind an `Arc`, padded to whole words.
pub(crate) fn text_bytes(text: &str) -> usize {
    (ARC_HEADER_BYTES + text.len()).next_multiple_of(size_of::<usize>())
}
