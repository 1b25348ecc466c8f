//! Images as they are uploaded, by people and by attackers.

use std::io::Cursor;

use guildhall_types::limits::{IMAGE_PIXELS_SIDE_MAX, IMAGE_STORED_SIDE_MAX};
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{
    DynamicImage, ExtendedColorType, Frame, ImageBuffer, ImageEncoder, ImageFormat, Rgb, RgbImage,
    Rgba, RgbaImage,
};
use proptest::prelude::*;

use super::{InvalidImage, StoredImage, normalise_image};

const RED: Rgba<u8> = Rgba([255, 0, 0, 255]);
const BLUE: Rgba<u8> = Rgba([0, 0, 255, 255]);
const INK: Rgba<u8> = Rgba([200, 100, 50, 255]);
const CLEAR: Rgba<u8> = Rgba([0, 0, 0, 0]);

/// A disc on a transparent ground, as logos often are.
fn logo(width: u32, height: u32) -> RgbaImage {
    RgbaImage::from_fn(width, height, |x, y| {
        let (x, y) = (
            f64::from(x) / f64::from(width) - 0.5,
            f64::from(y) / f64::from(height) - 0.5,
        );
        if x * x + y * y < 0.2 { INK } else { CLEAR }
    })
}

/// Soft colors with grain, as a camera sees them.
fn photo(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let grain = (x.wrapping_mul(7919) ^ y.wrapping_mul(104_729)) % 23;
        Rgb([
            x * 200 / width + grain,
            y * 200 / height + grain,
            60 + grain,
        ]
        .map(|value| u8::try_from(value).unwrap()))
    })
}

fn file(image: impl Into<DynamicImage>, kind: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, kind).unwrap();
    bytes.into_inner()
}

