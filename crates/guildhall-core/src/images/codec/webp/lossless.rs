//! The lossless form of WebP, as far as the count of its groups of prefix codes (RFC 9649, sections 3.4 to
//! 3.7.2.2).
//!
//! Every number is read as the decoder reads it; what has no sense ends in `None`. Nothing is allocated but
//! tables of a few kB.

/// How many symbols each code of a group has: green with the copy lengths (and the color cache on top),
/// red, blue, alpha, copy distances.
const ALPHABETS: [usize; 5] = [280, 256, 256, 256, 40];

/// The longest prefix code, in bits.
const CODE_BITS_MAX: usize = 15;

/// How many groups of prefix codes a lossless image has, if it can be read that far.
pub(super) fn group_count(stream: &[u8]) -> Option<u32> {
    let mut bits = Bits {
        bytes: stream,
        position: 0,
    };
    let size = read_size(&mut bits)?;
    read_group_count(&mut bits, size)
}

/// The same for compressed alpha: a lossless image without the header that has its size.
pub(super) fn group_count_of_alpha(stream: &[u8], size: (u32, u32)) -> Option<u32> {
    read_group_count(
        &mut Bits {
            bytes: stream,
            position: 0,
        },
        size,
    )
}

/// Width and height (RFC 9649, section 3.4).
fn read_size(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    let signature = bits.read(8)?;
    let (width, height) = (bits.read(14)? + 1, bits.read(14)? + 1);
    let _alpha_is_used = bits.read(1)?;
    let version = bits.read(3)?;
    (signature == 0x2f && version == 0).then_some((width, height))
}

fn read_group_count(bits: &mut Bits<'_>, (mut width, height): (u32, u32)) -> Option<u32> {
    let mut seen = [false; 4];
    while bits.read(1)? == 1 {
        let transform = bits.read(2)?;
        let is_repeated = seen.get_mut(usize::try_from(transform).ok()?)?;
        if std::mem::replace(is_repeated, true) {
            return None;
        }
        match transform {
            0 | 1 => {
                let pixels = block_count(bits, width, height)?;
                largest_number(bits, pixels)?;
            }
            2 => {}
            _ => {
                let colors = bits.read(8)? + 1;
                largest_number(bits, colors)?;
                // Several pixels of few colors share one pixel of the image.
                let pixels_bits = match colors {
                    ..=2 => 3,
                    3..=4 => 2,
                    5..=16 => 1,
                    _ => 0,
                };
                width = width.div_ceil(1 << pixels_bits);
            }
        }
    }
    color_cache_size(bits)?;
    if bits.read(1)? == 0 {
        return Some(1);
    }
    let pixels = block_count(bits, width, height)?;
    largest_number(bits, pixels).map(|number| number + 1)
}

/// How many square blocks, of a side that the stream gives, cover an image.
fn block_count(bits: &mut Bits<'_>, width: u32, height: u32) -> Option<u32> {
    let side = 1 << (bits.read(3)? + 2);
    width.div_ceil(side).checked_mul(height.div_ceil(side))
}

fn color_cache_size(bits: &mut Bits<'_>) -> Option<usize> {
    if bits.read(1)? == 0 {
        return Some(0);
    }
    let size_bits = bits.read(4)?;
    (1..=11).contains(&size_bits).then_some(1 << size_bits)
}

/// Reads over an image within the image, for the largest number that red and green make in it.
///
/// Copies and the color cache repeat what stood there before, or zero: only literal pixels count.
fn largest_number(bits: &mut Bits<'_>, pixels: u32) -> Option<u32> {
    let cache_size = color_cache_size(bits)?;
    let [green, red, blue, alpha, distance] = ALPHABETS;
    let green = PrefixCode::read(bits, green + cache_size)?;
    let red = PrefixCode::read(bits, red)?;
    let blue = PrefixCode::read(bits, blue)?;
    let alpha = PrefixCode::read(bits, alpha)?;
    let distance = PrefixCode::read(bits, distance)?;

    let (mut done, mut largest) = (0, 0);
    while done < pixels {
        let symbol = green.symbol(bits)?;
        if symbol < 256 {
            largest = largest.max(red.symbol(bits)? << 8 | symbol);
            blue.symbol(bits)?;
            alpha.symbol(bits)?;
            done += 1;
        } else if symbol < 280 {
            done += bits.read_copy(symbol - 256)?;
            let distance = distance.symbol(bits)?;
            bits.read_copy(distance)?;
        } else {
            done += 1;
        }
    }
    (done == pixels).then_some(largest)
}

/// A canonical prefix code (RFC 9649, section 3.7.2.1).
struct PrefixCode {
    /// How many codes there are of each length in bits.
    counts: [u32; CODE_BITS_MAX + 1],
    /// The symbols in the order of their codes.
    symbols: Vec<u32>,
}

