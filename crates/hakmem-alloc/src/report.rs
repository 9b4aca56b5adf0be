//! One line for a wrong program, without formatting or memory.

use hakmem_contract::{Fatal, Fault};

/// A line under construction.
struct Line {
    bytes: [u8; 128],
    len: usize,
}

impl Line {
    fn push(&mut self, text: &[u8]) {
        for &byte in text {
            if let Some(slot) = self.bytes.get_mut(self.len) {
                *slot = byte;
                self.len += 1;
            }
        }
    }

    fn push_hex(&mut self, value: usize) {
        self.push(b"0x");
        let mut shift = usize::BITS - value.leading_zeros().min(usize::BITS - 4);
        shift = shift.next_multiple_of(4);
        while shift > 0 {
            shift -= 4;
            let digit = (value >> shift) & 15;
            self.push(b"0123456789abcdef".get(digit..=digit).unwrap_or_default());
        }
    }
}

/// Says what the program did, and ends it.
#[cold]
#[inline(never)]
pub(crate) fn die(memory: &impl Fatal, fault: Fault) -> ! {
    let mut line = Line { bytes: [0; 128], len: 0 };
    line.push(b"hakmem: ");
    line.push(fault.message().as_bytes());
    line.push(b": ");
    line.push_hex(fault.address());
    line.push(b"\n");
    memory.die(line.bytes.get(..line.len).unwrap_or_default())
}
