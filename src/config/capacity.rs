//! A search for a capacity that may be started: its limits, and the run that each of its windows is.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use super::error::ConfigError;
use super::objective::Objective;
use super::outlook::Outlook;
use super::plan::{ResolvedSetting, RunPlan, Target};
use super::resolve::resolve;
use super::setting::{Given, Heading, RawValue, SettingValue, Source};
use super::settings::{Settings, setting};
use super::sources::Sources;
use super::value::{ArrivalsSetting, LimitedRate, WarmupSetting};
use crate::load::pacing::pacing;
use crate::load::{LoadModel, Offered, Rate, SendMode, WarmupEnd};

/// Settings that the search decides itself, and what decides instead.
const DECIDED: &[(&str, &str)] = &[
    ("rate", "the search tries rates: --min and --max bound them"),
    (
        "duration",
        "a window lasts --step-time, the search --time-budget",
    ),
    ("count", "a window lasts --step-time"),
    ("runs", "windows are repeated as often as it takes"),
    ("fail-if", "--objective says what a rate has to meet"),
    (
        "strict",
        "windows that the generator spoils are no part of the answer anyway",
    ),
    ("max-error-rate", "--objective 'error_rate<1%' says it"),
    ("shard", "a search is one process"),
    ("start-at", "a search begins at once"),
    (
        "intervals",
        "--resume FILE keeps the whole result of each step",
    ),
    ("hlog", "--resume FILE keeps the whole result of each step"),
    (
        "audit",
        "windows are many: produce writes an audit trail of one",
    ),
    (
        "bundle",
        "--resume FILE keeps the whole result of each step",
    ),
    ("print-config", "--dry-run says what a search would do"),
    ("probe", "the search itself finds out what callers carry"),
    (
        "trace",
        "traces go to a topic of RocketMQ's own: produce has them",
    ),
    ("trace-topic", "nothing is traced in a search"),
];
/// Settings that say which topics are sent to.
const OF_TOPICS: [&str; 3] = ["topic", "topics", "topic-choice"];
/// Queues on each broker of a topic that RocketMQ makes (`defaultTopicQueueNums`).
const QUEUES: u32 = 8;
/// Warm-up of the first windows, whose cluster may be cold.
const SETTLE: Duration = Duration::from_secs(30);
/// Warm-up of all others: the backlog of a load that begins at once, near what a cluster carries, takes seconds to go.
const WARM: Duration = Duration::from_secs(3);
const THOUSAND_SECONDS_NS: NonZeroU64 = NonZeroU64::new(1_000_000_000_000).unwrap();
/// Connections, and answers that are waited for.
const AROUND: Duration = Duration::from_millis(500);
/// Windows shorter than this have too few seconds to be judged.
const SHORTEST: Duration = Duration::from_secs(2);
const LOSSES: &str = "error_rate<0.1%";
const DEFAULT_OBJECTIVES: [&str; 2] = ["p99<10ms", LOSSES];
/// Sends of a tick are late by up to the tick: so many of them fit into the shortest time an objective allows.
const TICKS_IN_LIMIT: u32 = 10;
const SHORTEST_TICK: Duration = Duration::from_micros(50);

/// Everything about one search.
#[derive(Debug, Clone, PartialEq)]
pub struct CapacityPlan {
    /// A window, but for its rate: that of the lowest.
    pub window: RunPlan,
    /// What it has to meet, as asked for.
    pub objectives: Vec<Objective>,
    /// Lowest rate, messages per second.
    pub min_per_s: f64,
    /// Highest rate, messages per second; above the lowest.
    pub max_per_s: f64,
    /// Windows that have to confirm the lower rate, at least 1.
    pub confirm: u32,
    /// Chance with which the pair is to hold the capacity, between 0.5 and 1.
    pub confidence: f64,
    /// Widest pair, as a share of its lower rate.
    pub precision: f64,
    /// Time for the search.
    pub time_budget: Duration,
    /// How long the first windows warm up.
    pub settle: WarmupSetting,
    /// Most bytes of bodies sent.
    pub max_bytes: Option<f64>,
    /// Fullest disk of a broker, as a share.
    pub max_disk: f64,
    /// Large loads are meant.
    pub yes: bool,
    /// Queues on each broker of the topic that the search makes for itself, 1 to 65,536; `None` where it is given one.
    /// The window names none then, and has the default's name in its place.
    pub own_topic_queues: Option<u32>,
    /// Where steps are kept.
    pub resume: Option<PathBuf>,
    /// Shares of the capacity to measure at afterwards.
    pub curve: Vec<f64>,
    /// A second search, with a broker less.
    pub one_less: Option<OneLessPlan>,
    /// What the capacity is held against.
    pub outlook: Outlook,
    /// Nothing is sent: what would be is said.
    pub dry_run: bool,
    /// Every setting of the search in effect, after those of its windows.
    pub resolved: Vec<ResolvedSetting>,
}