fn decoded(stored: &StoredImage) -> RgbaImage {
    assert_eq!(
        image::guess_format(&stored.bytes).unwrap().to_mime_type(),
        stored.content_type,
        "the type to serve with is the type of the bytes"
    );
    image::load_from_memory(&stored.bytes).unwrap().to_rgba8()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn every_accepted_kind_is_read_and_keeps_its_pixels() {
    for kind in [
        ImageFormat::Png,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Ico,
    ] {
        let stored = normalise_image(&file(logo(48, 48), kind)).unwrap();
        assert_eq!(
            (stored.extension, stored.content_type),
            ("png", "image/png"),
            "{kind:?}"
        );
        assert_eq!(decoded(&stored), logo(48, 48), "{kind:?}");
    }
    let stored = normalise_image(&file(photo(300, 200), ImageFormat::Jpeg)).unwrap();
    assert_eq!(
        (stored.extension, stored.content_type),
        ("jpg", "image/jpeg")
    );
    assert_eq!(decoded(&stored).dimensions(), (300, 200));
}

#[test]
fn gray_and_deep_colors_are_read_too() {
    let gray = ImageBuffer::from_pixel(9, 9, image::Luma([200_u8]));
    let deep = ImageBuffer::from_pixel(9, 9, Rgba([u16::MAX, 0, 0, u16::MAX]));
    let stored = normalise_image(&file(gray, ImageFormat::Png)).unwrap();
    assert_eq!(
        decoded(&stored).get_pixel(4, 4),
        &Rgba([200, 200, 200, 255])
    );
    let stored = normalise_image(&file(deep, ImageFormat::Png)).unwrap();
    assert_eq!(decoded(&stored).get_pixel(4, 4), &RED);
}

#[test]
fn a_photo_becomes_a_jpeg_and_a_drawing_stays_sharp() {
    let stored = normalise_image(&file(photo(400, 400), ImageFormat::Png)).unwrap();
    assert_eq!(stored.extension, "jpg");

    let stripes = RgbaImage::from_fn(400, 400, |x, _| if x % 40 < 20 { RED } else { BLUE });
    let stored = normalise_image(&file(stripes.clone(), ImageFormat::Png)).unwrap();
    assert_eq!(stored.extension, "png");
    assert_eq!(decoded(&stored), stripes);
}

#[test]
fn a_large_image_is_scaled_down_in_proportion_and_a_small_one_never_up() {
    for (upload, expected) in [
        ((1024, 256), (512, 128)),
        ((600, 900), (341, 512)),
        ((IMAGE_PIXELS_SIDE_MAX, 1), (512, 1)),
        ((512, 512), (512, 512)),
        ((3, 2), (3, 2)),
    ] {
        let stored = normalise_image(&file(photo(upload.0, upload.1), ImageFormat::Png)).unwrap();
        assert_eq!(decoded(&stored).dimensions(), expected, "{upload:?}");
    }
}

#[test]
fn the_color_of_invisible_pixels_leaves_no_fringe() {
    let scaled = decoded(&normalise_image(&file(logo(700, 700), ImageFormat::Png)).unwrap());
    let mut soft_pixels = 0;
    for &Rgba([red, green, blue, alpha]) in scaled.pixels() {
        // The filter sharpens edges a little.
        let is_ink = [(red, INK.0[0]), (green, INK.0[1]), (blue, INK.0[2])]
            .iter()
            .all(|(seen, ink)| seen.abs_diff(*ink) < 16);
        assert!(alpha == 0 || is_ink, "{red} {green} {blue} {alpha}");
        soft_pixels += u32::from(alpha != 0 && alpha != 255);
    }
    assert!(soft_pixels > 100, "the edge is soft");
}

#[test]
fn a_photo_is_turned_as_its_metadata_says_and_the_metadata_dropped() {
    // TIFF in the metadata: one entry, orientation (0x0112), a short, once, 6: turn right.
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    exif.extend_from_slice(b"52.5163 N 13.3777 E");
    let lying = RgbImage::from_fn(300, 200, |x, _| Rgb([if x < 150 { 0 } else { 255 }; 3]));
    let mut upload = Vec::new();
    let mut encoder = JpegEncoder::new(&mut upload);
    encoder.set_exif_metadata(exif).unwrap();
    encoder
        .write_image(&lying, 300, 200, ExtendedColorType::Rgb8)
        .unwrap();
    assert!(contains(&upload, b"13.3777"));

    let stored = normalise_image(&upload).unwrap();
    let standing = decoded(&stored);
    assert_eq!(standing.dimensions(), (200, 300));
    assert!(
        standing.get_pixel(100, 20).0[0] < 50,
        "what was left is on top"
    );
    assert!(standing.get_pixel(100, 280).0[0] > 200);
    assert!(!contains(&stored.bytes, b"Exif") && !contains(&stored.bytes, b"13.3777"));
}

#[test]
fn of_an_animation_the_first_frame_remains() {
    let mut upload = Vec::new();
    let frames = [RED, BLUE].map(|color| Frame::new(RgbaImage::from_pixel(20, 20, color)));
    GifEncoder::new(&mut upload).encode_frames(frames).unwrap();
    let stored = normalise_image(&upload).unwrap();
    assert_eq!(decoded(&stored), RgbaImage::from_pixel(20, 20, RED));
}

#[test]
fn what_is_no_image_of_an_accepted_kind_is_refused_with_the_list() {
    for upload in [
        b"".as_slice(),
        b"GIF",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><svg/>",
        b"<html><img src=x onerror=alert(1)></html>",
        b"%PDF-1.7",
        b"BM\x1a\0\0\0\0\0\0\0",
        b"II*\0\x08\0\0\0",
        b"PK\x03\x04",
    ] {
        assert_eq!(normalise_image(upload), Err(InvalidImage::UnknownKind));
    }
    assert_eq!(
        InvalidImage::UnknownKind.to_string(),
        "must be an image of one of these kinds: jpeg, png, gif, webp, ico"
    );
}

#[test]
fn a_payload_behind_an_image_does_not_survive() {
    for kind in [
        ImageFormat::Gif,
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
    ] {
        let mut upload = file(photo(40, 40), kind);
        upload.extend_from_slice(b"<script>alert(1)</script>");
        let stored = normalise_image(&upload).unwrap();
        assert!(
            !contains(&stored.bytes, b"script") && !contains(&stored.bytes, b"PK"),
            "{kind:?}"
        );
    }
    // As an image, this is 10,799 pixels wide; as a script, it runs.
    assert_eq!(
        normalise_image(b"GIF89a/*******/=alert(1)"),
        Err(InvalidImage::Side)
    );
}

#[test]
fn an_image_cut_short_is_refused() {
    let upload = file(logo(100, 100), ImageFormat::Png);
    assert_eq!(
        normalise_image(&upload[..upload.len() / 2]),
        Err(InvalidImage::Damaged)
    );
}

/// A PNG of 1 × 1 pixel that claims another size.
fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
    let mut png = file(RgbaImage::new(1, 1), ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32fast::hash(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    png
}

#[test]
fn a_decompression_bomb_is_refused_by_what_it_claims() {
    assert_eq!(
        normalise_image(&png_that_claims(60_000, 60_000)),
        Err(InvalidImage::Side)
    );
    assert_eq!(
        normalise_image(&png_that_claims(8_193, 1)),
        Err(InvalidImage::Side)
    );
    assert_eq!(
        normalise_image(&png_that_claims(8_000, 8_000)),
        Err(InvalidImage::Pixels)
    );
    let mut gif = file(logo(2, 2), ImageFormat::Gif);
    gif[6..10].fill(0xff);
    assert_eq!(normalise_image(&gif), Err(InvalidImage::Side));
    gif[6..10].fill(0);
    assert_eq!(normalise_image(&gif), Err(InvalidImage::Damaged));
    assert_eq!(
        InvalidImage::Side.to_string(),
        "must be at most 8192 pixels wide and as many high"
    );
    assert_eq!(
        InvalidImage::Pixels.to_string(),
        "must have at most 24000000 pixels, width times height"
    );
}

#[test]
fn an_icon_may_hold_any_png_and_its_limits_hold_inside() {
    let icon = |png: &[u8]| {
        let mut icon = b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0".to_vec();
        icon.extend_from_slice(&u32::try_from(png.len()).unwrap().to_le_bytes());
        icon.extend_from_slice(&22_u32.to_le_bytes());
        icon.extend_from_slice(png);
        icon
    };
    let opaque = file(
        RgbImage::from_pixel(16, 16, Rgb([255, 0, 0])),
        ImageFormat::Png,
    );
    let stored = normalise_image(&icon(&opaque)).unwrap();
    assert_eq!(decoded(&stored), RgbaImage::from_pixel(16, 16, RED));
    assert_eq!(
        normalise_image(&icon(&png_that_claims(60_000, 60_000))),
        Err(InvalidImage::Side)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// What remains of a file after accidents is refused, or is an image within the limits. It never
    /// ends the thread.
    #[test]
    fn damage_is_survived(
        kind in prop::sample::select(vec![
            ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Ico,
        ]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        inserted in prop::option::of((any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 1..16))),
        end in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut upload = match kind {
            ImageFormat::Jpeg => file(photo(24, 16), kind),
            _ => file(logo(24, 16), kind),
        };
        for (index, byte) in changes {
            let index = index.index(upload.len());
            upload[index] = byte;
        }
        if let Some((index, bytes)) = inserted {
            let index = index.index(upload.len());
            upload.splice(index..index, bytes);
        }
        if let Some(end) = end {
            upload.truncate(end.index(upload.len()));
        }
        if let Ok(stored) = normalise_image(&upload) {
            let (width, height) = decoded(&stored).dimensions();
            prop_assert!(width.max(height) <= IMAGE_STORED_SIDE_MAX);
        }
    }

    #[test]
    fn noise_is_survived(
        magic in prop::sample::select(vec![
            b"".as_slice(), b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\0\0\x01\0\x01\0",
            b"RIFF\xff\0\0\0WEBPVP8 ", b"RIFF\xff\0\0\0WEBPVP8L", b"RIFF\xff\0\0\0WEBPVP8X\x0a\0\0\0",
        ]),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        drop(normalise_image(&[magic, &noise].concat()));
    }
}
