//! Logos: a pattern of tiles that mirrors itself, as PNG.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};

use super::dice::Dice;
use crate::failure::Failure;

/// Tiles along each side.
const TILES: u32 = 7;

/// Pixels along the side of a tile.
const TILE_PIXELS: u32 = 16;

const PAPER: Rgb<u8> = Rgb([0xfa, 0xf7, 0xf0]);

const INKS: [[u8; 3]; 10] = [
    [0x1b, 0x4d, 0x89],
    [0xb0, 0x3a, 0x2e],
    [0x1e, 0x6f, 0x5c],
    [0x7d, 0x3c, 0x98],
    [0xb9, 0x77, 0x0e],
    [0x2c, 0x3e, 0x50],
    [0xc2, 0x18, 0x5b],
    [0x00, 0x69, 0x7a],
    [0x5d, 0x6d, 0x1e],
    [0x8d, 0x4a, 0x2b],
];

/// The logo of a company; each `seed` has its own.
pub(super) fn png(seed: u64) -> Result<Vec<u8>, Failure> {
    let mut dice = Dice::new(seed);
    let ink = Rgb(dice.pick(&INKS));
    let pattern = dice.roll();
    let image = RgbImage::from_fn(TILES * TILE_PIXELS, TILES * TILE_PIXELS, |x, y| {
        let (column, row) = (x / TILE_PIXELS, y / TILE_PIXELS);
        if is_inked(pattern, column, row) {
            ink
        } else {
            PAPER
        }
    });
    let mut bytes = Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|error| Failure::internal(&error))?;
    Ok(bytes.into_inner())
}

/// Whether a tile is inked: never at the edge, and as its mirror image left and right.
fn is_inked(pattern: u64, column: u32, row: u32) -> bool {
    let edge = TILES - 1;
    if column == 0 || row == 0 || column == edge || row == edge {
        return false;
    }
    let mirrored = column.min(edge - column);
    (pattern >> (row * (TILES.div_ceil(2)) + mirrored)) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_is_a_small_png_of_its_own() {
        let one = png(1).unwrap();
        assert!(
            one.starts_with(b"\x89PNG") && one.len() < 4_000,
            "{}",
            one.len()
        );
        assert_eq!(one, png(1).unwrap());
        assert_ne!(one, png(2).unwrap());
    }

    #[test]
    fn a_logo_mirrors_itself() {
        let pattern = Dice::new(5).roll();
        for row in 0..TILES {
            for column in 0..TILES {
                let mirror = TILES - 1 - column;
                assert_eq!(
                    is_inked(pattern, column, row),
                    is_inked(pattern, mirror, row)
                );
            }
        }
    }
}
