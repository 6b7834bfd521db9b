//! Mutations: flips, lengths, cuts, splices and repeats, by a seed.

use sensorium_core::Seed;

/// A generator of draws, each from the seed and its number.
struct Draws {
    seed: Seed,
    count: u64,
}

impl Draws {
    fn next(&mut self) -> u64 {
        self.count += 1;
        self.seed.at(self.count).value()
    }

    /// Below `end`, which is above 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 11).expect("64-bit machine") % end
    }

    /// A place in `length` bytes; half of them in the head, where the structure is.
    fn place(&mut self, length: usize) -> usize {
        let reach = if self.next().is_multiple_of(2) { length } else { length.min(256) };
        self.below(reach.max(1))
    }
}

/// The bytes of one case: a seed file, changed up to seven times.
pub(crate) fn case(files: &[Vec<u8>], seed: u64, number: u64) -> Vec<u8> {
    let mut draws = Draws { seed: Seed::new(seed).at(number), count: 0 };
    let mut bytes = files[draws.below(files.len())].clone();
    for _ in 0..=draws.below(7) {
        change(&mut bytes, files, &mut draws);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, files: &[Vec<u8>], draws: &mut Draws) {
    if bytes.is_empty() {
        return bytes.push(draws.next().to_le_bytes()[0]);
    }
    let at = draws.place(bytes.len());
    match draws.below(10) {
        0 => bytes[at] ^= 1 << draws.below(8),
        1 => bytes[at] = draws.next().to_le_bytes()[0],
        2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][draws.below(5)],
        3 | 4 => set_length(bytes, at, draws),
        5 => bytes.truncate(at),
        6 => {
            let to = bytes.len().min(at + 1 + draws.below(64));
            bytes.drain(at..to);
        }
        7 => {
            let to = bytes.len().min(at + 1 + draws.below(256));
            let copy = bytes[at..to].to_vec();
            let into = draws.place(bytes.len());
            bytes.splice(into..into, copy);
        }
        8 => {
            let other = &files[draws.below(files.len())];
            let from = draws.place(other.len());
            let to = other.len().min(from + 1 + draws.below(512));
            let end = bytes.len().min(at + draws.below(512));
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        _ => {
            let end = bytes.len().min(at + 1 + draws.below(16));
            bytes[at..end].fill([0, 0xff][draws.below(2)]);
        }
    }
}

/// Writes a number that lengths and counts are often wrong by.
fn set_length(bytes: &mut [u8], at: usize, draws: &mut Draws) {
    let width = [1, 2, 4, 8][draws.below(4)];
    let end = bytes.len().min(at + width);
    let old = bytes[at..end].iter().rev().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    let length = bytes.len() as u64;
    let new = [
        0,
        1,
        old.wrapping_add(1),
        old.wrapping_sub(1),
        0x7fff,
        0xffff,
        0x7fff_ffff,
        0xffff_ffff,
        i64::MAX.cast_unsigned(),
        u64::MAX,
        length,
        length - at as u64,
        10_000,
        65_535,
        1 << 20,
    ][draws.below(15)];
    let little = draws.next().is_multiple_of(2);
    let new = if little { new.to_le_bytes() } else { new.to_be_bytes() };
    let new = if little { &new[..end - at] } else { &new[8 - (end - at)..] };
    bytes[at..end].copy_from_slice(new);
}
