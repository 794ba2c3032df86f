//! `--own-topic`: a topic that the search makes before anything is sent, and deletes when all is over.
//!
//! A topic is the search's own when it was not there before, or when the file of an earlier part names it. No other is
//! ever deleted.

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use super::kept;
use super::safety;
use crate::cli::admin::asked;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::message;
use crate::cli::options::REACH;
use crate::cli::target::RunningTarget;
use crate::client::ClientError;
use crate::client::admin::{Admin, AdminError, CreatedOn, NewTopic};
use crate::config::setting::{SettingValue, Source};
use crate::config::{CapacityPlan, Target};
use crate::load::{StopLevel, StopSignal};
use crate::metrics::units::counted;

/// How its name begins; 16 hexadecimal digits follow.
const PREFIX: &str = "rmq_bench_capacity_";
/// It is made on the brokers of this topic, which each has from the start, also one that makes no topics by itself.
const ON_BROKERS_OF: &str = "BenchmarkTest";
/// Longest wait for name servers to know all of it.
const ROUTED_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A message that a broker still had in its queue makes the topic anew: it is looked for again after this, so often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const DELETIONS: u32 = 3;
/// For the deletion, after a second Ctrl-C.
const HURRIED: Duration = Duration::from_secs(2);

/// What `--dry-run` says of it.
pub(super) fn planned(queues: u32) -> String {
    format!(
        "one of its own, {PREFIX}…, {} on each broker, made before and deleted at the end",
        counted(u64::from(queues), "queue")
    )
}

/// What came of deleting a topic.
enum Deletion {
    Done,
    NotThere,
    /// It may be there, and why.
    Left(String),
}

/// The topic of one search.
pub(super) struct OwnTopic<'a> {
    name: String,
    queues: u32,
    admin: Admin,
    stop: &'a StopSignal,
    /// A command that deletes it; none for an embedded cluster, which it ends with.
    by_hand: Option<String>,
    /// Brokers that made it.
    made_on: OnceCell<Vec<String>>,
}

