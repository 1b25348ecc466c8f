//! What a WebP file may make its decoder allocate, read before the decoder runs.
//!
//! `image-webp` 0.2.4 takes no limit, and believes two sizes without asking:
//!
//! * that in the frame header of the lossy form: a file that calls itself small may speak of
//!   16,383 × 16,383 pixels there, and the two are compared only after the planes are allocated;
//! * the count of groups of prefix codes of the lossless form, which is one more than the largest number
//!   in an image of numbers: 670 kB of file can ask for 65,536 groups of 70 kB, more than 4 GB.
//!
//! So the file is read here first, as far as these two sizes (RFC 9649, sections 2.5 to 2.7 and 3.4 to
//! 3.7). A file that cannot be read that far is refused: the decoder would refuse it too.

mod lossless;

use super::InvalidImage;

/// Groups of prefix codes of a lossless image; each may take the decoder 120 kB.
///
/// Of 216 images that libwebp wrote, up to 2 MB and with every effort, none had more than 83.
pub(super) const GROUPS_MAX: u32 = 256;

/// Refuses a file whose first image would take more memory than its pixels account for.
///
/// `canvas` is the width and height that the file declares, within our limits already.
pub(super) fn check_memory(file: &[u8], canvas: (u32, u32)) -> Result<(), InvalidImage> {
    for chunk in Chunks(file.get(12..).unwrap_or_default()) {
        if chunk.kind != *b"ANMF" {
            check_chunk(&chunk, canvas)?;
            continue;
        }
        // In a still image the decoder takes a frame's chunks for its own, whatever the frame's size.
        let is_animated = file.get(20).is_some_and(|flags| flags & 0b10 != 0);
        let frame = frame_size(chunk.payload).filter(|_| is_animated);
        let (width, height) = frame.ok_or(InvalidImage::Damaged)?;
        if width > canvas.0 || height > canvas.1 {
            return Err(InvalidImage::Damaged);
        }
        // The decoder looks at two chunks of the first frame, even if they reach past the frame's end.
        let inner = chunk.onwards.get(16..).unwrap_or_default();
        return Chunks(inner)
            .take(2)
            .try_for_each(|chunk| check_chunk(&chunk, (width, height)));
    }
    Ok(())
}

fn check_chunk(chunk: &Chunk<'_>, size: (u32, u32)) -> Result<(), InvalidImage> {
    let groups = match &chunk.kind {
        b"VP8 " => lossy_size(chunk.payload)
            .filter(|frame| *frame == size)
            .map(|_| 0),
        b"VP8L" => lossless::group_count(chunk.payload),
        b"ALPH" => match chunk.payload.split_first() {
            Some((flags, stream)) if flags & 0b11 == 1 => {
                lossless::group_count_of_alpha(stream, size)
            }
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    match groups {
        None => Err(InvalidImage::Damaged),
        Some(groups) if groups > GROUPS_MAX => Err(InvalidImage::Groups),
        Some(_) => Ok(()),
    }
}

/// A part of the file.
struct Chunk<'a> {
    kind: [u8; 4],
    payload: &'a [u8],
    /// The payload and all that follows it.
    onwards: &'a [u8],
}

/// The parts of a file, one after the other, as far as they go (RFC 9649, section 2.3).
struct Chunks<'a>(&'a [u8]);

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        let (kind, rest) = self.0.split_first_chunk()?;
        let (size, onwards) = rest.split_first_chunk()?;
        let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
        self.0 = onwards
            .get(size.saturating_add(size & 1)..)
            .unwrap_or_default();
        Some(Chunk {
            kind: *kind,
            payload: onwards.get(..size).unwrap_or(onwards),
            onwards,
        })
    }
}

/// Width and height of a frame of an animation (RFC 9649, section 2.7.1.1).
fn frame_size(payload: &[u8]) -> Option<(u32, u32)> {
    let size = payload.get(6..12)?;
    let (width, height) = (size.first_chunk()?, size.last_chunk()?);
    let number = |&[low, middle, high]: &[u8; 3]| u32::from_le_bytes([low, middle, high, 0]) + 1;
    Some((number(width), number(height)))
}

