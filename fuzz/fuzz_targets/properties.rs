//! Properties strings and message ids: what was read is the same after writing it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rmq_bench::protocol::message_id::{decode_offset_message_id, offset_id_text};
use rmq_bench::protocol::properties;

fuzz_target!(|text: &str| {
    let pairs: Vec<_> = properties::parse(text).collect();
    let mut out = Vec::new();
    for (name, value) in &pairs {
        properties::write(&mut out, name, value.as_bytes());
    }
    assert!(out.len() <= text.len() + 1);
    let again = String::from_utf8(out).unwrap();
    let again: Vec<_> = properties::parse(&again).collect();
    assert_eq!(again, pairs);

    if let Ok((address, offset)) = decode_offset_message_id(text) {
        let id = offset_id_text(address, offset);
        assert_eq!(id, text.to_ascii_uppercase());
    }
});