impl<'a> OwnTopic<'a> {
    /// The topic to be made, if one is: of the name in the file of an earlier part, which may be left over, or of a new
    /// one that nobody has.
    ///
    /// # Errors
    /// [`Failure`] when the name is another's, or the cluster cannot be asked.
    pub(super) fn find(
        plan: &CapacityPlan,
        target: &RunningTarget,
        stop: &'a StopSignal,
    ) -> Result<Option<Self>, Failure> {
        let Some(queues) = plan.own_topic_queues else {
            return Ok(None);
        };
        let earlier = plan.resume.as_deref().and_then(kept::own_topic);
        let is_earlier = earlier.is_some();
        let name = earlier.unwrap_or_else(|| format!("{PREFIX}{:016x}", rand::random::<u64>()));
        if !is_name(&name) {
            return Err(Failure {
                exit: Exit::Usage,
                error: format!("--resume: topic {name} in the file is none that a search made"),
                hint: Some("give a new file".into()),
            });
        }
        let is_embedded = matches!(plan.window.target, Target::Embedded(_));
        let own = Self {
            by_hand: (!is_embedded).then(|| deletion_of(&name, plan)),
            name,
            queues,
            admin: safety::admin(plan, target)?,
            stop,
            made_on: OnceCell::new(),
        };
        if !is_earlier {
            own.refuse_another_s()?;
        }
        Ok(Some(own))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The search on this topic.
    pub(super) fn plan(&self, plan: &CapacityPlan) -> CapacityPlan {
        let mut plan = plan.clone();
        plan.window.load.topic.clone_from(&self.name);
        plan.window.load.own_topics = true;
        plan
    }

    /// Makes the topic, does the search and deletes the topic, however the search ends.
    ///
    /// # Errors
    /// Those of the search; [`Failure`] when the topic is not made on all brokers, before the search.
    pub(super) fn around<T>(
        &self,
        search: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let found = self.make().and_then(|()| search());
        self.delete();
        found
    }

    fn refuse_another_s(&self) -> Result<(), Failure> {
        if !asked(self.is_there())? {
            return Ok(());
        }
        Err(Failure {
            exit: Exit::Usage,
            error: format!(
                "--own-topic: topic {} is there already, and is not this search's",
                self.name
            ),
            hint: Some("start it again: each search takes another name".into()),
        })
    }

    async fn is_there(&self) -> Result<bool, AdminError> {
        match self.admin.queues(&self.name).await {
            Err(AdminError::Client(ClientError::NoRoute { .. })) => Ok(false),
            // It has a route, and no queue to write to that is not left out.
            Ok(_)
            | Err(AdminError::Client(
                ClientError::NotWritable { .. } | ClientError::Illegal { .. },
            )) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn make(&self) -> Result<(), Failure> {
        let new = NewTopic {
            key: ON_BROKERS_OF.to_owned(),
            ..NewTopic::new(&self.name, self.queues)
        };
        let created =
            asked(self.admin.create_topic(new)).map_err(|failure| self.unmade(failure))?;
        let made: Vec<&str> = created
            .iter()
            .filter(|on| on.outcome.is_ok())
            .map(|on| on.broker.as_str())
            .collect();
        let names = made.iter().map(|name| (*name).to_owned()).collect();
        let _ = self.made_on.set(names);
        let routed = self.until_routed(made.len());
        let refused = created.iter().find_map(|on| match &on.outcome {
            Err(error) => Some((on, error)),
            Ok(()) => None,
        });
        if let Some((CreatedOn { broker, .. }, error)) = refused {
            let failure = self.unmade(Failure::from(error.clone()));
            return Err(Failure {
                error: format!(
                    "{}, on {broker}; it was on {}",
                    failure.error,
                    made.join(", ")
                ),
                ..failure
            });
        }
        routed?;
        let killed = self.by_hand.as_ref().map_or_else(String::new, |command| {
            format!("; should this process be killed: {command}")
        });
        message::note(&format_args!(
            "topic {} made with {} on each of {}, to be deleted at the end{killed}",
            self.name,
            counted(u64::from(self.queues), "queue"),
            made.join(", ")
        ));
        Ok(())
    }

    fn unmade(&self, failure: Failure) -> Failure {
        Failure {
            error: format!(
                "--own-topic: topic {} could not be made: {}",
                self.name, failure.error
            ),
            ..failure
        }
    }

    /// Waits until name servers know the queues of so many brokers.
    fn until_routed(&self, brokers: usize) -> Result<(), Failure> {
        let until = Instant::now() + ROUTED_WITHIN;
        let wanted = brokers.saturating_mul(self.queues as usize);
        let is_routed = asked(async {
            loop {
                let known = self.admin.queues(&self.name).await;
                if known.is_ok_and(|queues| queues.len() >= wanted) {
                    return Ok(true);
                }
                if Instant::now() >= until {
                    return Ok(false);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        })?;
        if is_routed {
            return Ok(());
        }
        Err(Failure {
            exit: Exit::Connect,
            error: format!(
                "--own-topic: the name server does not know topic {} on all brokers that made it, {} s after that",
                self.name,
                ROUTED_WITHIN.as_secs()
            ),
            hint: Some("see whether the brokers are registered: rmq-bench admin brokers".into()),
        })
    }

    /// Deletes the topic, or says that it is left and how to delete it.
    fn delete(&self) {
        let left = match asked(async {
            tokio::select! {
                deleted = self.deleted() => deleted,
                () = self.hurried() => Ok(Deletion::Left("there was no time left to wait for its deletion".to_owned())),
            }
        }) {
            Ok(Deletion::NotThere) => return,
            Ok(Deletion::Done) => {
                message::note(&format_args!("topic {} deleted", self.name));
                return;
            }
            Ok(Deletion::Left(why)) => why,
            Err(failure) => failure.error,
        };
        message::error(&format_args!(
            "--own-topic: topic {} may be left on the cluster: {left}",
            self.name
        ));
        if let Some(command) = &self.by_hand {
            message::hint(&format_args!("to delete it: {command}"));
        }
    }

    async fn deleted(&self) -> Result<Deletion, AdminError> {
        let mut deletion = Deletion::NotThere;
        let mut left: Vec<String> = self.made_on.get().cloned().unwrap_or_default();
        for _ in 0..DELETIONS {
            match self.admin.delete_topic(&self.name).await {
                Ok(deleted) => {
                    deletion = Deletion::Done;
                    left.retain(|broker| !deleted.brokers.contains(broker));
                }
                // It is gone already, or was never made.
                Err(AdminError::Client(ClientError::NoRoute { .. })) => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(LOOK_AGAIN).await;
            if !self.is_there().await? {
                // A broker that is not there now comes back with it.
                return Ok(match left.is_empty() {
                    true => deletion,
                    false => Deletion::Left(format!("{} could not be asked", left.join(", "))),
                });
            }
        }
        Ok(Deletion::Left(
            "messages that still come make it anew".to_owned(),
        ))
    }

    /// Returns some time after a stop at once was asked for.
    async fn hurried(&self) {
        while self.stop.level() < StopLevel::Now {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        tokio::time::sleep(HURRIED).await;
    }
}

/// Whether a search gives its topic such a name.
fn is_name(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|digits| {
        digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// The command that deletes a topic on the cluster of a search.
fn deletion_of(name: &str, plan: &CapacityPlan) -> String {
    let mut command = "rmq-bench admin delete-topic".to_owned();
    for setting in &plan.window.resolved {
        let is_given = setting.source != Source::Default && REACH.contains(&setting.key);
        if let (true, SettingValue::Text(value)) = (is_given, &setting.value) {
            command.push_str(&format!(" --{} {}", setting.key, quoted(value)));
        }
    }
    format!("{command} --topic {name} --yes")
}

/// A word for a shell.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:,=@%+".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::broker::{ClusterSpec, EmbeddedCluster};
    use crate::client::{ClientConfig, ClientInstance};
    use crate::protocol::route::permission;

    fn own<'a>(cluster: &EmbeddedCluster, stop: &'a StopSignal) -> OwnTopic<'a> {
        let instance = ClientInstance::new(ClientConfig {
            namesrv: vec![cluster.namesrv_address()],
            ..ClientConfig::default()
        });
        let instance = Arc::new(instance.unwrap());
        instance.start().unwrap();
        OwnTopic {
            name: format!("{PREFIX}0123456789abcdef"),
            queues: 8,
            made_on: OnceCell::new(),
            admin: Admin::new(instance),
            stop,
            by_hand: None,
        }
    }

    fn has(cluster: &EmbeddedCluster, topic: &str) -> bool {
        let brokers = cluster.stored().brokers;
        brokers
            .iter()
            .any(|broker| broker.topics.contains_key(topic))
    }

    #[test]
    fn one_that_is_there_already_is_refused_and_stays() {
        let cluster = EmbeddedCluster::start(ClusterSpec::default()).unwrap();
        let stop = StopSignal::default();
        let own = own(&cluster, &stop);
        assert!(own.refuse_another_s().is_ok(), "nobody has it");
        // Also one that may only be read.
        for permission in [permission::READ_WRITE, permission::READ] {
            cluster.create_topic(&own.name, 2, permission).unwrap();
            let refused = own.refuse_another_s().unwrap_err();
            assert!(refused.error.contains("is there already"), "{refused:?}");
            assert!(has(&cluster, &own.name));
        }
    }

    #[test]
    fn it_is_there_during_the_search_alone_also_one_that_fails_or_is_hurried() {
        let cluster = EmbeddedCluster::start(ClusterSpec::default()).unwrap();
        let stop = StopSignal::default();
        let own = own(&cluster, &stop);
        let found = own.around(|| {
            assert!(has(&cluster, &own.name));
            Ok(1)
        });
        assert_eq!(found.unwrap(), 1);
        assert!(!has(&cluster, &own.name));
        let failed = own.around(|| -> Result<(), _> {
            assert!(has(&cluster, &own.name));
            stop.raise();
            stop.raise();
            Err(Failure::own("no answer"))
        });
        assert_eq!(failed.unwrap_err().error, "no answer");
        assert!(!has(&cluster, &own.name));
    }

    #[test]
    fn messages_that_come_after_the_deletion_leave_no_topic() {
        let cluster = EmbeddedCluster::start(ClusterSpec::default()).unwrap();
        let stop = StopSignal::default();
        let own = own(&cluster, &stop);
        let gone = own.around(|| {
            let (cluster, name) = (&cluster, &own.name);
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    while has(cluster, name) {
                        std::thread::yield_now();
                    }
                    // As a broker does for a message it still had in its queue.
                    cluster.create_topic(name, 4, permission::READ_WRITE)
                });
                own.delete();
            });
            Ok(!has(cluster, name))
        });
        assert!(gone.unwrap());
    }

    #[test]
    fn only_names_of_searches_are_names() {
        assert!(is_name("rmq_bench_capacity_0123456789abcdef"));
        for other in [
            "orders",
            "rmq_bench_capacity_",
            "rmq_bench_capacity_0123456789abcde",
            "rmq_bench_capacity_0123456789abcdef0",
            "rmq_bench_capacity_0123456789abcdeg",
        ] {
            assert!(!is_name(other), "{other}");
        }
    }

    #[test]
    fn the_command_s_words_are_a_shell_s() {
        assert_eq!(quoted("10.0.0.1:9876"), "10.0.0.1:9876");
        assert_eq!(quoted("a:1;b:2"), "'a:1;b:2'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
    }
}
