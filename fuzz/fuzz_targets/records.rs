//! Messages of a batch and messages as brokers keep them: what was read is the same after writing it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rmq_bench::protocol::batch;
use rmq_bench::protocol::stored::{self, StoredMessage};

fuzz_target!(|input: &[u8]| {
    let mut bytes = 0;
    for record in batch::records(input).map_while(Result::ok) {
        let mut out = Vec::new();
        record.write(&mut out).unwrap();
        bytes += out.len();
        let again: Vec<_> = batch::records(&out).collect();
        assert_eq!(again, [Ok(record)]);
    }
    assert!(bytes <= input.len(), "no byte is read twice");

    for message in stored::records(input).map_while(Result::ok) {
        let mut out = Vec::new();
        if message.write(&mut out).is_ok() {
            let (again, rest) = StoredMessage::parse(&out).unwrap();
            assert_eq!(again, message);
            assert!(rest.is_empty());
        }
    }
});
