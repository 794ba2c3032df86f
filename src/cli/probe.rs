//! A few sends before the run: what one takes while nothing else is under way, and whether so many callers or places
//! in flight can carry the rate at all.

use std::sync::Arc;
use std::time::Duration;

use super::failure::Failure;
use super::message;
use crate::client::ClientInstance;
use crate::config::RunPlan;
use crate::load::schedule::ShardOf;
use crate::load::{Arrivals, Bound, LoadModel, LoadPlan, LoadRun, SendMode, StopSignal, WarmupEnd};
use crate::metrics::units::{count, rate};
use crate::report::littles_law::{LittlesLaw, Places, Probed};

const SENDS: u64 = 100;
/// A cluster so slow that not all of them are answered in this time is known well enough.
const LONGEST: Duration = Duration::from_secs(1);

/// Sends the probe, and tells what follows from it where that is bad news. `None` where there is no rate, where
/// nothing answers, where the warm-up is off and so every message counts, and for transactions and requests, which
/// are no single sends.
///
/// # Errors
/// As the run's own: it would not get further.
pub(super) fn run(
    plan: &RunPlan,
    instance: &Arc<ClientInstance>,
    stop: &Arc<StopSignal>,
) -> Result<Option<Probed>, Failure> {
    let load = &plan.load;
    let LoadModel::Open(offered) = &load.model else {
        return Ok(None);
    };
    let kind = match load.mode {
        SendMode::Sync | SendMode::Batch => Places::Callers,
        SendMode::Async => Places::InFlight,
        SendMode::Oneway | SendMode::Tx | SendMode::Request => return Ok(None),
    };
    if !plan.probe || load.warmup.is_zero() || load.part != ShardOf::WHOLE {
        return Ok(None);
    }
    let messages = u64::from(load.message.batch.max(1));
    let outcome = LoadRun {
        plan: one_after_another(load, SENDS * messages),
        instance: Arc::clone(instance),
        send: plan.send.clone(),
        stop: Arc::clone(stop),
        reserved_cores: 0,
        audit: false,
        start_at: None,
    }
    .execute(|_| ())?;
    let service = outcome.measured.service().summary();
    let Some(service_ns) = service.p50_ns.filter(|service_ns| *service_ns > 0) else {
        return Ok(None);
    };
    let probed = Probed {
        sends: service.count / messages,
        service_ns,
        kind,
        places: load.most_in_flight() as u64,
        messages,
        peak_per_s: offered.peak_per_s(),
    };
    let law = LittlesLaw::new(probed, None);
    if law.binds() {
        let needed = count(law.needed);
        let way_out = match kind {
            Places::Callers => format!("it takes --callers {needed} or more, or --mode async"),
            Places::InFlight => format!("it takes --in-flight {needed} or more"),
        };
        message::note(&format_args!(
            "{law}, not {} ({} sends before the run): {way_out}",
            rate(probed.peak_per_s),
            count(probed.sends)
        ));
    }
    Ok(Some(probed))
}

/// The same messages, so many of them.
fn one_after_another(load: &LoadPlan, messages: u64) -> LoadPlan {
    LoadPlan {
        model: LoadModel::Closed,
        arrivals: Arrivals::Constant,
        bound: Bound {
            duration: Some(LONGEST),
            count: Some(messages),
        },
        warmup: Duration::ZERO,
        warmup_ends: WarmupEnd::AtTime,
        callers: 1,
        in_flight: 1,
        shards: Some(1),
        deadline: None,
        ..load.clone()
    }
}