/// A search with a broker less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneLessPlan {
    /// Which.
    pub broker: String,
    /// Commands that stop it and start it again; without them its queues are left out.
    pub commands: Option<(String, String)>,
}

/// Merges, understands and checks.
///
/// # Errors
/// [`ConfigError`] naming the setting and the way out.
pub fn resolve_capacity(sources: &Sources) -> Result<CapacityPlan, ConfigError> {
    let merged = sources.merge();
    let given = Settings::read(&merged)?;
    for (key, instead) in DECIDED {
        let raw =
            setting(key).and_then(|setting| merged.get(setting.key).map(|raw| (setting.key, raw)));
        if let Some((key, raw)) = raw.filter(|(_, raw)| raw.source != Source::Default) {
            return Err(refuse(
                key,
                &raw.source,
                "is no setting of a search",
                instead,
            ));
        }
    }
    check(&given)?;
    let outlook = Outlook::read(&given)?;
    let warmup = given.warmup.as_ref().filter(|warmup| warmup.is_explicit());
    let settle = warmup.map_or(WarmupSetting::Auto(SETTLE), |warmup| warmup.value);
    let mut window = resolve(&as_run(sources, &given))?;
    window.resolved.retain(|setting| !is_decided(setting.key));
    for setting in window
        .resolved
        .iter_mut()
        .filter(|setting| setting.key == "warmup")
    {
        setting.value = SettingValue::Text(settle.to_string());
        setting.source = warmup.map_or(Source::Default, |warmup| warmup.source.clone());
    }
    let own_topic_queues = given.own_topic.value.0.then(|| queues(&window.target));
    if own_topic_queues.is_some() {
        // Its name is new each time, and no setting.
        window
            .resolved
            .retain(|setting| !OF_TOPICS.contains(&setting.key));
    }
    let objectives = objectives(&given.objective.value);
    let resolved = given.written().into_iter().filter_map(|(key, written)| {
        let of_search = setting(key).is_some_and(|setting| setting.heading == Heading::Capacity);
        let (value, source) = written.filter(|_| of_search)?;
        Some(ResolvedSetting { key, value, source })
    });
    Ok(CapacityPlan {
        resolved: resolved.collect(),
        window,
        objectives,
        min_per_s: given.min.value.rate().per_second(),
        max_per_s: given.max.value.rate().per_second(),
        confirm: u32::try_from(given.confirm.value.0).unwrap_or(u32::MAX),
        confidence: given.confidence.value.fraction(),
        precision: given.precision.value.fraction(),
        time_budget: given.time_budget.value.0,
        settle,
        #[allow(clippy::cast_precision_loss, reason = "a limit of bytes")]
        max_bytes: given.max_bytes.as_ref().map(|given| given.value.0 as f64),
        max_disk: given.max_disk.value.fraction(),
        yes: given.yes.value.0,
        own_topic_queues,
        resume: given.resume.as_ref().map(|given| given.value.0.clone()),
        curve: given.curve.value.shares(),
        one_less: one_less(&given)?,
        outlook,
        dry_run: given.dry_run.value.0,
    })
}

/// What was asked for. Response times are those of answered messages: a rate at which brokers refuse the others is
/// none that they carry, so that their share is always bounded.
fn objectives(given: &[Objective]) -> Vec<Objective> {
    let default = |text: &&str| text.parse().ok();
    if given.is_empty() {
        return DEFAULT_OBJECTIVES.iter().filter_map(default).collect();
    }
    let bounds_losses =
        |objective: &Objective| ["error_rate", "achieved"].contains(&objective.figure().as_str());
    let losses = [LOSSES].iter().filter_map(default);
    let missing = losses.filter(|_| !given.iter().any(bounds_losses));
    given.iter().cloned().chain(missing).collect()
}

