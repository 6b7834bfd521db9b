//! Checks the normalization table of a `SentencePiece` model before it is used.
//!
//! Source of the layout: `SentencePiece`, in `normalizer.cc` and Darts-clone's `darts.h`. The table is
//! the length of a trie in bytes (u32, little-endian), the trie (u32 units of a double array), then
//! texts that end in a zero byte. What reads it here, `spm_precompiled` 0.1, indexes with what the
//! table says, so each place that a text can lead to is visited first.

/// The longest text that may stand in for one character, in bytes; Unicode's own longest is 33.
const MAX_REPLACEMENT_BYTES: usize = 64;

/// Whether every walk through the table stays in it, and what it finds is a short text.
pub(super) fn is_sound(charsmap: &[u8]) -> bool {
    let Some((trie, texts)) = parts(charsmap) else { return false };
    let Some(&root) = trie.first() else { return false };
    let mut seen = vec![false; trie.len()];
    let mut open = vec![offset(root)];
    while let Some(base) = open.pop() {
        let Some(seen) = seen.get_mut(base) else { return false };
        if std::mem::replace(seen, true) {
            continue;
        }
        for byte in 1..=0xff_usize {
            let place = base ^ byte;
            let Some(&unit) = trie.get(place) else { return false };
            if label(unit) != byte {
                continue;
            }
            let next = place ^ offset(unit);
            if has_leaf(unit) && !trie.get(next).is_some_and(|&leaf| leads_to_text(leaf, texts)) {
                return false;
            }
            open.push(next);
        }
    }
    true
}

/// The units of the trie, and the texts.
fn parts(charsmap: &[u8]) -> Option<(Vec<usize>, &str)> {
    let (length, rest) = charsmap.split_first_chunk::<4>()?;
    let units = usize::try_from(u32::from_le_bytes(*length)).ok()? / 4;
    let (trie, texts) = rest.split_at_checked(units * 4)?;
    let (trie, _) = trie.as_chunks::<4>();
    let trie = trie.iter().map(|&unit| u32::from_le_bytes(unit) as usize).collect();
    Some((trie, std::str::from_utf8(texts).ok()?))
}

fn leads_to_text(leaf: usize, texts: &str) -> bool {
    let place = leaf & 0x7fff_ffff;
    texts
        .get(place..)
        .is_some_and(|rest| rest.find('\0').unwrap_or(rest.len()) <= MAX_REPLACEMENT_BYTES)
}

const fn has_leaf(unit: usize) -> bool {
    (unit >> 8) & 1 == 1
}

const fn label(unit: usize) -> usize {
    unit & ((1 << 31) | 0xff)
}

const fn offset(unit: usize) -> usize {
    (unit >> 10) << ((unit & (1 << 9)) >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trie of 512 units in which `a` leads to the text at `place`.
    fn charsmap(place: u32, texts: &str) -> Vec<u8> {
        let mut units = [0_u32; 512];
        units[0] = 256 << 10; // the root: children at 256 ^ byte
        units[256 ^ usize::from(b'a')] = 0x61 | (1 << 8) | (0x61 << 10);
        units[256] = place | (1 << 31); // the leaf: at 256 ^ 97 ^ 97
        let units: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        [2_048_u32.to_le_bytes().as_slice(), &units, texts.as_bytes()].concat()
    }

    #[test]
    fn a_table_that_leads_to_a_text_is_sound() {
        assert!(is_sound(&charsmap(0, "b\0")));
        assert!(is_sound(&charsmap(2, "b\0é")));
    }

    #[test]
    fn a_table_that_leads_out_of_itself_is_not() {
        assert!(!is_sound(&[]));
        assert!(!is_sound(&u32::MAX.to_le_bytes()), "no table of four gigabytes follows");
        assert!(!is_sound(&charsmap(9, "b\0")), "beyond the texts");
        assert!(!is_sound(&charsmap(1, "é\0")), "inside a character");
        assert!(!is_sound(&charsmap(0, &"b".repeat(65))), "a text too long");
        let mut far = charsmap(0, "b\0");
        far[4..8].copy_from_slice(&(u32::MAX << 10).to_le_bytes());
        assert!(!is_sound(&far), "a root beyond the trie");
        assert!(!is_sound(&charsmap(0, "b\0")[..1_500]), "a trie cut short");
    }
}
