//! `send().await` from many tasks on one client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rmq_bench::client::{Message, Producer, SendConfig};

use crate::work::{Counts, Meter, TOPIC, Used, Work};

pub(crate) fn run(work: &Work, threads: usize, shared: bool) -> Used {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder
        .worker_threads(threads)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let producer = Producer::new(work.client(true), SendConfig::default()).unwrap();
        producer.start().unwrap();
        let producer = Arc::new(producer);
        let messages = Arc::new(AtomicU64::new(0));
        let body = work.body();
        for _ in 0..work.in_flight {
            let producer = if shared {
                Arc::clone(&producer)
            } else {
                Arc::new((*producer).clone())
            };
            let (messages, body) = (Arc::clone(&messages), body.clone());
            tokio::spawn(async move {
                loop {
                    let message = Message::new(body.clone());
                    producer.send(TOPIC, message).await.unwrap();
                    messages.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // The tasks connect first.
        while messages.load(Ordering::Relaxed) < 10 * work.in_flight as u64 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut meter = Meter::start(work.slice);
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let counts = Counts {
                messages: messages.load(Ordering::Relaxed),
                ..producer_io(&producer)
            };
            if let Some(used) = meter.look(counts) {
                return used;
            }
        }
    })
}

fn producer_io(producer: &Producer) -> Counts {
    let io = producer.io_counts();
    Counts {
        messages: 0,
        writes: io.writes,
        reads: io.reads,
    }
}