/// Whether the search decides this setting itself, so that it is none of its options.
#[must_use]
pub fn is_decided(key: &str) -> bool {
    decided_by(key).is_some()
}

/// What decides instead of this setting; `None` of those that are options of a search.
#[must_use]
pub fn decided_by(key: &str) -> Option<&'static str> {
    let mut decided = DECIDED.iter();
    Some(decided.find(|(decided, _)| *decided == key)?.1)
}

fn refuse(key: &'static str, source: &Source, reason: &str, hint: &str) -> ConfigError {
    ConfigError::Value {
        key,
        source_of_value: source.clone(),
        reason: reason.to_owned(),
        hint: hint.to_owned(),
    }
}

fn check(given: &Settings) -> Result<(), ConfigError> {
    let per_s = |rate: &Given<LimitedRate>| rate.value.rate().per_second();
    if per_s(&given.min) >= per_s(&given.max) {
        let reason = format!("{} is not below --max {}", given.min.value, given.max.value);
        let key = if given.min.is_explicit() {
            "min"
        } else {
            "max"
        };
        let source = if given.min.is_explicit() {
            &given.min.source
        } else {
            &given.max.source
        };
        return Err(refuse(
            key,
            source,
            &reason,
            "--min is the lowest rate to try, --max the highest",
        ));
    }
    if given.step_time.value.0 < SHORTEST {
        return Err(refuse(
            "step-time",
            &given.step_time.source,
            &format!(
                "{} is too short to see whether a rate is carried",
                given.step_time.value
            ),
            "give 2s or more; 10s or more where brokers collect garbage",
        ));
    }
    if per_s(&given.min) < 1.0 {
        let reason = format!("{} is below one message per second", given.min.value);
        return Err(refuse(
            "min",
            &given.min.source,
            &reason,
            "give 1/s or more",
        ));
    }
    check_answer(given)?;
    check_topic(given)?;
    check_load(given)
}

/// Refuses to make a topic where one is named, and messages that would come to it when it is gone.
fn check_topic(given: &Settings) -> Result<(), ConfigError> {
    if !given.own_topic.value.0 {
        return Ok(());
    }
    let source_of = |source: &Source| match source {
        Source::CommandLine => String::new(),
        other => format!(" ({other})"),
    };
    let topic = given.topic.is_explicit().then(|| {
        let named = given.topic.value.0.join(",");
        (
            "topic",
            format!("{named}{} is named", source_of(&given.topic.source)),
        )
    });
    let topics = given.topics.as_ref().map(|topics| {
        let source = source_of(&topics.source);
        ("topics", format!("{} are named{source}", topics.value))
    });
    let delayed = |key: &'static str| {
        (
            key,
            "its messages would come when the topic is gone".to_owned(),
        )
    };
    let level = given.delay_level.as_ref().map(|_| delayed("delay-level"));
    let timer = given.timer_delay.as_ref().map(|_| delayed("timer-delay"));
    match topic.or(topics).or(level).or(timer) {
        None => Ok(()),
        Some((other, reason)) => Err(ConfigError::Contradiction {
            key: "own-topic",
            source_of_value: given.own_topic.source.clone(),
            other,
            reason,
            hint: format!("leave --{other} out, or --own-topic"),
        }),
    }
}

fn queues(target: &Target) -> u32 {
    match target {
        Target::Embedded(settings) => settings.queues,
        Target::Cluster { .. } => QUEUES,
    }
}

