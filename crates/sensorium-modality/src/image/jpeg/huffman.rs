//! The Huffman codes of a baseline scan, and the blocks of coefficients that they spell.
//!
//! Source: ITU-T T.81 (1992), annexes C and F.

#![expect(clippy::inline_always, reason = "only what is inlined is compiled for the newer shifts")]
#![expect(clippy::cast_possible_truncation, reason = "codes have 16 bits, and magnitudes 15")]

/// The bits of a code that one lookup reads; longer codes, which are rare, are searched for.
const LOOKUP_BITS: u32 = 9;
/// What a lookup has no answer to.
const NONE: u16 = 0;
/// The zero bytes that follow every segment, so that eight bytes can be read at any of its places.
pub(super) const PADDING: usize = 8;

/// The place in a block, row by row, of each coefficient in the order of a file (figure A.6).
pub(super) const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The codes of a table, as they are looked up.
pub(super) struct Codes {
    /// By the next bits: the symbol, and in the upper byte the length of its code.
    symbols: [u16; 1 << LOOKUP_BITS],
    /// By the next bits, where they hold a code and the coefficient after it.
    coefficients: [Coefficient; 1 << LOOKUP_BITS],
    /// For each length of a code: the first code that is too large for it, in 16 bits.
    ends: [u32; 17],
    /// For each length, what added to a code gives its symbol's place.
    offsets: [i32; 17],
    values: Vec<u8>,
}

/// A coefficient and the zeros before it.
#[derive(Clone, Copy, Default)]
struct Coefficient {
    value: i16,
    zeros: u8,
    /// The bits that spell it; 0 where there is none.
    length: u8,
}

impl Codes {
    /// The codes of a table segment: the number of codes of each length from 1 to 16, and their
    /// symbols. `None` where there are more codes than fit.
    pub(super) fn new(counts: &[u8; 16], values: &[u8]) -> Option<Self> {
        let mut codes = Self {
            symbols: [NONE; 1 << LOOKUP_BITS],
            coefficients: [Coefficient::default(); 1 << LOOKUP_BITS],
            ends: [0; 17],
            offsets: [0; 17],
            values: values.to_vec(),
        };
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            let index = length as usize;
            codes.offsets[index] = i32::try_from(place).ok()? - i32::try_from(code).ok()?;
            for &symbol in values.get(place..place + usize::from(count))? {
                codes.insert(code, length, symbol);
                code += 1;
            }
            if code > 1 << length {
                return None;
            }
            codes.ends[index] = code << (16 - length);
            place += usize::from(count);
            code <<= 1;
        }
        codes.insert_coefficients();
        Some(codes)
    }

    fn insert(&mut self, code: u32, length: u32, symbol: u8) {
        let Some(rest) = LOOKUP_BITS.checked_sub(length) else { return };
        let first = (code << rest) as usize;
        // A code that is too large for its length is refused after this.
        if let Some(places) = self.symbols.get_mut(first..first + (1 << rest)) {
            places.fill((length as u16) << 8 | u16::from(symbol));
        }
    }

    fn insert_coefficients(&mut self) {
        for (bits, &entry) in self.symbols.iter().enumerate() {
            let (length, symbol) = (u32::from(entry >> 8), entry & 0xff);
            let size = u32::from(symbol & 15);
            if entry == NONE || size == 0 || length + size > LOOKUP_BITS {
                continue;
            }
            let magnitude = (bits >> (LOOKUP_BITS - length - size)) as u32 & ((1 << size) - 1);
            self.coefficients[bits] = Coefficient {
                value: extended(magnitude, size) as i16,
                zeros: (symbol >> 4) as u8,
                length: (length + size) as u8,
            };
        }
    }
}

/// The number that `size` bits stand for (T.81, figure F.12).
const fn extended(bits: u32, size: u32) -> i32 {
    let negative = bits >> (size - 1) == 0;
    bits.cast_signed() - if negative { (1 << size) - 1 } else { 0 }
}

/// A segment of a scan, bit by bit.
pub(super) struct Bits<'a> {
    /// The bytes, without those stuffed in, and [`PADDING`] after them.
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the highest on.
    held: u64,
    num_held: u32,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, held: 0, num_held: 0 }
    }

    /// Whether more bits were read than there are.
    pub(super) const fn is_overrun(&self) -> bool {
        8 * self.at > 8 * (self.bytes.len() - PADDING) + self.num_held as usize
    }

    /// Holds 56 bits or more: enough for a code and the magnitude after it.
    #[inline(always)]
    fn refill(&mut self) {
        let next = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk());
        self.held |= next.map_or(0, |next| u64::from_be_bytes(*next)) >> self.num_held;
        self.at += ((63 - self.num_held) >> 3) as usize;
        self.num_held |= 0b11_1000;
    }

    #[inline(always)]
    const fn peek(&self, count: u32) -> usize {
        (self.held >> (64 - count)) as usize
    }

    #[inline(always)]
    const fn skip(&mut self, count: u32) {
        self.held <<= count;
        self.num_held -= count;
    }

    #[inline(always)]
    fn symbol(&mut self, codes: &Codes) -> Option<u8> {
        let entry = codes.symbols[self.peek(LOOKUP_BITS)];
        if entry != NONE {
            self.skip((entry >> 8).into());
            return Some((entry & 0xff) as u8);
        }
        let next = self.peek(16) as u32;
        let length = (1..=16).find(|&length: &u32| next < codes.ends[length as usize])?;
        self.skip(length);
        let code = (next >> (16 - length)).cast_signed();
        codes.values.get(usize::try_from(code + codes.offsets[length as usize]).ok()?).copied()
    }

    #[inline(always)]
    fn magnitude(&mut self, size: u32) -> i32 {
        let value = extended(self.peek(size) as u32, size);
        self.skip(size);
        value
    }

    /// The difference of a block's mean to that of the block before.
    #[inline(always)]
    fn difference(&mut self, codes: &Codes) -> Option<i32> {
        self.refill();
        match self.symbol(codes)? {
            0 => Some(0),
            size @ 1..=11 => Some(self.magnitude(size.into())),
            _ => None,
        }
    }

    /// Reads a block and multiplies it by the steps of its quantization.
    ///
    /// # Shapes
    ///
    /// - `steps`: `[64]`, in the order of [`ZIGZAG`]
    /// - `block`: `[8 · 8]`, zeros
    /// - returns: the place of the last coefficient in that order, or `None` where the bits spell
    ///   no block
    #[inline(always)]
    pub(super) fn block(
        &mut self,
        [means, others]: [&Codes; 2],
        mean: &mut i32,
        steps: &[f32; 64],
        block: &mut [f32; 64],
    ) -> Option<usize> {
        *mean = mean.wrapping_add(self.difference(means)?);
        block[0] = *mean as f32 * steps[0];
        let (mut next, mut last) = (1, 0);
        while next < 64 {
            self.refill();
            let found = others.coefficients[self.peek(LOOKUP_BITS)];
            let value = if found.length > 0 {
                self.skip(found.length.into());
                next += usize::from(found.zeros);
                i32::from(found.value)
            } else {
                let symbol = self.symbol(others)?;
                match symbol {
                    0 => break,
                    0xf0 => {
                        next += 16;
                        continue;
                    }
                    _ => next += usize::from(symbol >> 4),
                }
                match symbol & 15 {
                    0 => return None,
                    size => self.magnitude(size.into()),
                }
            };
            let place = *ZIGZAG.get(next)?;
            block[place] = value as f32 * steps[next];
            last = next;
            next += 1;
        }
        Some(last)
    }
}
