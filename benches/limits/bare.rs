//! The load face's loop on the send core alone: no recorder, no schedule, no avoidance, no retry.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmq_bench::client::retry::RetryPolicy;
use rmq_bench::client::send::{Carrier, Ended, Outgoing, SendCore, SenderOptions};
use rmq_bench::client::{ClientInstance, Message, SendConfig};
use rmq_bench::protocol::HeaderView;
use rmq_bench::transport::{CloseReason, Coalesce, Entry, Handler, IoCounters, Nanos, Pool};
use tokio::runtime::Handle;

use crate::work::{Counts, Meter, TOPIC, Used, Work};

struct Token(Arc<Message>);

impl Carrier for Token {
    fn message(&self) -> &Message {
        &self.0
    }
}

struct Loop {
    core: SendCore<Token>,
    message: Arc<Message>,
    window: usize,
    in_flight: usize,
    acked: u64,
    ended: Vec<Ended<Token>>,
}

impl Loop {
    fn fill(&mut self) {
        if self.in_flight > self.window - self.window / 16 {
            return;
        }
        let now = Nanos::now();
        self.core.refresh(now);
        let budget_ends = now.plus(Duration::from_secs(3));
        while self.in_flight < self.window {
            let token = Token(Arc::clone(&self.message));
            let send = self.core.begin(token, now, budget_ends);
            assert!(self.core.stage(send).is_ok(), "no route");
            self.in_flight += 1;
        }
        self.core.flush(now, &mut self.ended);
        assert!(self.ended.is_empty(), "a send was refused");
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Option<Loop>>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Loop>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Answers {
    shared: Shared,
    came: usize,
}

impl Handler<Outgoing<Token>> for Answers {
    fn reply(
        &mut self,
        entry: Entry<Outgoing<Token>>,
        header: &HeaderView<'_>,
        _: &[u8],
        at: Nanos,
    ) {
        std::hint::black_box(Ended::by_reply(entry, header, at));
        self.came += 1;
    }
    fn written(&mut self, _: Entry<Outgoing<Token>>) {}
    fn expired(&mut self, _: Entry<Outgoing<Token>>, _: Nanos) {
        panic!("no answer in time");
    }
    fn lost(&mut self, _: Entry<Outgoing<Token>>, _: &CloseReason, _: Nanos) {}
    fn late(&mut self, _: &HeaderView<'_>) {}
    fn round_end(&mut self, _: Nanos) {
        let mut guard = self.shared.lock();
        let Some(bare) = guard.as_mut() else { return };
        let came = std::mem::take(&mut self.came);
        bare.in_flight -= came;
        bare.acked += came as u64;
        bare.fill();
    }
}

pub(crate) fn run(work: &Work) -> Used {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let instance = Arc::new(ClientInstance::new(work.client(false)).unwrap());
        instance.start().unwrap();
        let send = SendConfig::default();
        let topic = instance.topic(TOPIC, &send).await.unwrap();
        let counters = Arc::new(IoCounters::default());
        let transport = &instance.config().transport;
        let options = transport.broker_links(
            2 * work.in_flight,
            Coalesce::Immediate,
            Arc::clone(&counters),
        );
        let shared = Shared::default();
        let handlers = shared.clone();
        let handler = move || Answers {
            shared: handlers.clone(),
            came: 0,
        };
        let options = SenderOptions {
            pool: Arc::new(Pool::new(1, options, Handle::current(), handler)),
            retry: RetryPolicy {
                retries: 0,
                codes: Vec::new(),
                pinned: false,
            },
            oneway: false,
        };
        let mut core = SendCore::new(Arc::clone(&instance), topic, Arc::new(send), options);
        assert!(core.connect(Duration::from_secs(10)).await.is_empty());
        core.refresh(Nanos::now());
        let mut bare = Loop {
            core,
            message: Arc::new(Message::new(work.body())),
            window: work.in_flight,
            in_flight: 0,
            acked: 0,
            ended: Vec::new(),
        };
        bare.fill();
        *shared.lock() = Some(bare);
        let mut meter = Meter::start(work.slice);
        let used = loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let io = counters.counts();
            let counts = Counts {
                messages: shared.lock().as_ref().map_or(0, |bare| bare.acked),
                writes: io.writes,
                reads: io.reads,
            };
            if let Some(used) = meter.look(counts) {
                break used;
            }
        };
        drop(shared.lock().take());
        used
    })
}