/// How sure the answer is to be, and how long that may take.
fn check_answer(given: &Settings) -> Result<(), ConfigError> {
    if !(1..=100).contains(&given.confirm.value.0) {
        let reason = format!("{} is not between 1 and 100", given.confirm.value);
        return Err(refuse(
            "confirm",
            &given.confirm.source,
            &reason,
            "3 is a good number",
        ));
    }
    let confidence = given.confidence.value.fraction();
    if !(0.5..=0.999).contains(&confidence) {
        let reason = format!("{} is not between 50% and 99.9%", given.confidence.value);
        return Err(refuse(
            "confidence",
            &given.confidence.source,
            &reason,
            "95% is a good one",
        ));
    }
    let precision = given.precision.value.fraction();
    if !(0.005..=0.5).contains(&precision) {
        let reason = format!("{} is not between 0.5% and 50%", given.precision.value);
        return Err(refuse(
            "precision",
            &given.precision.source,
            &reason,
            "5% takes some 40 windows, more where they scatter",
        ));
    }
    let fewest = given.step_time.value.0 * 5;
    if given.time_budget.value.0 < fewest {
        let reason = format!("{} is less than five windows", given.time_budget.value);
        return Err(refuse(
            "time-budget",
            &given.time_budget.source,
            &reason,
            "a search takes some 40 windows, and a warm-up before the first ones",
        ));
    }
    Ok(())
}

fn one_less(given: &Settings) -> Result<Option<OneLessPlan>, ConfigError> {
    let commands = [
        ("one-less-stop", &given.one_less_stop),
        ("one-less-start", &given.one_less_start),
    ];
    let Some(broker) = &given.one_less else {
        let alone = commands
            .iter()
            .find_map(|(key, command)| Some((*key, command.as_ref()?)));
        return match alone {
            None => Ok(None),
            Some((key, command)) => Err(refuse(
                key,
                &command.source,
                "which broker that is has to be said",
                "name it with --one-less",
            )),
        };
    };
    let commands = match commands {
        [(_, None), (_, None)] => None,
        [(_, Some(stop)), (_, Some(start))] => Some((stop.value.0.clone(), start.value.0.clone())),
        [(key, Some(given)), _] | [_, (key, Some(given))] => {
            return Err(refuse(
                key,
                &given.source,
                if key == "one-less-stop" {
                    "--one-less-start is missing"
                } else {
                    "--one-less-stop is missing"
                },
                "a broker that is stopped has to be started again: give --one-less-stop and --one-less-start",
            ));
        }
    };
    let left_out = given.without.as_ref().map(|without| &without.value.0);
    if left_out.is_some_and(|names| names.contains(&broker.value.0)) {
        return Err(refuse(
            "one-less",
            &broker.source,
            "--without leaves this broker out of all searches",
            "name one that is sent to",
        ));
    }
    Ok(Some(OneLessPlan {
        broker: broker.value.0.clone(),
        commands,
    }))
}

/// What is sent.
fn check_load(given: &Settings) -> Result<(), ConfigError> {
    if let ArrivalsSetting::Recorded(_) = given.arrivals.value {
        let reason = "recorded arrivals have a rate of their own";
        return Err(refuse(
            "arrivals",
            &given.arrivals.source,
            reason,
            "use constant, poisson or bursts:N",
        ));
    }
    if given.size.value.length().is_some() {
        let reason = "sizes that change over time make windows that are not alike";
        return Err(refuse(
            "size",
            &given.size.source,
            reason,
            "give one size or a distribution",
        ));
    }
    if given.mode.value.0 == SendMode::Oneway {
        return Err(refuse(
            "mode",
            &given.mode.source,
            "oneway asks for no answer, so that nobody knows what the cluster carried",
            "use --mode async",
        ));
    }
    Ok(())
}

/// The sources of a window at the lowest rate.
fn as_run(sources: &Sources, given: &Settings) -> Sources {
    let mut run = sources.clone();
    let of_run =
        |key: &str| setting(key).is_some_and(|setting| setting.heading != Heading::Capacity);
    let profile = run.profile.iter_mut().map(|profile| &mut profile.values);
    for layer in profile.chain([&mut run.environment, &mut run.command_line]) {
        layer.retain(|key, _| of_run(key));
    }
    let mut set = |key: &'static str, text: String| {
        // Not a default, of which a plan or a record would make another.
        let raw = RawValue {
            texts: vec![text],
            source: Source::CommandLine,
        };
        run.command_line.insert(key, raw);
    };
    set("rate", given.min.value.to_string());
    set("duration", given.step_time.value.to_string());
    set("warmup", WarmupSetting::For(WARM).to_string());
    set("probe", "off".to_owned());
    run
}

