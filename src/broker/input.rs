//! **Hot path.** The read buffer of a connection: no allocation per message, no copy but of the one
//! frame that a read has cut in two.

use crate::protocol::error::DecodeError;
use crate::protocol::frame::{self, Frame, FrameLimits};

/// Bytes as they come from a socket, and the frames in them.
#[derive(Debug)]
pub(super) struct Input {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    limits: FrameLimits,
}

impl Input {
    /// `capacity` in bytes is what one read may bring at most, unless a frame is larger.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity.max(64)],
            start: 0,
            end: 0,
            limits: FrameLimits::default(),
        }
    }

    /// The next complete frame; consume it with [`Input::consume`].
    #[inline]
    pub(super) fn frame(&self) -> Result<Option<Frame<'_>>, DecodeError> {
        let waiting = self.bytes.get(self.start..self.end).unwrap_or_default();
        frame::split(waiting, self.limits)
    }

    /// Steps over `wire_bytes` of the frame just handled.
    #[inline]
    pub(super) fn consume(&mut self, wire_bytes: usize) {
        self.start = (self.start + wire_bytes).min(self.end);
    }

    /// Where the next read goes; never empty. Call only once no complete frame is left.
    ///
    /// The buffer grows with what has come, not with what a length field promises, so a peer gets
    /// no more memory than twice what it sent.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.bytes.len() {
            let doubled = self.bytes.len() * 2;
            let announced = frame::announced_bytes(&self.bytes, self.limits);
            let wanted = announced.map_or(doubled, |bytes| bytes.min(doubled));
            self.bytes.resize(wanted.max(self.end + 1), 0);
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// Notes what a read brought.
    #[inline]
    pub(super) fn filled(&mut self, bytes: usize) {
        self.end = (self.end + bytes).min(self.bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{RemotingCommand, RequestCode, SerializeType};
    use proptest::prelude::*;

    fn stream(bodies: &[usize]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, size) in bodies.iter().enumerate() {
            let mut command = RemotingCommand::request(RequestCode::HEART_BEAT)
                .with_body(vec![index.to_le_bytes()[0]; *size]);
            command.opaque = i32::try_from(index).unwrap();
            command.encode(SerializeType::Binary, &mut bytes);
        }
        bytes
    }

    proptest! {
        #[test]
        fn all_frames_come_out_in_order_however_reads_cut_them(
            bodies in prop::collection::vec(0usize..700, 1..20),
            reads in prop::collection::vec(1usize..300, 1..20),
        ) {
            let bytes = stream(&bodies);
            let mut input = Input::new(64);
            let (mut rest, mut seen) = (&bytes[..], Vec::new());
            for size in reads.iter().cycle() {
                while let Some(frame) = input.frame().unwrap() {
                    seen.push(frame.body.to_vec());
                    let wire_bytes = frame.wire_bytes;
                    input.consume(wire_bytes);
                }
                if rest.is_empty() {
                    break;
                }
                let room = input.room();
                let size = (*size).min(room.len()).min(rest.len());
                room[..size].copy_from_slice(&rest[..size]);
                rest = &rest[size..];
                input.filled(size);
            }
            let wanted: Vec<Vec<u8>> = bodies.iter().enumerate()
                .map(|(index, size)| vec![index.to_le_bytes()[0]; *size]).collect();
            prop_assert_eq!(seen, wanted);
        }
    }

    #[test]
    fn a_promised_length_takes_no_memory() {
        let mut input = Input::new(64);
        let promise = (16u32 * 1024 * 1024 - 4).to_be_bytes();
        input.room()[..4].copy_from_slice(&promise);
        input.filled(4);
        assert_eq!(input.frame(), Ok(None));
        assert_eq!(input.room().len(), 60);
        input.filled(60);
        assert_eq!(input.room().len(), 64);
    }
}
