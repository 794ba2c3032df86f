//! What a setting is: its entry in the one list, its value, and where the value came from.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::error::ConfigError;
use super::objective::Objective;
use super::threshold::Threshold;
use super::value::{self, ValueError};

/// One entry of [`super::settings::SETTINGS`].
#[derive(Debug)]
pub struct Setting {
    /// Name of the option without its dashes, and key of a profile.
    pub key: &'static str,
    /// Short option.
    pub short: Option<char>,
    /// Where it stands in the help.
    pub heading: Heading,
    /// Placeholder of its value in the help.
    pub value_name: &'static str,
    /// What it means; the first line alone is the summary.
    pub help: &'static [&'static str],
    /// Value when nobody gives one, as text.
    pub default: Option<&'static str>,
    /// How many values it takes.
    pub arity: Arity,
    /// What a value looks like.
    pub expected: &'static str,
}

impl Setting {
    /// The environment variable that sets it.
    #[must_use]
    pub fn environment(&self) -> String {
        format!("RMQ_BENCH_{}", self.key.to_uppercase().replace('-', "_"))
    }

    /// Whether it chooses what the command does rather than how a run goes; such settings are
    /// no part of a printed configuration.
    #[must_use]
    pub fn is_action(&self) -> bool {
        matches!(self.key, "print-config" | "dry-run")
    }

    /// Whether it is part of what a run is, and not of one occasion alone: when it began, where its files went, what
    /// was shown.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        !self.is_action()
            && self.heading != Heading::Capacity
            && !matches!(
                self.key,
                "start-at"
                    | "output"
                    | "format"
                    | "intervals"
                    | "hlog"
                    | "audit"
                    | "bundle"
                    | "quiet"
                    | "no-color"
                    | "no-progress"
            )
    }
}

/// Groups of settings in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heading {
    /// Which cluster, topic and group.
    Target,
    /// How much, how fast, how long.
    Load,
    /// What is sent.
    Message,
    /// How one message is sent.
    Sending,
    /// How the schedule is kept.
    Pacing,
    /// The embedded cluster.
    Embedded,
    /// The search for a capacity.
    Capacity,
    /// What comes out.
    Output,
}

impl Heading {
    /// Title in the help.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Target => "Target",
            Self::Load => "Load",
            Self::Message => "Message",
            Self::Sending => "Sending",
            Self::Pacing => "Pacing",
            Self::Embedded => "Embedded cluster (without --namesrv)",
            Self::Capacity => "Capacity (rmq-bench capacity)",
            Self::Output => "Output",
        }
    }
}

/// How many values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// Exactly one.
    One,
    /// None on the command line; `true` or `false` elsewhere.
    Switch,
    /// Any number; the option is repeated, a profile has an array.
    Many,
}

/// Who set a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody.
    Default,
    /// A profile.
    Profile {
        /// Its name or path.
        file: String,
        /// Line of the key, counted from 1.
        line: usize,
    },
    /// This environment variable.
    Environment(String),
    /// The run that is made again, by the bundle or result it is known from.
    FirstRun(String),
    /// An option, or `--set` of `run`.
    CommandLine,
}

impl Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Profile { file, line } => write!(f, "profile {file}, line {line}"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::FirstRun(from) => write!(f, "first run, {from}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value as written back: in a profile, in a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// A switch.
    Switch(bool),
    /// A whole number.
    Integer(u64),
    /// Everything else, in its canonical text.
    Text(String),
    /// Values of a repeated setting.
    List(Vec<String>),
}

/// Text of a setting before it is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawValue {
    /// One text, or several of a repeated setting.
    pub texts: Vec<String>,
    /// Where they stand.
    pub source: Source,
}

/// Raw values by key.
pub type Layer = BTreeMap<&'static str, RawValue>;

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Who set it.
    pub source: Source,
}

impl<T> Given<T> {
    /// Whether somebody set it.
    #[must_use]
    pub fn is_explicit(&self) -> bool {
        self.source != Source::Default
    }
}

