//! A place in the content that cannot leave it.

use crate::{Reason, Refusal};

/// The longest line of protocol 0 that names a global or a number.
const LONGEST_NAME: usize = 1024;

pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// The next `count` bytes. A length that the file declares is compared with what is left
    /// before anything else is done with it.
    pub(crate) fn take(&mut self, count: u64, name: &'static str) -> Result<&'a [u8], Refusal> {
        let start = self.at;
        let taken = usize::try_from(count)
            .ok()
            .and_then(|count| start.checked_add(count))
            .and_then(|end| Some((self.bytes.get(start..end)?, end)));
        let Some((bytes, end)) = taken else {
            let problem = format!("asks for {count} bytes where {} are left", self.left());
            return Err(Refusal::operand(start, name, problem));
        };
        self.at = end;
        Ok(bytes)
    }

    /// An unsigned number of `count` bytes (at most eight), the smallest first.
    pub(crate) fn number(&mut self, count: u64, name: &'static str) -> Result<u64, Refusal> {
        let bytes = self.take(count, name)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The bytes up to a line feed, which is passed over.
    pub(crate) fn line(&mut self, name: &'static str) -> Result<&'a [u8], Refusal> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            return Err(Refusal::operand(self.at, name, "has no end of its line"));
        };
        self.at = self.at.saturating_add(length).saturating_add(1);
        Ok(rest.get(..length).unwrap_or_default())
    }

    /// A short line in ASCII: a name or a number.
    pub(crate) fn short_line(&mut self, name: &'static str) -> Result<&'a str, Refusal> {
        let start = self.at;
        let line = self.line(name)?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > LONGEST_NAME {
            return Err(Refusal::limit(start, "bytes in a name or number", LONGEST_NAME as u64));
        }
        std::str::from_utf8(line)
            .map_err(|_| Refusal::operand(start, name, "has a line that is not UTF-8"))
    }

    /// The opcode here, with its offset.
    pub(crate) fn opcode(&mut self) -> Result<(usize, u8), Refusal> {
        let offset = self.at;
        let Some(byte) = self.bytes.get(offset) else {
            let reason = Reason::Operand { name: "STOP", problem: "is missing at the end".into() };
            return Err(Refusal::new(offset, reason));
        };
        self.at = offset.saturating_add(1);
        Ok((offset, *byte))
    }
}
