//! Turns an uploaded image into one that is safe to store and to serve.
//!
//! What comes in is known by its first bytes, never by the declared type, and is decoded and encoded
//! anew: nothing of the upload's own bytes is served. With them go the metadata (where a photo was
//! taken), the script behind a GIF header, the archive behind a PNG. SVG is refused: it is a program.
//!
//! Two forms are stored. PNG where there is transparency, and for images of few colors: a logo stays
//! sharp. JPEG where it is less than half as long, as for photos. Everything that shows images shows
//! both, mail programs too; lossless WebP would have saved a tenth of the PNG, for a third form.
//!
//! # Memory and time
//!
//! A decode takes at most about 300 MB for the moment, and the largest image about a second, so callers
//! let one image through at a time, on a thread that may block. Of each of [`IMAGE_PIXELS_MAX`] pixels,
//! the worst decoders hold
//!
//! * 8 bytes for a PNG of 16 bits a channel;
//! * 11 bytes for a progressive JPEG: coefficients of 4 channels, and the colors;
//! * 10.5 bytes for a lossy WebP with alpha: its planes, the colors, the alpha and how it was coded;
//!
//! and besides [`DECODER_BYTES_MAX`], or [`webp::GROUPS_MAX`] groups of codes. Afterwards only the colors
//! are left, and scaling takes at most 40 MB. Measured at 24 million pixels: 251 MB for the WebP,
//! 263 MB for the JPEG.

mod ico;
#[cfg(test)]
mod tests;
mod webp;

use std::io::Cursor;
use std::panic;

use guildhall_types::limits::{IMAGE_PIXELS_MAX, IMAGE_PIXELS_SIDE_MAX, IMAGE_STORED_SIDE_MAX};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::error::LimitErrorKind;
use image::imageops::{self, FilterType};
use image::metadata::Orientation;
use image::{
    DynamicImage, GenericImageView, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    Rgba, RgbaImage,
};

/// What a decoder may allocate besides the pixels, in bytes: color profiles, or a frame of an animation
/// that is larger than the image.
const DECODER_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Quality of a stored JPEG, of 100.
const JPEG_QUALITY: u8 = 85;

/// An image in the form in which it is stored and served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredImage {
    /// The file; the same upload gives the same bytes.
    pub(crate) bytes: Vec<u8>,
    /// The end of the file's name, without the dot: `png` or `jpg`.
    pub(crate) extension: &'static str,
    /// The type to serve it with: `image/png` or `image/jpeg`.
    pub(crate) content_type: &'static str,
}

/// Why a file is refused; the message reads on after the name of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidImage {
    /// The first bytes are of no accepted kind.
    #[error("must be an image of one of these kinds: jpeg, png, gif, webp, ico")]
    UnknownKind,
    /// It is too wide or too high.
    #[error("must be at most {IMAGE_PIXELS_SIDE_MAX} pixels wide and as many high")]
    Side,
    /// It has too many pixels.
    #[error("must have at most {IMAGE_PIXELS_MAX} pixels, width times height")]
    Pixels,
    /// It is a lossless WebP that asks for far more memory than any encoder would.
    #[error(
        "must have at most {} groups of prefix codes; save it as png",
        webp::GROUPS_MAX
    )]
    Groups,
    /// The decoder cannot make sense of it.
    #[error("must be an undamaged image; this file cannot be decoded")]
    Damaged,
}

/// Decodes an uploaded image, fits it into [`IMAGE_STORED_SIDE_MAX`] and encodes it anew.
///
/// Of an animation the first frame remains.
pub(crate) fn normalise_image(bytes: &[u8]) -> Result<StoredImage, InvalidImage> {
    // Decoders have bugs: fuzzing made `image-webp` 0.2.4 panic in three places. What a stranger
    // uploads must not end the caller's thread.
    panic::catch_unwind(|| {
        let (image, orientation) = decode(bytes)?;
        let mut image = DynamicImage::from(scale_down(&image));
        image.apply_orientation(orientation);
        encode(image)
    })
    .unwrap_or(Err(InvalidImage::Damaged))
}

/// The kind of an image by its first bytes, and where it begins.
fn recognise(bytes: &[u8]) -> Result<(ImageFormat, &[u8]), InvalidImage> {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Ico) => Ok(ico::embedded_png(bytes)
            .map_or((ImageFormat::Ico, bytes), |png| (ImageFormat::Png, png))),
        Ok(
            kind @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Gif | ImageFormat::WebP),
        ) => Ok((kind, bytes)),
        _ => Err(InvalidImage::UnknownKind),
    }
}