/// Width and height in the frame header of a lossy image (RFC 6386, section 9.1).
fn lossy_size(payload: &[u8]) -> Option<(u32, u32)> {
    let size = payload.get(3..10)?.strip_prefix(&[0x9d, 0x01, 0x2a])?;
    let (width, height) = (size.first_chunk()?, size.last_chunk()?);
    // Two bits on top ask for scaling, which nobody does.
    let number = |bytes: &[u8; 2]| u32::from(u16::from_le_bytes(*bytes) & 0x3fff);
    Some((number(width), number(height)))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, RgbaImage};

    use super::super::normalise_image;
    use super::*;

    const SIZE: (u32, u32) = (2, 2);

    /// A lossy frame of 2 × 2 pixels, as libwebp writes it.
    const FRAME: [u8; 36] = [
        0x90, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x02, 0x00, 0x02, 0x00, 0x0c, 0xc0, 0xce, 0x25, 0xa0,
        0x02, 0x74, 0xba, 0x00, 0x03, 0x98, 0x00, 0xfe, 0xbb, 0xb7, 0xe2, 0xd8, 0xa4, 0x37, 0x33,
        0xc3, 0x6a, 0xac, 0x96, 0x80, 0x00,
    ];

    fn chunk(kind: &[u8], payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len()).unwrap().to_le_bytes();
        let padding = vec![0; payload.len() % 2];
        [kind, &size, payload, &padding].concat()
    }

    fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
        chunk(b"RIFF", &[b"WEBP".to_vec(), chunks.concat()].concat())
    }

    /// The chunk of an extended file, with its flags and a canvas of 2 × 2 pixels.
    fn extended(flags: u8) -> Vec<u8> {
        chunk(b"VP8X", &[flags, 0, 0, 0, 1, 0, 0, 1, 0, 0])
    }

    fn is_decoded(file: &[u8]) -> bool {
        image::load_from_memory_with_format(file, ImageFormat::WebP).is_ok()
    }

    /// Writes the lowest bits of numbers one after the other.
    fn stream(numbers: &[(u32, u32)]) -> Vec<u8> {
        let bits: Vec<_> = numbers
            .iter()
            .flat_map(|&(number, count)| (0..count).map(move |place| number >> place & 1))
            .collect();
        let byte = |bits: &[u32]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
        bits.chunks(8)
            .map(|bits| u8::try_from(byte(bits)).unwrap())
            .collect()
    }

    /// A prefix code of one symbol, which takes no bits in the stream.
    fn only(symbol: u32) -> [(u32, u32); 3] {
        [(0b01, 2), (1, 1), (symbol, 8)]
    }

    /// A lossless image up to the codes of its groups, whose one entropy block has this number.
    fn lossless(group: u32) -> Vec<u8> {
        let header = [(0x2f, 8), (1, 14), (1, 14), (0, 1), (0, 3)];
        let no_transform_no_cache_but_groups_in_blocks_of_4 = [(0, 1), (0, 1), (1, 1), (0, 3)];
        let no_cache = [(0, 1)];
        let [green, red] = [only(group & 0xff), only(group >> 8)];
        stream(
            &[
                header.as_slice(),
                &no_transform_no_cache_but_groups_in_blocks_of_4,
                &no_cache,
                &green,
                &red,
                &only(0),
                &only(0),
                &only(0),
            ]
            .concat(),
        )
    }

    #[test]
    fn a_lossy_frame_must_be_as_large_as_the_file_says() {
        let honest = file(&[extended(0), chunk(b"VP8 ", &FRAME)]);
        assert_eq!(check_memory(&honest, SIZE), Ok(()));
        assert!(is_decoded(&honest));

        let mut huge = FRAME;
        huge[6..10].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
        let bomb = file(&[extended(0), chunk(b"VP8 ", &huge)]);
        assert_eq!(check_memory(&bomb, SIZE), Err(InvalidImage::Damaged));
    }

    #[test]
    fn a_lossless_image_may_have_some_groups_of_codes_but_not_65_536() {
        let few = file(&[chunk(b"VP8L", &lossless(GROUPS_MAX - 1))]);
        assert_eq!(check_memory(&few, SIZE), Ok(()));
        // Seen without the check: a file of 110 kB with 10,000 groups took 566 MB.
        for group in [GROUPS_MAX, 65_535] {
            let bomb = file(&[chunk(b"VP8L", &lossless(group))]);
            assert_eq!(normalise_image(&bomb), Err(InvalidImage::Groups));
        }
    }

    #[test]
    fn compressed_alpha_is_a_lossless_image_without_its_header() {
        let bomb = [&[1], &lossless(65_535)[5..]].concat();
        let bomb = file(&[
            extended(0x10),
            chunk(b"ALPH", &bomb),
            chunk(b"VP8 ", &FRAME),
        ]);
        assert_eq!(check_memory(&bomb, SIZE), Err(InvalidImage::Groups));

        let plain = file(&[
            extended(0x10),
            chunk(b"ALPH", &[0, 9, 9, 9, 9]),
            chunk(b"VP8 ", &FRAME),
        ]);
        assert_eq!(check_memory(&plain, SIZE), Ok(()));
        assert!(is_decoded(&plain));
    }

    #[test]
    fn the_first_frame_of_an_animation_is_checked_even_past_its_end() {
        let frame = |size: u8, inner: &[u8]| {
            [
                &[0, 0, 0, 0, 0, 0, size - 1, 0, 0, size - 1, 0, 0, 0, 0, 0, 0],
                inner,
            ]
            .concat()
        };
        let animation = |frame: Vec<u8>, after: Vec<u8>| {
            file(&[
                extended(2),
                chunk(b"ANIM", &[0; 6]),
                chunk(b"ANMF", &frame),
                after,
            ])
        };
        let honest = animation(frame(2, &chunk(b"VP8 ", &FRAME)), Vec::new());
        assert_eq!(check_memory(&honest, SIZE), Ok(()));
        assert!(is_decoded(&honest));

        let bomb = chunk(b"VP8L", &lossless(65_535));
        let inside = animation(frame(2, &bomb), Vec::new());
        assert_eq!(check_memory(&inside, SIZE), Err(InvalidImage::Groups));
        let across = animation(frame(2, &bomb[..8]), bomb[8..].to_vec());
        assert_eq!(check_memory(&across, SIZE), Err(InvalidImage::Groups));

        let larger_than_the_canvas = animation(frame(3, &chunk(b"VP8 ", &FRAME)), Vec::new());
        assert_eq!(
            check_memory(&larger_than_the_canvas, SIZE),
            Err(InvalidImage::Damaged)
        );
        let still = file(&[extended(0), chunk(b"ANMF", &frame(2, &bomb))]);
        assert_eq!(check_memory(&still, SIZE), Err(InvalidImage::Damaged));
    }

    #[test]
    fn what_the_encoder_writes_passes() {
        let image = RgbaImage::from_fn(50, 40, |x, y| {
            image::Rgba([x, y, x ^ y, x + y].map(|value| u8::try_from(value).unwrap()))
        });
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, ImageFormat::WebP).unwrap();
        assert_eq!(check_memory(file.get_ref(), (50, 40)), Ok(()));
    }

    #[test]
    fn a_file_cut_short_is_refused() {
        let whole = lossless(7);
        let cut = file(&[chunk(b"VP8L", &whole[..whole.len() - 1])]);
        assert_eq!(check_memory(&cut, SIZE), Err(InvalidImage::Damaged));
        assert_eq!(check_memory(b"RIFF", SIZE), Ok(()));
    }
}
