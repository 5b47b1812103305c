//! A set of rows, one bit each.

/// A set of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits {
    pub words: Vec<u64>,
}

impl Bits {
    pub fn none(rows: u32) -> Self {
        Self { words: vec![0; (rows as usize).div_ceil(64)] }
    }

    #[inline]
    pub fn has(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    #[inline]
    pub fn put(&mut self, row: u32) {
        self.words[row as usize / 64] |= 1 << (row % 64);
    }

    #[inline]
    pub fn take(&mut self, row: u32) {
        self.words[row as usize / 64] &= !(1 << (row % 64));
    }

    /// Puts in the first `rows`.
    pub fn fill(&mut self, rows: u32) {
        self.words.fill(u64::MAX);
        if let (Some(last), 1..) = (self.words.last_mut(), rows % 64) {
            *last = (1 << (rows % 64)) - 1;
        }
    }
}