/// Decodes an image, once its size is known to be within the limits, and says how it is to be turned.
fn decode(bytes: &[u8]) -> Result<(DynamicImage, Orientation), InvalidImage> {
    let (kind, bytes) = recognise(bytes)?;
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(IMAGE_PIXELS_SIDE_MAX);
    limits.max_image_height = Some(IMAGE_PIXELS_SIDE_MAX);
    limits.max_alloc = Some(DECODER_BYTES_MAX);

    let mut reader = ImageReader::with_format(Cursor::new(bytes), kind);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    if kind == ImageFormat::WebP {
        webp::check_memory(bytes, (width, height))?;
    }
    // Cameras turn a photo by a note in the metadata, which we drop. An illegible note is no note.
    let orientation = match kind {
        ImageFormat::Jpeg => decoder.orientation().unwrap_or(Orientation::NoTransforms),
        _ => Orientation::NoTransforms,
    };
    Ok((DynamicImage::from_decoder(decoder)?, orientation))
}

fn check_size(width: u32, height: u32) -> Result<(), InvalidImage> {
    if width == 0 || height == 0 {
        return Err(InvalidImage::Damaged);
    }
    if width > IMAGE_PIXELS_SIDE_MAX || height > IMAGE_PIXELS_SIDE_MAX {
        return Err(InvalidImage::Side);
    }
    if u64::from(width) * u64::from(height) > IMAGE_PIXELS_MAX {
        return Err(InvalidImage::Pixels);
    }
    Ok(())
}

impl From<ImageError> for InvalidImage {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Limits(limit) if limit.kind() == LimitErrorKind::DimensionError => {
                Self::Side
            }
            _ => Self::Damaged,
        }
    }
}

/// The image with its longer side at most [`IMAGE_STORED_SIDE_MAX`], and the other in proportion.
fn scale_down(image: &DynamicImage) -> RgbaImage {
    let (width, height) = image.dimensions();
    let longer = width.max(height);
    if longer <= IMAGE_STORED_SIDE_MAX {
        return image.to_rgba8();
    }
    let scale = |side: u32| ((side * IMAGE_STORED_SIDE_MAX + longer / 2) / longer).max(1);
    let (width, height) = (scale(width), scale(height));
    let scaled = imageops::resize(&Premultiplied(image), width, height, FilterType::CatmullRom);
    RgbaImage::from_fn(width, height, |x, y| unmultiplied(*scaled.get_pixel(x, y)))
}

/// An image whose colors weigh as much as they are seen.
///
/// `image` averages colors without regard to alpha: the color of invisible pixels, most often black,
/// would come back as a fringe around a logo.
struct Premultiplied<'a>(&'a DynamicImage);

impl GenericImageView for Premultiplied<'_> {
    type Pixel = Rgba<f32>;

    fn dimensions(&self) -> (u32, u32) {
        self.0.dimensions()
    }

    fn get_pixel(&self, x: u32, y: u32) -> Rgba<f32> {
        let [red, green, blue, alpha] =
            self.0.get_pixel(x, y).0.map(|byte| f32::from(byte) / 255.0);
        Rgba([red * alpha, green * alpha, blue * alpha, alpha])
    }
}

/// Takes back what [`Premultiplied`] did to a pixel.
fn unmultiplied(Rgba([red, green, blue, alpha]): Rgba<f32>) -> Rgba<u8> {
    if alpha <= 0.0 {
        return Rgba([0; 4]);
    }
    Rgba([red / alpha, green / alpha, blue / alpha, alpha].map(to_byte))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is between 0.0 and 255.0"
)]
fn to_byte(value: f32) -> u8 {
    (value.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// Encodes an image in the form that suits it.
fn encode(image: DynamicImage) -> Result<StoredImage, InvalidImage> {
    let is_opaque = image
        .pixels()
        .all(|(_, _, Rgba([_, _, _, alpha]))| alpha == u8::MAX);
    let image = if is_opaque {
        DynamicImage::from(image.into_rgb8())
    } else {
        image
    };

    let mut png = Vec::new();
    let (compression, filter) = (CompressionType::Default, PngFilter::Adaptive);
    image.write_with_encoder(PngEncoder::new_with_quality(&mut png, compression, filter))?;
    let png = StoredImage {
        bytes: png,
        extension: "png",
        content_type: "image/png",
    };
    if !is_opaque {
        return Ok(png);
    }
    let mut jpeg = Vec::new();
    image.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY))?;
    if jpeg.len() >= png.bytes.len() / 2 {
        return Ok(png);
    }
    Ok(StoredImage {
        bytes: jpeg,
        extension: "jpg",
        content_type: "image/jpeg",
    })
}