impl CapacityPlan {
    /// The window at a rate, for the step of this number; the first ones let the cluster settle.
    #[must_use]
    pub fn at(&self, per_s: f64, step: u64, settle: bool) -> RunPlan {
        let mut plan = self.window.clone();
        // A rate is of four digits: a whole number of messages per thousand seconds, from 1 a second on.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate below 100 million; the cast saturates"
        )]
        let messages = (per_s * 1000.0).round() as u64;
        plan.load.model = LoadModel::Open(Offered::Steady(Rate {
            messages: NonZeroU64::new(messages).unwrap_or(NonZeroU64::MIN),
            period_ns: THOUSAND_SECONDS_NS,
        }));
        plan.load.seed = plan.load.seed.wrapping_add(step);
        self.pace(&mut plan);
        if settle {
            plan.load.warmup = self.settle.longest();
            plan.load.warmup_ends = if self.settle.is_auto() {
                WarmupEnd::WhenAsked
            } else {
                WarmupEnd::AtTime
            };
        }
        plan
    }

    /// Where no tick was asked for, one that is short beside what an objective allows: a message is late by up to a tick,
    /// and that counts.
    fn pace(&self, plan: &mut RunPlan) {
        let bounds = self.objectives.iter().filter_map(Objective::response_bound);
        let shortest = bounds.map(|(limit, _)| limit / TICKS_IN_LIMIT).min();
        if let (None, Some(shortest)) = (plan.load.tick, shortest) {
            let usual = pacing(&plan.load, 0).tick;
            plan.load.tick = Some(usual.min(shortest.max(SHORTEST_TICK)));
        }
    }

    /// Searches that are made, one after the other.
    #[must_use]
    pub fn searches(&self) -> u32 {
        1 + u32::from(self.one_less.is_some())
    }

    /// Messages of all windows, if each were at the highest rate and none failed: retries, and the warm-up of a search
    /// that is resumed, come on top.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a bound")]
    pub fn most_messages(&self) -> f64 {
        let curve = self.window_time().as_secs_f64() * self.curve.len() as f64;
        self.max_per_s * (f64::from(self.searches()) * self.time_budget.as_secs_f64() + curve)
    }

    /// Bytes of their bodies.
    #[must_use]
    pub fn most_bytes(&self) -> f64 {
        self.most_messages() * self.window.size_mix().mean()
    }

    /// Time of a window of the search with its warm-up, and what comes around it.
    #[must_use]
    pub fn window_time(&self) -> Duration {
        self.step_time() + WARM + AROUND
    }

    /// Time of one of the first windows, before which the cluster settles.
    #[must_use]
    pub fn probe_time(&self) -> Duration {
        self.step_time() + self.settle.longest() + AROUND
    }

    /// Warm-up of all windows but the first ones.
    #[must_use]
    pub fn warm(&self) -> Duration {
        self.window.load.warmup
    }

    /// Measured time of a window.
    #[must_use]
    pub fn step_time(&self) -> Duration {
        self.window.load.bound.duration.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(settings: &[(&'static str, &str)]) -> CapacityPlan {
        let mut sources = Sources::default();
        for (key, text) in settings {
            let raw = RawValue {
                texts: vec![(*text).to_owned()],
                source: Source::CommandLine,
            };
            sources.command_line.insert(key, raw);
        }
        resolve_capacity(&sources).unwrap()
    }

    #[test]
    fn ticks_are_short_beside_what_an_objective_allows() {
        let tick = |settings: &[(&'static str, &str)]| {
            let window = plan(settings).at(50_000.0, 0, false);
            pacing(&window.load, 0).tick
        };
        assert_eq!(tick(&[]), Duration::from_millis(1));
        let tight = ("objective", "p99<1ms");
        assert_eq!(tick(&[tight]), Duration::from_micros(100));
        assert_eq!(tick(&[("objective", "p99<10us")]), SHORTEST_TICK);
        let asked = [tight, ("tick", "2ms")];
        assert_eq!(tick(&asked), Duration::from_millis(2), "as asked for");
    }

    #[test]
    fn losses_are_bounded_whatever_else_is_asked_for() {
        let of = |objective| -> Vec<String> {
            let plan = plan(&[("objective", objective)]);
            plan.objectives.iter().map(ToString::to_string).collect()
        };
        assert_eq!(of("p99<1s"), ["p99<1s", "error_rate<0.1%"]);
        for own in ["error_rate<1%", "achieved>=99%"] {
            assert_eq!(of(own), [own]);
        }
    }
}
