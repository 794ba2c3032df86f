//! A header in either form (the first byte chooses): what was read is the same after writing it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rmq_bench::protocol::frame::{FrameLimits, split};
use rmq_bench::protocol::send::SendReply;
use rmq_bench::protocol::{HeaderView, RemotingCommand, SerializeType};

fuzz_target!(|input: &[u8]| {
    let Some((kind, header)) = input.split_first() else {
        return;
    };
    let Ok(serialize_type) = SerializeType::from_byte(kind & 1) else {
        unreachable!("0 and 1 are known");
    };
    let Ok(view) = HeaderView::parse(serialize_type, header) else {
        return;
    };
    // Replies are read by clients from the same kind of header.
    let _ = SendReply::parse(&view.ext);
    let Ok(command) = RemotingCommand::from_view(&view, b"body") else {
        return;
    };
    for (key, _) in &command.ext {
        assert_eq!(view.ext.get(key).unwrap().as_deref(), command.field(key));
    }
    // JSON carries everything but unknown languages, so a second reading finds the same.
    let mut bytes = Vec::new();
    command.encode(SerializeType::Json, &mut bytes);
    let frame = split(
        &bytes,
        FrameLimits {
            max_length: u32::MAX,
        },
    )
    .unwrap()
    .unwrap();
    let mut again = RemotingCommand::decode(&frame).unwrap();
    if again.language.name() == command.language.name() {
        again.language = command.language;
    }
    assert_eq!(again, command);
});