/// A type a setting may have.
pub trait SettingType: FromStr<Err = ValueError> + Display {
    /// What a value looks like, for hints: "a duration such as 10s".
    const EXPECTED: &'static str;
    /// Whether the option stands alone on the command line.
    const IS_SWITCH: bool = false;

    /// The value as written back.
    fn written(&self) -> SettingValue {
        SettingValue::Text(self.to_string())
    }
}

/// A field of [`super::settings::Settings`]: a setting with a default, one without, or a list.
pub trait Field: Sized {
    /// How many values it takes.
    const ARITY: Arity;
    /// What a value looks like.
    const EXPECTED: &'static str;

    /// Understands the raw value.
    ///
    /// # Errors
    /// [`ConfigError::Value`] when a text is not of the type.
    fn read(values: &Layer, key: &'static str) -> Result<Self, ConfigError>;

    /// The value as written back, if there is one.
    fn written(&self) -> Option<(SettingValue, Source)>;
}

const fn arity<T: SettingType>() -> Arity {
    if T::IS_SWITCH {
        Arity::Switch
    } else {
        Arity::One
    }
}

fn parse<T: SettingType>(key: &'static str, text: &str, source: &Source) -> Result<T, ConfigError> {
    text.parse().map_err(|reason: ValueError| {
        ConfigError::value(key, source, reason.to_string(), T::EXPECTED)
    })
}

impl<T: SettingType> Field for Option<Given<T>> {
    const ARITY: Arity = arity::<T>();
    const EXPECTED: &'static str = T::EXPECTED;

    fn read(values: &Layer, key: &'static str) -> Result<Self, ConfigError> {
        let Some(raw) = values.get(key) else {
            return Ok(None);
        };
        let [text] = raw.texts.as_slice() else {
            let reason = format!("takes one value, not {}", raw.texts.len());
            return Err(ConfigError::value(key, &raw.source, reason, T::EXPECTED));
        };
        Ok(Some(Given {
            value: parse(key, text, &raw.source)?,
            source: raw.source.clone(),
        }))
    }

    fn written(&self) -> Option<(SettingValue, Source)> {
        let given = self.as_ref()?;
        Some((given.value.written(), given.source.clone()))
    }
}

impl<T: SettingType> Field for Given<T> {
    const ARITY: Arity = arity::<T>();
    const EXPECTED: &'static str = T::EXPECTED;

    fn read(values: &Layer, key: &'static str) -> Result<Self, ConfigError> {
        Option::<Self>::read(values, key)?.ok_or_else(|| {
            ConfigError::value(
                key,
                &Source::Default,
                "has no value".to_owned(),
                T::EXPECTED,
            )
        })
    }

    fn written(&self) -> Option<(SettingValue, Source)> {
        Some((self.value.written(), self.source.clone()))
    }
}

impl<T: SettingType> Field for Given<Vec<T>> {
    const ARITY: Arity = Arity::Many;
    const EXPECTED: &'static str = T::EXPECTED;

    fn read(values: &Layer, key: &'static str) -> Result<Self, ConfigError> {
        let Some(raw) = values.get(key) else {
            return Ok(Self {
                value: Vec::new(),
                source: Source::Default,
            });
        };
        let parsed = raw
            .texts
            .iter()
            .map(|text| parse(key, text, &raw.source))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            value: parsed,
            source: raw.source.clone(),
        })
    }

    fn written(&self) -> Option<(SettingValue, Source)> {
        if self.value.is_empty() {
            return None;
        }
        let texts = self.value.iter().map(ToString::to_string).collect();
        Some((SettingValue::List(texts), self.source.clone()))
    }
}

/// Gives value types the sentence that says what is expected of them.
macro_rules! expected {
    ($($ty:ty: $expected:literal;)+) => {
        $(impl SettingType for $ty {
            const EXPECTED: &'static str = $expected;
        })+
    };
}

