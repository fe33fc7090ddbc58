//! [`Marks`]: what a key has that may be secret, so that most are told at a glance not to be.

/// Letters of which some stand one behind the other in every key that is secret.
const MARKS: &[&str] = &["pass", "pwd", "secre", "cred", "auth", "cooki", "key", "onstr", "nnstr", "nval"];

/// The same at its end; letters between which bars stand are one of several.
const LAST_MARKS: &[&str] = &["token", "tokenv", "s|h|i|f|rtokens", "dsn"];

/// Finds texts of letters in either case, all at once, whatever stands between the letters: each of their letters, of
/// which there are 64 at most, has a bit, which is set in `of` for the bytes that it may be. Reads from the end.
pub(super) struct Marks {
    of: [u64; 256],
    /// The last letters, with which the reading of a text begins.
    last: u64,
    /// The same of those that stand at the end only.
    last_of_all: u64,
    first: u64,
}

pub(super) static MAY_BE_SECRET: Marks = Marks::new(MARKS, LAST_MARKS);

impl Marks {
    #[expect(clippy::indexing_slicing, reason = "it is compiled in: what is out of bounds does not compile")]
    const fn new(anywhere: &[&str], at_the_end: &[&str]) -> Self {
        let mut marks = Self { of: [0; 256], last: 0, last_of_all: 0, first: 0 };
        let (mut mark, mut bit) = (0, 0);
        while mark < anywhere.len() + at_the_end.len() {
            let is_anywhere = mark < anywhere.len();
            let text = if is_anywhere { anywhere[mark] } else { at_the_end[mark - anywhere.len()] };
            if is_anywhere {
                marks.last |= 1 << bit;
            } else {
                marks.last_of_all |= 1 << bit;
            }
            let letters = text.as_bytes();
            let mut left = letters.len();
            while left > 0 {
                left -= 1;
                if letters[left] == b'|' {
                    bit -= 1;
                    continue;
                }
                marks.of[letters[left] as usize] |= 1 << bit;
                marks.of[letters[left].to_ascii_uppercase() as usize] |= 1 << bit;
                bit += 1;
            }
            marks.first |= 1 << (bit - 1);
            mark += 1;
        }
        marks
    }

    /// Whether one of them stands in a text, whatever stands between its letters.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let mut reading = self.read();
        text.bytes().rev().any(|byte| reading.finds(byte))
    }

    pub(super) fn read(&self) -> Reading<'_> {
        Reading { marks: self, seen: 0, begins: self.last | self.last_of_all }
    }
}

/// How far a text was read, from its end.
pub(super) struct Reading<'m> {
    marks: &'m Marks,
    /// Which letters the last one that was read may be, those behind it being there.
    seen: u64,
    begins: u64,
}

impl Reading<'_> {
    /// Reads the byte before; whether a mark begins with it.
    pub(super) fn finds(&mut self, byte: u8) -> bool {
        if !byte.is_ascii_alphabetic() {
            return false;
        }
        let may_be = self.marks.of.get(usize::from(byte)).copied().unwrap_or_default();
        self.seen = (self.seen << 1 | self.begins) & may_be;
        self.begins = self.marks.last;
        self.seen & self.marks.first != 0
    }
}
