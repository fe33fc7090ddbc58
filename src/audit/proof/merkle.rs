//! Merkle trees as in RFC 6962, section 2.1, with BLAKE3 in place of SHA-256.
//!
//! What is hashed of a leaf begins with the byte 0, of a node with the byte 1, so that none passes for the other.

use crate::event::Hash;

/// The longest path that a tree can have: one of 2^53 leaves.
pub(super) const MAX_PATH: usize = 53;

/// The hash of no leaves.
fn empty() -> Hash {
    Hash::of([])
}

/// The hash of a line's leaf, as a leaf of the tree.
pub(super) fn leaf(line: &Hash) -> Hash {
    let mut bytes = [0; 33];
    if let Some(rest) = bytes.get_mut(1..) {
        rest.copy_from_slice(line.as_bytes());
    }
    Hash::of(bytes)
}

/// The hash of what stands left and what stands right.
fn node(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    if let Some((one, other)) = bytes.get_mut(1..).and_then(|rest| rest.split_at_mut_checked(32)) {
        one.copy_from_slice(left.as_bytes());
        other.copy_from_slice(right.as_bytes());
    }
    Hash::of(bytes)
}

/// The leaves of a tree, taken one after the other; it keeps one hash for each bit of their number.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    /// The roots of its full trees, the largest first.
    peaks: Vec<Hash>,
    count: u64,
}

impl Tree {
    /// Takes the next line's leaf.
    pub(super) fn push(&mut self, line: &Hash) {
        let mut hash = leaf(line);
        // As a number is counted up: each bit that carries joins two trees of one size.
        for _ in 0..self.count.trailing_ones() {
            let left = self.peaks.pop().unwrap_or(hash);
            hash = node(&left, &hash);
        }
        self.peaks.push(hash);
        self.count += 1;
    }

    /// How many leaves it has.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn root(&self) -> Hash {
        let from_right = |right: Hash, left: &Hash| node(left, &right);
        let mut peaks = self.peaks.iter().rev();
        peaks.next().map_or_else(empty, |last| peaks.fold(*last, from_right))
    }
}

/// The hashes beside the way from that leaf to the root, from the leaf up. `lines` are the lines' leaves.
pub(super) fn path(lines: &[Hash], place: usize) -> Vec<Hash> {
    let mut path = Vec::new();
    let (mut rest, mut place) = (lines, place);
    while rest.len() > 1 {
        let (left, right) = rest.split_at(rest.len().next_power_of_two() / 2);
        let (inside, beside) = if place < left.len() { (left, right) } else { (right, left) };
        place -= if place < left.len() { 0 } else { left.len() };
        path.push(root(beside));
        rest = inside;
    }
    path.reverse();
    path
}

/// The root of all these.
pub(super) fn root(lines: &[Hash]) -> Hash {
    let mut tree = Tree::default();
    for line in lines {
        tree.push(line);
    }
    tree.root()
}

/// The root to which a path leads from the leaf of that line, at that place of so many; `None` if no tree of so many
/// leaves has such a path. RFC 9162, section 2.1.3.2.
pub(super) fn root_by(path: &[Hash], line: &Hash, place: u64, count: u64) -> Option<Hash> {
    if place >= count {
        return None;
    }
    let (mut at, mut last, mut hash) = (place, count - 1, leaf(line));
    for beside in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node(beside, &hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(count: usize) -> Vec<Hash> {
        (0..count).map(|number| Hash::of(number.to_string())).collect()
    }

    /// MTH of RFC 6962, as it stands there.
    fn by_definition(lines: &[Hash]) -> Hash {
        match lines {
            [] => Hash::of([]),
            [line] => Hash::of([&[0], line.as_bytes().as_slice()].concat()),
            lines => {
                let mut split = 1;
                while split * 2 < lines.len() {
                    split *= 2;
                }
                let (left, right) = (by_definition(&lines[..split]), by_definition(&lines[split..]));
                Hash::of([&[1], left.as_bytes().as_slice(), right.as_bytes().as_slice()].concat())
            }
        }
    }

    #[test]
    fn every_leaf_of_every_tree_up_to_130_leads_to_its_root_and_no_other_place_does() {
        for count in 1..=130 {
            let lines = lines(count);
            let expected = by_definition(&lines);
            assert_eq!(root(&lines), expected, "{count}");
            for place in 0..count {
                let path = path(&lines, place);
                let (at, of) = (place as u64, count as u64);
                assert!(path.len() <= MAX_PATH);
                assert_eq!(root_by(&path, &lines[place], at, of), Some(expected), "{place} of {count}");
                let other = lines[(place + 1) % count];
                assert!(count == 1 || root_by(&path, &other, at, of) != Some(expected));
                for (wrong, of) in [(at ^ 1, of), (of, of), (at, of + 130)] {
                    assert_ne!(
                        root_by(&path, &lines[place], wrong, of),
                        Some(expected),
                        "{place} of {count}"
                    );
                }
            }
        }
    }

    #[test]
    fn no_lines_have_the_root_of_the_standard() {
        assert_eq!(root(&[]), by_definition(&[]));
        assert_eq!(root_by(&[], &Hash::of("a"), 0, 0), None);
    }

    proptest! {
        #[test]
        fn a_sibling_that_is_changed_left_out_or_added_leads_elsewhere(
            (count, place) in (1_usize..=130).prop_flat_map(|count| (Just(count), 0..count)),
            byte in 0_usize..32,
            bit in 0_u32..8,
        ) {
            let lines = lines(count);
            let (root, path) = (root(&lines), path(&lines, place));
            let lead = |path: &[Hash]| root_by(path, &lines[place], place as u64, count as u64);
            for at in 0..path.len() {
                let mut changed = path.clone();
                let mut bytes = *changed[at].as_bytes();
                bytes[byte] ^= 1 << bit;
                changed[at] = Hash::from_bytes(bytes);
                prop_assert_ne!(lead(&changed), Some(root));
                let mut fewer = path.clone();
                fewer.remove(at);
                prop_assert_eq!(lead(&fewer), None);
            }
            let more = [path.as_slice(), &[root]].concat();
            prop_assert_eq!(lead(&more), None);
        }
    }
}
