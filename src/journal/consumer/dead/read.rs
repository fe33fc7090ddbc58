//! [`DeadLetters`]: the letters of a consumer, read.

use std::io;

use super::{DeadLetter, MAX_LETTER_BYTES};
use crate::event::Few;
use crate::journal::consumer::{Consumer, ConsumerError, ConsumerName};
use crate::journal::line::LineFault;
use crate::journal::reader::JournalReader;
use crate::journal::record::Unreadable;
use crate::journal::storage::{Open, Storage, StorageFile};

impl JournalReader {
    /// The dead letters of the consumer of that name, oldest first; none if there is no such consumer.
    ///
    /// # Errors
    /// [`ConsumerError::Name`] if the name is none, [`ConsumerError::File`] if the file cannot be read.
    pub fn dead_letters(&self, name: impl AsRef<str>) -> Result<DeadLetters, ConsumerError> {
        let name: ConsumerName = name.as_ref().parse()?;
        letters(&**self.storage(), &name)
            .map_err(|source| ConsumerError::File { file: name.dead_file(), source })
    }
}

impl Consumer {
    /// The events that it gave up, oldest first.
    ///
    /// # Errors
    /// [`ConsumerError::File`] if the file cannot be read.
    pub fn dead_letters(&self) -> Result<DeadLetters, ConsumerError> {
        self.reader.dead_letters(&self.name)
    }
}

/// The letters of a consumer, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct DeadLetters {
    /// Those that can be read.
    pub letters: Vec<DeadLetter>,
    /// Lines that cannot be read.
    pub unreadable: Few<Unreadable>,
}

impl DeadLetters {
    fn read(&mut self, file: &str, at: u64, line: &[u8]) {
        let after = self.letters.last().map(|letter| letter.position);
        let fault = if line.len() > MAX_LETTER_BYTES {
            LineFault::TooLong
        } else {
            match serde_json::from_slice(line) {
                Ok(letter) => return self.letters.push(letter),
                Err(error) => LineFault::NoEvent { column: Some(error.column()).filter(|at| *at > 0) },
            }
        };
        self.unreadable.push(Unreadable { after, file: file.to_owned(), at, fault });
    }
}

/// Reads the letters of a consumer, one line after the other; what stands behind the last newline is no letter yet.
fn letters(storage: &dyn Storage, name: &ConsumerName) -> io::Result<DeadLetters> {
    let file_name = name.dead_file();
    let mut found = DeadLetters::default();
    let Some(file) = open_to_read(storage, &file_name)? else { return Ok(found) };
    let (mut blocks, mut line, mut at) = (Blocks::new(&*file, 0), Vec::new(), 0);
    let mut left_out = 0;
    while let Some(mut block) = blocks.next()? {
        while let Some(newline) = memchr::memchr(b'\n', block) {
            let (rest, behind) = block.split_at(newline + 1);
            line.extend_from_slice(rest);
            found.read(&file_name, at, &line);
            at += line.len() as u64 + left_out;
            left_out = 0;
            line.clear();
            block = behind;
        }
        // Of a line that is too long no more is kept than tells that it is.
        let room = (2 * MAX_LETTER_BYTES).saturating_sub(line.len()).min(block.len());
        line.extend_from_slice(block.get(..room).unwrap_or_default());
        left_out += (block.len() - room) as u64;
    }
    Ok(found)
}

/// How many lines a consumer's letters have.
pub(in crate::journal::consumer) fn count(storage: &dyn Storage, name: &ConsumerName) -> io::Result<u64> {
    let Some(file) = open_to_read(storage, &name.dead_file())? else { return Ok(0) };
    let (mut blocks, mut lines) = (Blocks::new(&*file, 0), 0);
    while let Some(block) = blocks.next()? {
        lines += memchr::memchr_iter(b'\n', block).count() as u64;
    }
    Ok(lines)
}

fn open_to_read(storage: &dyn Storage, file: &str) -> io::Result<Option<Box<dyn StorageFile>>> {
    match storage.open(file, Open::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// A file, block after block.
pub(super) struct Blocks<'a> {
    file: &'a dyn StorageFile,
    at: u64,
    block: Vec<u8>,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(file: &'a dyn StorageFile, at: u64) -> Self {
        Self { file, at, block: vec![0; 64 << 10] }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            match self.file.read_at(&mut self.block, self.at) {
                Ok(0) => return Ok(None),
                Ok(read) => {
                    self.at += read as u64;
                    return Ok(self.block.get(..read));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
