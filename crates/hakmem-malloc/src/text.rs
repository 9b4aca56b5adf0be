//! Text without memory: a buffer on the stack, written in one go.

use libc::{FILE, size_t};

/// Room for every class's line.
const SIZE: usize = 8 << 10;

/// Digits of the largest number.
const DIGITS: usize = 20;

/// Text under construction. What does not fit is cut off.
pub(crate) struct Text {
    bytes: [u8; SIZE],
    len: usize,
}

impl Text {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; SIZE], len: 0 }
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        let free = self.bytes.get_mut(self.len..).unwrap_or_default();
        for (slot, &byte) in free.iter_mut().zip(text.as_bytes()) {
            *slot = byte;
            self.len += 1;
        }
        self
    }

    /// `value` in decimal, with spaces before it if it has fewer than `width` digits.
    pub(crate) fn number(&mut self, value: usize, width: usize) -> &mut Self {
        let mut digits = [b' '; DIGITS];
        let mut rest = value;
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            if used > 0 && rest == 0 {
                break;
            }
            *digit = b'0' + (rest % 10).to_le_bytes()[0];
            rest /= 10;
            used += 1;
        }
        let from = DIGITS - used.max(width.min(DIGITS));
        let digits = digits.get(from..).unwrap_or_default();
        // Digits and spaces are ASCII.
        self.push(str::from_utf8(digits).unwrap_or_default())
    }

    /// ` name="value"`.
    pub(crate) fn attribute(&mut self, name: &str, value: usize) -> &mut Self {
        self.push(" ").push(name).push("=\"").number(value, 0).push("\"")
    }

    /// Writes it. Returns whether all of it was.
    ///
    /// # Safety
    ///
    /// `file` is an open stream.
    pub(crate) unsafe fn write(&self, file: *mut FILE) -> bool {
        let written: size_t =
            // SAFETY: `len` bytes of the buffer are written down, and the caller's stream.
            unsafe { libc::fwrite(self.bytes.as_ptr().cast(), 1, self.len, file) };
        written == self.len
    }
}
