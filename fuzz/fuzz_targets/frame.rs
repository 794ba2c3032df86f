//! A stream of frames: every one lies inside its input, and no shorter input gives the same one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rmq_bench::protocol::frame::{FrameLimits, announced_bytes, split};

fuzz_target!(|input: &[u8]| {
    let limits = FrameLimits { max_length: 4096 };
    let mut rest = input;
    while let Ok(Some(frame)) = split(rest, limits) {
        assert!(frame.wire_bytes <= rest.len());
        assert_eq!(frame.wire_bytes, 8 + frame.header.len() + frame.body.len());
        assert_eq!(announced_bytes(rest, limits), Some(frame.wire_bytes));
        assert_eq!(split(&rest[..frame.wire_bytes], limits), Ok(Some(frame)));
        assert_eq!(split(&rest[..frame.wire_bytes - 1], limits), Ok(None));
        rest = &rest[frame.wire_bytes..];
    }
    if let Some(bytes) = announced_bytes(rest, limits) {
        assert!(bytes <= 4 + 4096);
    }
});
