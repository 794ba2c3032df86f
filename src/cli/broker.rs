//! `broker`: an embedded cluster as a process of its own.

use clap::Args;

use super::exit::Exit;
use super::{message, signals, stdout};
use crate::broker::{
    Behaviour, ClusterSpec, EmbeddedCluster, Reject, ServiceTime, Stall, StartError,
};
use crate::config::value::{
    CapacitiesSetting, DurationSetting, ServiceKind, ServiceSetting, ShareSetting, SizeSetting,
    StallSetting,
};
use crate::protocol::ResponseCode;

/// Arguments of `broker`.
#[derive(Debug, Clone, Args)]
pub struct BrokerArgs {
    /// Brokers
    #[arg(long, value_name = "N", default_value_t = 2,
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub brokers: u16,
    /// Queues of a topic per broker
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub queues: u32,
    /// Port of the name server; 0 lets the system choose
    #[arg(long, value_name = "PORT", default_value_t = 9876)]
    pub namesrv_port: u16,
    /// Port of the first broker, the others follow it; 0 lets the system choose all of them
    #[arg(long, value_name = "PORT", default_value_t = 10911)]
    pub port: u16,
    /// Time every broker takes to answer
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub delay: DurationSetting,
    /// Regular stalls, length/period: 200ms/2s is 200 ms of silence every 2 s
    #[arg(long, value_name = "TIME/TIME")]
    pub stall: Option<StallSetting>,
    /// Most messages per second one broker accepts: one number for all, or one for each: 6k,4k
    #[arg(long, value_name = "N[,N…]")]
    pub capacity: Option<CapacitiesSetting>,
    /// How long a message takes at a capacity: fixed, or exponential with that mean
    #[arg(
        long,
        value_name = "KIND",
        default_value = "fixed",
        requires = "capacity"
    )]
    pub service: ServiceSetting,
    /// Seed of exponential service times
    #[arg(long, value_name = "N", default_value_t = 1, requires = "capacity")]
    pub seed: u64,
    /// Refuse every send with this response code
    #[arg(long, value_name = "CODE")]
    pub reject: Option<i32>,
    /// Used share of the disk that brokers tell `admin brokers` of, in whole percent: 90%; they take messages all the same
    #[arg(long, value_name = "SHARE")]
    pub disk_ratio: Option<ShareSetting>,
    /// Messages each broker keeps for `admin` to look up, the newest; 0 keeps none
    #[arg(long, value_name = "SIZE", default_value = "0")]
    pub keep: SizeSetting,
    /// Stop after this time; without it, on Ctrl-C
    #[arg(long = "for", value_name = "TIME")]
    pub run_for: Option<DurationSetting>,
}

/// Does `broker`: runs until the time is over or a signal comes, then says what arrived.
pub(crate) fn run(args: &BrokerArgs) -> Exit {
    if let Some(capacity) = &args.capacity
        && let Err(reason) = capacity.fit(args.brokers.into())
    {
        message::error(&format_args!("--capacity {capacity}: {reason}"));
        message::hint(&format_args!(
            "--capacity takes {}",
            CapacitiesSetting::TAKES
        ));
        return Exit::Usage;
    }
    match serve(args) {
        Ok(exit) => exit,
        Err(error) => {
            message::error(&error);
            message::hint(&"choose other ports with --namesrv-port and --port; 0 takes free ones");
            Exit::OwnError
        }
    }
}

/// Rounded up, as brokers do, but for what binary fractions add.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0 to 100"
)]
fn whole_percent(share: ShareSetting) -> u8 {
    (share.fraction() * 100.0 - 1e-9).ceil() as u8
}

fn serve(args: &BrokerArgs) -> Result<Exit, StartError> {
    let reject = args.reject.map(|code| Reject {
        code: ResponseCode(code),
        remark: "refused on request (--reject)".to_owned(),
        every: 1,
    });
    let behaviour = Behaviour {
        delay: args.delay.0,
        stall: args.stall.map(|stall| Stall {
            length: stall.length,
            every: stall.every,
        }),
        service_time: match args.service.0 {
            ServiceKind::Fixed => ServiceTime::Fixed,
            ServiceKind::Exponential => ServiceTime::Exponential { seed: args.seed },
        },
        reject,
        disk_percent: args.disk_ratio.map(whole_percent),
        ..Behaviour::default()
    };
    let capacities = args.capacity.as_ref();
    let spec = ClusterSpec {
        brokers: usize::from(args.brokers),
        queues: args.queues,
        namesrv_port: args.namesrv_port,
        broker_port: args.port,
        kept_bytes: usize::try_from(args.keep.0).unwrap_or(usize::MAX),
        behaviour,
        ..ClusterSpec::default()
    };
    let cluster = EmbeddedCluster::start(
        spec.with_capacities(capacities.map_or(&[], CapacitiesSetting::per_s)),
    )?;
    let address = cluster.namesrv_address();
    message::note(&format_args!(
        "an embedded cluster, not Apache RocketMQ: rmq-bench --namesrv {address}"
    ));
    if stdout::write(&format!("{address}\n")) != Exit::Success {
        return Ok(Exit::OwnError);
    }
    signals::wait(args.run_for.map(|time| time.0));
    let stored = cluster.stored();
    Ok(stdout::write(&format!(
        "stored {} messages ({} bytes), refused {}\n",
        stored.messages(),
        stored.body_bytes(),
        stored.rejected()
    )))
}
