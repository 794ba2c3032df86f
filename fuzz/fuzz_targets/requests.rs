//! The requests off the hot path, as brokers and clients read them: what was read is the same after
//! writing it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rmq_bench::protocol::admin::{CreateTopic, QueryMessage, QueueQuery, ViewMessage};
use rmq_bench::protocol::frame::{FrameLimits, split};
use rmq_bench::protocol::pull::{PullReply, PullRequest};
use rmq_bench::protocol::transaction::{CheckTransaction, EndTransaction};
use rmq_bench::protocol::{HeaderView, RemotingCommand, RequestCode, SerializeType};

fuzz_target!(|input: &[u8]| {
    let Ok(Some(frame)) = split(input, FrameLimits::default()) else {
        return;
    };
    let Ok(command) = RemotingCommand::decode(&frame) else {
        return;
    };
    admin(&command);
    if let Ok(pull) = PullRequest::parse(&command) {
        assert_eq!(PullRequest::parse(&pull.to_command()), Ok(pull));
    }
    if let Ok(Some(reply)) = PullReply::parse(&command) {
        let again = PullReply::parse(&reply.to_command(command.opaque, Vec::new()));
        assert_eq!(again, Ok(Some(reply)));
    }
    if let Ok(header) = HeaderView::parse(frame.serialize_type, frame.header) {
        transactions(&header);
    }
});

fn admin(command: &RemotingCommand) {
    if let Ok(create) = CreateTopic::parse(command) {
        assert_eq!(CreateTopic::parse(&create.to_command()), Ok(create));
    }
    if let Ok(Some(query)) = QueueQuery::parse(command) {
        assert_eq!(QueueQuery::parse(&query.to_command()), Ok(Some(query)));
    }
    if let Ok(view) = ViewMessage::parse(command) {
        assert_eq!(ViewMessage::parse(&view.to_command()), Ok(view));
    }
    if let Ok(query) = QueryMessage::parse(command) {
        assert_eq!(QueryMessage::parse(&query.to_command()), Ok(query));
    }
}

fn transactions(header: &HeaderView<'_>) {
    if let Ok(end) = EndTransaction::parse(header) {
        read_again(&end.to_command(), |view| {
            assert_eq!(EndTransaction::parse(view), Ok(end.clone()));
        });
    }
    if let Ok(check) = CheckTransaction::parse(header) {
        let command = check.to_command(Vec::new());
        assert_eq!(
            RequestCode(command.code),
            RequestCode::CHECK_TRANSACTION_STATE
        );
        read_again(&command, |view| {
            assert_eq!(CheckTransaction::parse(view), Ok(check.clone()));
        });
    }
}

/// The command as who receives it sees it, in both forms of a header.
fn read_again(command: &RemotingCommand, check: impl Fn(&HeaderView<'_>)) {
    for form in [SerializeType::Binary, SerializeType::Json] {
        let mut bytes = Vec::new();
        command.encode(form, &mut bytes);
        let frame = split(&bytes, FrameLimits::default()).unwrap().unwrap();
        check(&HeaderView::parse(frame.serialize_type, frame.header).unwrap());
    }
}
