//! `broker`: an embedded cluster as a process of its own.

use clap::Args;

use super::exit::Exit;
use super::message;
use crate::config::value::{CountSetting, DurationSetting, StallSetting};

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
    /// Most messages per second one broker accepts
    #[arg(long, value_name = "N")]
    pub capacity: Option<CountSetting>,
    /// Refuse every send with this response code
    #[arg(long, value_name = "CODE")]
    pub reject: Option<i32>,
    /// Stop after this time; without it, on Ctrl-C
    #[arg(long = "for", value_name = "TIME")]
    pub run_for: Option<DurationSetting>,
}

/// Does `broker`.
pub(crate) fn run(_args: &BrokerArgs) -> Exit {
    message::error(&"the embedded cluster is not available yet in this version");
    Exit::OwnError
}
