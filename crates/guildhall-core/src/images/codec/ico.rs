//! Icons that hold a PNG.
//!
//! `image` reads a PNG inside an icon without any limit (a color profile of 2 MB may unfold to 2 GB), and
//! only if its pixels are stored as RGBA, which those of many favicons are not. So such a PNG is taken out
//! and read like one that was uploaded by itself; what is left to the icon decoder is bitmaps.

/// The first bytes of a PNG.
const PNG_MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Bytes of the header, and of each entry of the directory behind it.
const HEADER_BYTES: usize = 6;
const ENTRY_BYTES: usize = 16;

/// The widest PNG of an icon, if it holds any.
pub(super) fn embedded_png(icon: &[u8]) -> Option<&[u8]> {
    let (header, directory) = icon.split_at_checked(HEADER_BYTES)?;
    let count = usize::from(u16::from_le_bytes(*header.last_chunk()?));
    directory
        .chunks_exact(ENTRY_BYTES)
        .take(count)
        .filter_map(|entry| {
            // A width of 256 is written as 0.
            let width = entry.first()?.wrapping_sub(1);
            let offset = usize::try_from(u32::from_le_bytes(*entry.last_chunk()?)).ok()?;
            let png = icon.get(offset..)?;
            png.starts_with(PNG_MAGIC).then_some((width, png))
        })
        .max_by_key(|(width, _)| *width)
        .map(|(_, png)| png)
}