impl PrefixCode {
    fn read(bits: &mut Bits<'_>, alphabet: usize) -> Option<Self> {
        if bits.read(1)? == 0 {
            return Self::from_lengths(&read_lengths(bits, alphabet)?);
        }
        let has_two = bits.read(1)?;
        let first_bits = if bits.read(1)? == 0 { 1 } else { 8 };
        let mut symbols = vec![bits.read(first_bits)?];
        if has_two == 1 {
            symbols.push(bits.read(8)?);
        }
        let mut counts = [0; CODE_BITS_MAX + 1];
        counts[1] = has_two * 2;
        let alphabet = u32::try_from(alphabet).ok()?;
        symbols
            .iter()
            .all(|&symbol| symbol < alphabet)
            .then_some(Self { counts, symbols })
    }

    /// The code whose symbols have these lengths in bits; zero means that there is no such symbol.
    fn from_lengths(lengths: &[usize]) -> Option<Self> {
        let mut counts = [0; CODE_BITS_MAX + 1];
        let mut symbols = Vec::new();
        let mut free: u32 = 1;
        for (bits, count) in counts.iter_mut().enumerate().skip(1) {
            let symbols_before = symbols.len();
            symbols.extend(
                (0..)
                    .zip(lengths)
                    .filter(|(_, length)| **length == bits)
                    .map(|(symbol, _)| symbol),
            );
            *count = u32::try_from(symbols.len() - symbols_before).ok()?;
            free = (free * 2).checked_sub(*count)?;
        }
        (free == 0 || symbols.len() == 1).then_some(Self { counts, symbols })
    }

    fn symbol(&self, bits: &mut Bits<'_>) -> Option<u32> {
        if let [only] = self.symbols.as_slice() {
            return Some(*only);
        }
        let (mut code, mut first_code, mut shorter) = (0, 0, 0);
        for count in self.counts.iter().skip(1) {
            code = code << 1 | bits.read(1)?;
            first_code <<= 1;
            if code < first_code + count {
                return self
                    .symbols
                    .get(usize::try_from(shorter + code - first_code).ok()?)
                    .copied();
            }
            first_code += count;
            shorter += count;
        }
        None
    }
}

/// The lengths in bits of the codes of an alphabet, which are themselves coded.
fn read_lengths(bits: &mut Bits<'_>, alphabet: usize) -> Option<Vec<usize>> {
    const ORDER: [usize; 19] = [
        17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
    ];
    let mut length_lengths = [0; ORDER.len()];
    let given = usize::try_from(bits.read(4)? + 4).ok()?;
    for &index in ORDER.iter().take(given) {
        *length_lengths.get_mut(index)? = usize::try_from(bits.read(3)?).ok()?;
    }
    let code = PrefixCode::from_lengths(&length_lengths)?;

    let mut codes_left = alphabet;
    if bits.read(1)? == 1 {
        let count_bits = 2 + 2 * bits.read(3)?;
        codes_left = 2 + usize::try_from(bits.read(count_bits)?).ok()?;
        if codes_left > alphabet {
            return None;
        }
    }
    let (mut lengths, mut previous) = (Vec::new(), 8);
    while lengths.len() < alphabet && codes_left > 0 {
        codes_left -= 1;
        let (length, repeats) = match code.symbol(bits)? {
            16 => (previous, 3 + bits.read(2)?),
            17 => (0, 3 + bits.read(3)?),
            18 => (0, 11 + bits.read(7)?),
            length => (usize::try_from(length).ok()?, 1),
        };
        if length != 0 {
            previous = length;
        }
        lengths.extend(std::iter::repeat_n(length, usize::try_from(repeats).ok()?));
    }
    (lengths.len() <= alphabet).then_some(lengths)
}

/// A stream of bits, the lowest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    /// In bits.
    position: usize,
}

impl Bits<'_> {
    /// The next bits as a number, the first of them the lowest; nothing after the end.
    fn read(&mut self, count: u32) -> Option<u32> {
        let mut number = 0;
        for place in 0..count {
            let byte = self.bytes.get(self.position / 8)?;
            number |= u32::from(byte >> (self.position % 8) & 1) << place;
            self.position += 1;
        }
        Some(number)
    }

    /// A copy length or distance from its symbol and the bits that follow (RFC 9649, section 3.6.2.2).
    fn read_copy(&mut self, symbol: u32) -> Option<u32> {
        if symbol < 4 {
            return Some(symbol + 1);
        }
        let extra_bits = (symbol - 2) >> 1;
        Some(((2 + (symbol & 1)) << extra_bits) + self.read(extra_bits)? + 1)
    }
}
