//! Compressed bodies: whatever the bytes are, no more comes out than is allowed.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rmq_bench::client::compression::unpack;
use rmq_bench::protocol::sys_flag;

const MOST: usize = 100_000;

fuzz_target!(|input: &[u8]| {
    let body = Bytes::copy_from_slice(input);
    for kind in [sys_flag::ZLIB, sys_flag::LZ4, sys_flag::ZSTD] {
        if let Ok(unpacked) = unpack(&body, sys_flag::COMPRESSED | kind, MOST) {
            assert!(unpacked.len() <= MOST);
        }
    }
    assert_eq!(unpack(&body, 0, MOST), Ok(body));
});
