//! Texts and bytes: many in one buffer.

use std::ops::Range;

/// A list of byte strings in one buffer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Strings {
    ends: Vec<u32>,
    data: Vec<u8>,
}

impl Strings {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of all of them, one after the other.
    pub(crate) fn data(&self) -> &[u8] {
        &self.data
    }

    /// Where each of them lies in [`data`](Self::data).
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        (0..self.len()).map(|index| self.start(index)..self.ends[index] as usize)
    }

    pub(crate) fn get(&self, index: usize) -> &[u8] {
        &self.data[self.start(index)..self.ends[index] as usize]
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    pub(crate) fn push(&mut self, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.ends.push(self.data.len() as u32);
    }

    /// Empties the last one.
    pub(crate) fn empty_last(&mut self) {
        if let Some(last) = self.ends.len().checked_sub(1) {
            self.data.truncate(self.start(last));
            self.ends[last] = self.data.len() as u32;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        self.data.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_back_and_the_last_one_can_be_emptied() {
        let mut strings = Strings::default();
        strings.empty_last();
        for text in ["one", "", "three"] {
            strings.push(text.as_bytes());
        }
        strings.empty_last();
        strings.push(b"four");
        let all: Vec<&[u8]> = (0..strings.len()).map(|index| strings.get(index)).collect();
        assert_eq!(all, [&b"one"[..], b"", b"", b"four"]);
        assert_eq!(strings.ranges().last(), Some(3..7));
    }
}
