//! What keeps a search from doing harm: what it may offer and write, to which topics, and how full disks may get.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cli::admin::asked;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::target::{RunningTarget, is_local};
use crate::cli::{connect, message};
use crate::client::ClientInstance;
use crate::client::admin::Admin;
use crate::client::system_topics::{is_system_topic, refuses_load};
use crate::config::{CapacityPlan, Target};
use crate::load::{StopLevel, StopSignal};
use crate::metrics::units::{bytes, percent, rate};

/// Beyond these a search of somebody's cluster has to be meant.
const RATE_TO_CONFIRM: f64 = 10_000.0;
const BYTES_TO_CONFIRM: f64 = 10.0 * 1024.0 * 1024.0 * 1024.0;
/// For a question to a broker.
const TIMEOUT: Duration = Duration::from_secs(6);
/// For a broker that was started to answer.
const BACK_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Refuses what has to be confirmed first, and topics that no load belongs to.
///
/// # Errors
/// [`Failure`] of usage, with the way out.
pub(super) fn confirm(plan: &CapacityPlan) -> Result<(), Failure> {
    for topic in plan.window.load.topics() {
        if let Some(why) = refuses_load(topic) {
            return Err(no_load(topic, why));
        }
    }
    let Target::Cluster { namesrv } = &plan.window.target else {
        return Ok(());
    };
    if plan.yes || namesrv.iter().all(|address| is_local(address)) {
        return Ok(());
    }
    let most = plan
        .max_bytes
        .map_or(plan.most_bytes(), |limit| plan.most_bytes().min(limit));
    if plan.max_per_s > RATE_TO_CONFIRM || most > BYTES_TO_CONFIRM {
        return Err(usage(
            format!(
                "this would offer {} at most and write up to {} to the cluster of {}",
                rate(plan.max_per_s),
                bytes_of(most),
                namesrv.join(";")
            ),
            "if that is meant, give --yes; or less, with --max 10k, --time-budget and --max-bytes 10GiB; --dry-run shows the plan",
        ));
    }
    Ok(())
}

fn usage(error: String, hint: &'static str) -> Failure {
    Failure {
        exit: Exit::Usage,
        error,
        hint: Some(hint.into()),
    }
}

fn no_load(topic: &str, why: &str) -> Failure {
    usage(
        format!("--topic {topic}: {why}, and a search writes a lot"),
        "name a topic of your own, or BenchmarkTest, or give --own-topic",
    )
}

/// Refuses topics that the brokers of this cluster made for themselves: those called like one of them, like their
/// cluster, or like what answers to requests come by.
///
/// # Errors
/// [`Failure`] of usage; that of the question when the name servers give no answer.
fn refuse_brokers_own(plan: &CapacityPlan, admin: &Admin) -> Result<(), Failure> {
    // What is RocketMQ's own by its name alone was refused, but for the one that is there for loads.
    let topics = plan.window.load.topics();
    for topic in topics.filter(|topic| !is_system_topic(topic)) {
        if asked(admin.is_system_topic(topic))? {
            return Err(no_load(topic, "it is a topic of the brokers' own"));
        }
    }
    Ok(())
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes for people; the cast saturates"
)]
pub(super) fn bytes_of(count: f64) -> String {
    bytes(count as u64)
}

/// Asks the brokers of a search's target, those that are left out apart.
///
/// # Errors
/// [`Failure`] when there is no client.
pub(super) fn admin(plan: &CapacityPlan, target: &RunningTarget) -> Result<Admin, Failure> {
    let mut client = plan.window.client.clone();
    client.namesrv.clone_from(&target.namesrv);
    if let Target::Cluster { .. } = &plan.window.target {
        connect::secure(&mut client, &plan.window)?;
    }
    let instance = Arc::new(ClientInstance::new(client)?);
    instance.start()?;
    Ok(Admin::new(instance).with_timeout(TIMEOUT))
}

/// Looks before every window whether it may be made.
pub(super) struct Guard {
    admin: Option<Admin>,
    /// Brokers that are left out.
    without: Vec<String>,
    max_disk: f64,
    max_bytes: Option<f64>,
    sent_bytes: f64,
}

impl Guard {
    /// For the target of a search; an embedded cluster has no disk to fill.
    ///
    /// # Errors
    /// [`Failure`] when there is no client, and for a topic of the brokers' own.
    pub(super) fn new(plan: &CapacityPlan, target: &RunningTarget) -> Result<Self, Failure> {
        let admin = match &plan.window.target {
            Target::Embedded(_) => None,
            Target::Cluster { .. } => {
                let admin = admin(plan, target)?;
                refuse_brokers_own(plan, &admin)?;
                Some(admin)
            }
        };
        Ok(Self {
            admin,
            without: plan.window.client.without.clone(),
            max_disk: plan.max_disk,
            max_bytes: plan.max_bytes,
            sent_bytes: 0.0,
        })
    }

    /// This broker is none that is sent to any more.
    pub(super) fn leave_out(&mut self, broker: &str) {
        self.without.push(broker.to_owned());
    }

    /// Waits until a broker that was started answers again, so that what is asked of all of them afterwards reaches it;
    /// says so when it does not.
    ///
    /// # Errors
    /// [`Failure`] when brokers cannot be asked.
    pub(super) fn await_broker(&self, name: &str, stop: &StopSignal) -> Result<(), Failure> {
        let Some(admin) = &self.admin else {
            return Ok(());
        };
        let until = Instant::now() + BACK_WITHIN;
        while Instant::now() < until && stop.level() < StopLevel::Now {
            let brokers = asked(admin.broker_status(None))?;
            let mut brokers = brokers.iter();
            if brokers.any(|broker| broker.broker == name && broker.info.is_ok()) {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        message::error(&format_args!(
            "{name} did not answer within {} s after it was started: see whether it runs",
            BACK_WITHIN.as_secs()
        ));
        Ok(())
    }

    /// Bodies were sent.
    pub(super) fn sent(&mut self, bytes: f64) {
        self.sent_bytes += bytes;
    }

    /// Why the next window, of so many bytes, may not be made; `None` when it may.
    ///
    /// # Errors
    /// [`Failure`] when brokers cannot be asked.
    pub(super) fn objection(&self, next_bytes: f64) -> Result<Option<String>, Failure> {
        if let Some(limit) = self
            .max_bytes
            .filter(|limit| self.sent_bytes + next_bytes > *limit)
        {
            return Ok(Some(format!(
                "the next window's {} would pass --max-bytes {}, of which {} are used",
                bytes_of(next_bytes),
                bytes_of(limit),
                bytes_of(self.sent_bytes)
            )));
        }
        let Some(admin) = &self.admin else {
            return Ok(None);
        };
        let brokers = asked(admin.broker_status(None))?;
        let mut brokers = brokers
            .iter()
            .filter(|broker| !self.without.contains(&broker.broker));
        let full = brokers.find_map(|broker| {
            if let Err(error) = &broker.info {
                message::note(&format_args!(
                    "how full the disk of {} is cannot be told: {error}",
                    broker.broker
                ));
            }
            let info = broker.info.as_ref().ok()?;
            let used = info.disk_ratio.into_iter().chain(info.queue_disk_ratio);
            let used = used.reduce(f64::max).filter(|used| *used > self.max_disk)?;
            Some(format!(
                "the disk of {} is {} full, --max-disk allows {}",
                broker.broker,
                percent(used),
                percent(self.max_disk)
            ))
        });
        Ok(full)
    }
}
