//! What keeps a search from doing harm: what it may offer and write, to which topics, and how full disks may get.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cli::admin::asked;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::target::{RunningTarget, is_local};
use crate::cli::{connect, message};
use crate::client::ClientInstance;
use crate::client::admin::{Admin, BrokerStatus};
use crate::client::system_topics::{is_system_topic, refuses_load};
use crate::config::{CapacityPlan, Target};
use crate::load::{StopLevel, StopSignal};
use crate::metrics::units::{bytes, percent, rate};

/// Beyond these a search of somebody's cluster has to be meant.
const RATE_TO_CONFIRM: f64 = 10_000.0;
const BYTES_TO_CONFIRM: f64 = 10.0 * 1024.0 * 1024.0 * 1024.0;
/// For a question to a broker.
const TIMEOUT: Duration = Duration::from_secs(6);
/// Questions to a broker how full its disk is, before that is called unknown.
const DISK_TRIES: u32 = 2;
/// For a broker that was started to answer.
const BACK_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Refuses topics that no load belongs to.
///
/// # Errors
/// [`Failure`] of usage, with the way out.
pub(super) fn check_topics(plan: &CapacityPlan) -> Result<(), Failure> {
    for topic in plan.window.load.topics() {
        if let Some(why) = refuses_load(topic) {
            return Err(no_load(topic, why));
        }
    }
    Ok(())
}

/// Refuses what has to be confirmed first and was not.
///
/// # Errors
/// [`Failure`] of usage, with the way out.
pub(super) fn confirm(plan: &CapacityPlan) -> Result<(), Failure> {
    match &plan.window.target {
        Target::Cluster { namesrv } if !plan.yes && needs_yes(plan) => Err(usage(
            format!(
                "this would offer {} at most and write up to {} to the cluster of {}",
                rate(plan.max_per_s),
                bytes_of(most_bytes(plan)),
                namesrv.join(";")
            ),
            "if that is meant, give --yes; or less, with --max 10k, --time-budget and --max-bytes 10GiB; --dry-run shows the plan",
        )),
        _ => Ok(()),
    }
}

/// Whether a search is so large that it has to be meant: on a cluster of other hosts.
pub(super) fn needs_yes(plan: &CapacityPlan) -> bool {
    let Target::Cluster { namesrv } = &plan.window.target else {
        return false;
    };
    let is_large = plan.max_per_s > RATE_TO_CONFIRM || most_bytes(plan) > BYTES_TO_CONFIRM;
    is_large && !namesrv.iter().all(|address| is_local(address))
}

/// Bytes of bodies that a search may send.
pub(super) fn most_bytes(plan: &CapacityPlan) -> f64 {
    plan.max_bytes
        .map_or(plan.most_bytes(), |limit| plan.most_bytes().min(limit))
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
    /// It was said that a broker does not tell about its disk.
    silent_noted: Cell<bool>,
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
            silent_noted: Cell::new(false),
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
        match &self.admin {
            Some(admin) if self.max_disk < 1.0 => self.disks(admin),
            _ => Ok(None),
        }
    }

    /// Why the disks of brokers are no place for more; one that cannot be told is none.
    fn disks(&self, admin: &Admin) -> Result<Option<String>, Failure> {
        let mut objection = None;
        // A broker that has just been sent all it can take may be late with one answer.
        for _ in 0..DISK_TRIES {
            let brokers = asked(admin.broker_status(None))?;
            let mut brokers = brokers
                .iter()
                .filter(|broker| !self.without.contains(&broker.broker));
            objection = brokers.find_map(|broker| self.disk(broker));
            if objection.is_none() {
                break;
            }
        }
        Ok(objection)
    }

    fn disk(&self, broker: &BrokerStatus) -> Option<String> {
        let name = &broker.broker;
        let info = match &broker.info {
            Ok(info) => info,
            Err(error) => {
                return Some(format!(
                    "how full the disk of {name} is cannot be told ({error}); --max-disk 100% goes on without asking"
                ));
            }
        };
        let used = info.disk_ratio.into_iter().chain(info.queue_disk_ratio);
        let Some(used) = used.reduce(f64::max) else {
            if !self.silent_noted.replace(true) {
                message::note(&format_args!(
                    "{name} does not say how full its disk is: --max-disk cannot hold there"
                ));
            }
            return None;
        };
        (used > self.max_disk).then(|| {
            format!(
                "the disk of {name} is {} full, --max-disk allows {}",
                percent(used),
                percent(self.max_disk)
            )
        })
    }
}
