//! Bytes waiting to be written: headers and small bodies copied, large bodies by reference.

use std::io::IoSlice;

use bytes::Bytes;

/// Most slices handed to one `writev`.
pub const MAX_SLICES: usize = 64;
/// A buffer that grew beyond this is not kept.
const KEEP_BYTES: usize = 1024 * 1024;

/// What waits to be written, in order.
#[derive(Debug, Default)]
pub struct OutBuffer {
    copied: Vec<u8>,
    /// Bodies by reference, each with the position in `copied` it stands before.
    bodies: Vec<(usize, Bytes)>,
    referenced_bytes: usize,
}

impl OutBuffer {
    /// Bytes waiting, copied and referenced.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.copied.len() + self.referenced_bytes
    }

    /// Whether nothing waits.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.copied.is_empty() && self.bodies.is_empty()
    }

    /// Where headers are encoded to.
    #[inline]
    pub fn copied(&mut self) -> &mut Vec<u8> {
        &mut self.copied
    }

    /// Appends a body: by reference from `zero_copy_bytes` on, else copied.
    #[inline]
    pub fn push_body(&mut self, body: &Bytes, zero_copy_bytes: usize) {
        if body.len() >= zero_copy_bytes {
            self.referenced_bytes += body.len();
            self.bodies.push((self.copied.len(), body.clone()));
        } else {
            self.copied.extend_from_slice(body);
        }
    }
}

/// An [`OutBuffer`] on its way into the socket.
#[derive(Debug, Default)]
pub struct Writing {
    buffer: OutBuffer,
    /// Bytes of `copied` that are out.
    copied_out: usize,
    /// Bodies that are out.
    bodies_out: usize,
    /// Bytes of the next body that are out.
    body_out: usize,
}

impl Writing {
    /// Whether all is written.
    #[inline]
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.copied_out == self.buffer.copied.len() && self.bodies_out == self.buffer.bodies.len()
    }

    /// Takes the waiting bytes in exchange for the spent buffer; only when all is written.
    #[inline]
    pub fn swap(&mut self, waiting: &mut OutBuffer) {
        self.buffer.copied.clear();
        self.buffer.bodies.clear();
        self.buffer.referenced_bytes = 0;
        if self.buffer.copied.capacity() > KEEP_BYTES {
            self.buffer.copied = Vec::new();
        }
        (self.copied_out, self.bodies_out, self.body_out) = (0, 0, 0);
        std::mem::swap(&mut self.buffer, waiting);
    }

    /// The next bytes as one slice, when no body stands in between.
    #[inline]
    #[must_use]
    pub fn single(&self) -> Option<&[u8]> {
        if self.bodies_out == self.buffer.bodies.len() {
            self.buffer.copied.get(self.copied_out..)
        } else {
            None
        }
    }

    /// Fills `slices` with what comes next; returns how many were filled.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; MAX_SLICES]) -> usize {
        let mut filled = 0;
        let mut put = |bytes: &'a [u8]| {
            if let (false, Some(slot)) = (bytes.is_empty(), slices.get_mut(filled)) {
                *slot = IoSlice::new(bytes);
                filled += 1;
            }
        };
        let mut copied_at = self.copied_out;
        let mut body_at = self.body_out;
        for (before, body) in self
            .buffer
            .bodies
            .iter()
            .skip(self.bodies_out)
            .take(MAX_SLICES)
        {
            put(self
                .buffer
                .copied
                .get(copied_at..*before)
                .unwrap_or_default());
            put(body.get(body_at..).unwrap_or_default());
            copied_at = *before;
            body_at = 0;
        }
        if self.buffer.bodies.len() - self.bodies_out <= MAX_SLICES {
            put(self.buffer.copied.get(copied_at..).unwrap_or_default());
        }
        filled
    }

    /// Notes that the socket took `written` bytes.
    pub fn advance(&mut self, mut written: usize) {
        while written > 0 {
            let Some((before, body)) = self.buffer.bodies.get(self.bodies_out) else {
                self.copied_out += written;
                return;
            };
            let copied = (*before - self.copied_out).min(written);
            self.copied_out += copied;
            written -= copied;
            let of_body = (body.len() - self.body_out).min(written);
            self.body_out += of_body;
            written -= of_body;
            if self.copied_out == *before && self.body_out == body.len() {
                self.bodies_out += 1;
                self.body_out = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_leave_in_order_whatever_the_socket_takes(
            messages in prop::collection::vec((1usize..20, 0usize..40), 1..150),
            takes in prop::collection::vec(1usize..200, 1..20),
        ) {
            let (mut out, mut wanted) = (OutBuffer::default(), Vec::new());
            for (index, (header, body)) in messages.iter().enumerate() {
                let header = vec![index as u8; *header];
                let body = Bytes::from(vec![!(index as u8); *body]);
                out.copied().extend_from_slice(&header);
                out.push_body(&body, 20);
                wanted.extend_from_slice(&header);
                wanted.extend_from_slice(&body);
            }
            prop_assert_eq!(out.len(), wanted.len());
            let mut writing = Writing::default();
            writing.swap(&mut out);
            prop_assert!(out.is_empty());
            let mut seen = Vec::new();
            for take in takes.iter().cycle() {
                if writing.is_done() {
                    break;
                }
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let filled = writing.slices(&mut slices);
                let mut round = Vec::new();
                for slice in &slices[..filled] {
                    round.extend_from_slice(slice);
                }
                prop_assert!(!round.is_empty());
                if let Some(single) = writing.single() {
                    prop_assert_eq!(single, &round[..]);
                }
                round.truncate(*take);
                seen.extend_from_slice(&round);
                writing.advance(round.len());
            }
            prop_assert_eq!(seen, wanted);
        }
    }
}
