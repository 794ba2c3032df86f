//! Whole send requests as a broker reads them. The fields of one that is accepted are those the
//! plain reader finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rmq_bench::protocol::frame::{FrameLimits, split};
use rmq_bench::protocol::send::SendRequestView;
use rmq_bench::protocol::{HeaderView, RemotingCommand, RequestCode, properties};

fuzz_target!(|input: &[u8]| {
    let Ok(Some(frame)) = split(input, FrameLimits::default()) else {
        return;
    };
    assert!(frame.wire_bytes <= input.len());
    let Ok(header) = HeaderView::parse(frame.serialize_type, frame.header) else {
        return;
    };
    let Ok(request) = SendRequestView::parse(&header) else {
        return;
    };
    let plain = RemotingCommand::from_view(&header, frame.body).unwrap();
    let names = if header.code == RequestCode::SEND_MESSAGE_V2.0 {
        ["a", "b", "c", "i", "n"]
    } else {
        [
            "producerGroup",
            "topic",
            "defaultTopic",
            "properties",
            "bname",
        ]
    };
    let values = [
        &request.group,
        &request.topic,
        &request.default_topic,
        &request.properties,
        &request.broker_name,
    ];
    for (name, value) in names.into_iter().zip(values) {
        assert_eq!(plain.field(name).unwrap_or_default(), &**value);
    }
    let _ = properties::parse(&request.properties).count();
});