expected! {
    value::RateSetting: "a rate such as 50k, 3000/s, 3M/min, max, or a plan such as 1k:30s,5k:30s";
    value::DurationSetting: "a duration with a unit, such as 10s, 1m30s, 250us";
    value::SizeSetting: "a size such as 1KiB (1024 bytes), 1k (1000 bytes), 512";
    value::BodySize: "a size such as 1KiB, a range such as 200B..4KiB, lognormal:p50=1KiB,p99=16KiB, a list such as 1KiB:90%,64KiB:10%, or a plan such as 1KiB:30s,4KiB:30s";
    value::ChoiceSetting: "turn, uniform or zipf:S, as in zipf:1.1";
    value::ShareSetting: "a share in percent, such as 1% or 0.1%";
    value::ModeSetting: "sync, async, oneway, batch, tx or request";
    value::ResponderSetting: "built-in or others";
    value::ServiceSetting: "fixed or exponential";
    value::WhenLateSetting: "catch-up, skip or abort";
    value::ArrivalsSetting: "constant, poisson, bursts:N or @FILE";
    value::HeaderSetting: "binary or json";
    value::QueueOrderSetting: "interleaved or by-broker";
    value::OutputFormat: "text, json, csv, md or html";
    value::OnOff: "on or off";
    value::TopicName: "1 to 127 letters, digits, %, |, -, _";
    value::TopicNames: "1 to 127 letters, digits, %, |, -, _; several separated by commas";
    value::BrokerName: "a name of a broker, such as broker-1";
    value::BrokerNames: "names of brokers, separated by commas";
    value::ShellCommand: "a command, as sh takes it";
    value::GroupName: "1 to 120 letters, digits, %, |, -, _";
    value::NamespaceName: "letters, digits, |, -, _";
    value::IdPart: "a text without spaces and @";
    value::Tags: "a text without control characters";
    value::BatchSetting: "messages such as 32, or bytes such as 64KiB";
    value::HostName: "a host name, as a certificate has it";
    value::Keys: "a key, or several separated by spaces";
    value::Properties: "name=value, several separated by commas";
    value::CompressSetting: "none, zlib, lz4 or zstd";
    value::NamesrvList: "host:port, several separated by ;";
    value::OutputFile: "a file ending in .json, .txt, .csv, .md or .html";
    value::FilePath: "a file name";
    value::ShardSetting: "a process of a run, as in 1/4";
    value::StartAt: "an instant, as in 2026-01-31T08:00:00Z, or a time from now, as in +10s";
    value::FaultTableSetting: "v4, v5, or classes such as 550ms:2s,1800ms:5s";
    value::StallSetting: "length/period, such as 200ms/2s";
    value::WarmupSetting: "a duration such as 2s, auto, or auto with the longest, such as auto:60s";
    value::LimitedRate: "a rate such as 50k, 3000/s, 3M/min";
    value::CurveSetting: "ascending shares such as 10%,50%,100%, or off";
    value::Growth: "percent per week, month or year, such as 3%/month";
    value::Price: "ITEM=AMOUNT/UNIT: broker=0.40/hour (or /day, /month), disk=0.08/GiB-month, traffic=0.09/GiB";
    Objective: "figure, comparator, limit, such as p99<10ms or error_rate<0.1%";
    Threshold: "figure, comparator, limit, such as p99>20ms or error_rate>0.1%";
}

impl SettingType for value::CountSetting {
    const EXPECTED: &'static str = "a whole number such as 64, 50k, 1M";

    fn written(&self) -> SettingValue {
        // TOML integers end at 2^63 - 1; beyond that the text keeps the number.
        if i64::try_from(self.0).is_ok() {
            SettingValue::Integer(self.0)
        } else {
            SettingValue::Text(self.to_string())
        }
    }
}

impl SettingType for value::CapacitiesSetting {
    const EXPECTED: &'static str =
        "a whole number such as 5k, or one for each broker, such as 5k,3k";

    fn written(&self) -> SettingValue {
        match self.per_s() {
            [all] => value::CountSetting(*all).written(),
            _ => SettingValue::Text(self.to_string()),
        }
    }
}

impl SettingType for value::Switch {
    const EXPECTED: &'static str = "true or false";
    const IS_SWITCH: bool = true;

    fn written(&self) -> SettingValue {
        SettingValue::Switch(self.0)
    }
}
