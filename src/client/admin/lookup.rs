//! Messages looked up: by where they are stored, by their unique id, by key (R91–R94, R256, R257).

use std::time::Duration;

use super::found::MOST_UNPACKED_BYTES;
use super::{Admin, AdminError, Call, FoundMessage, Target};
use crate::protocol::admin::{QueryMessage, ViewMessage};
use crate::protocol::message_id::decode_offset_message_id;
use crate::protocol::route::TopicRoute;
use crate::protocol::stored::{StoredMessage, records};
use crate::protocol::{RemotingCommand, ResponseCode};
use crate::transport::clock::wall_millis;

/// How long ago a message may have been stored that is looked for by its unique id (R92).
const UNIQUE_ID_WINDOW: Duration = Duration::from_hours(3 * 24);
/// Most messages with one unique id (R92).
const MOST_OF_UNIQUE_ID: u32 = 32;

/// What messages are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyQuery {
    /// Topic.
    pub topic: String,
    /// One of the message's keys.
    pub key: String,
    /// Most messages of one broker; brokers give 64 at most.
    pub most: u32,
    /// Stored from this moment on, in ms since 1970.
    pub from_ms: i64,
    /// Stored up to this moment, in ms since 1970.
    pub to_ms: i64,
}

impl KeyQuery {
    /// Of any time, up to 32 of a broker.
    #[must_use]
    pub fn new(topic: &str, key: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            key: key.to_owned(),
            most: 32,
            from_ms: 0,
            to_ms: i64::MAX,
        }
    }
}

/// What brokers have found.
#[derive(Debug, Clone)]
pub struct Found {
    /// At least one message, the first stored first.
    pub messages: Vec<FoundMessage>,
    /// When an index was last written, at the latest, in ms since 1970: what is newer may be missing.
    pub index_updated_ms: i64,
    /// What went wrong at other brokers, which may have more.
    pub failures: Vec<AdminError>,
}

impl Admin {
    /// The message that is stored where its offset id says (R91). The broker asked is the one the id names,
    /// whatever routes say: for an id that users give, [`Admin::view`] looks first whether there is one.
    ///
    /// # Errors
    /// [`AdminError::NoMessage`] for what is no offset id, and where the broker has something else;
    /// the broker does not answer, or refuses: code 1 where it has nothing.
    ///
    /// # Cancel safety
    /// Safe, as all calls below.
    pub async fn view_by_offset_id(
        &self,
        topic: &str,
        id: &str,
    ) -> Result<FoundMessage, AdminError> {
        let topic = self.instance.namespace().wrap(topic).into_owned();
        let id = id.to_owned();
        self.call(|call| async move {
            let (address, offset) = decode_offset_message_id(&id)
                .map_err(|_| nothing(format!("{id} is no id of a place in a commit log")))?;
            let target = Target {
                name: address.to_string(),
                address: address.to_string(),
            };
            view_at(&call, &topic, &target, offset).await
        })
        .await
    }

    /// The message with this unique id that was stored first, if that was since `from_ms` (ms since 1970);
    /// `None` looks three days back (R92).
    ///
    /// # Errors
    /// As [`Admin::query`].
    pub async fn view_by_unique_id(
        &self,
        topic: &str,
        id: &str,
        from_ms: Option<i64>,
    ) -> Result<FoundMessage, AdminError> {
        let topic = self.instance.namespace().wrap(topic).into_owned();
        let id = id.to_owned();
        self.call(|call| async move {
            let route = call.route(&topic).await?;
            unique(&call, &route, topic, id, from_ms).await
        })
        .await
    }

    /// The message with this id, of either kind (R92). An id is taken for an offset id only if it names a
    /// broker of the topic's route: unique ids look alike, and name their sender (R256).
    ///
    /// # Errors
    /// As [`Admin::query`].
    pub async fn view(
        &self,
        topic: &str,
        id: &str,
        from_ms: Option<i64>,
    ) -> Result<FoundMessage, AdminError> {
        let topic = self.instance.namespace().wrap(topic).into_owned();
        let id = id.to_owned();
        self.call(|call| async move {
            let route = call.route(&topic).await?;
            let place = place_in(&route, &id);
            let viewed = match &place {
                Some((target, offset)) => view_at(&call, &topic, target, *offset).await,
                None => Err(nothing("nor does it name a broker of the topic".to_owned())),
            };
            let viewed = match viewed {
                Ok(message) => return Ok(message),
                Err(error) => error,
            };
            match (unique(&call, &route, topic, id, from_ms).await, viewed) {
                (Err(AdminError::NoMessage { what }), AdminError::NoMessage { what: place }) => {
                    Err(nothing(format!("{what}; {place}")))
                }
                (Err(AdminError::NoMessage { .. }), viewed) => Err(viewed),
                (found, _) => found,
            }
        })
        .await
    }

    /// The messages of a topic with this key, of all brokers (R93, R94); they are asked at once, a slave
    /// where a broker has no master.
    ///
    /// # Errors
    /// No route; [`AdminError::NoMessage`] if nothing is found, or why a broker did not answer.
    pub async fn query(&self, mut query: KeyQuery) -> Result<Found, AdminError> {
        query.topic = self.instance.namespace().wrap(&query.topic).into_owned();
        self.call(|call| async move {
            let route = call.route(&query.topic).await?;
            let query = QueryMessage {
                topic: query.topic.into(),
                key: query.key.into(),
                unique: false,
                most: query.most,
                from_ms: query.from_ms,
                to_ms: query.to_ms,
            };
            ask_all(&call, &route, &query).await
        })
        .await
    }
}

fn nothing(what: String) -> AdminError {
    AdminError::NoMessage { what }
}

/// The broker of a route that an offset id names, and the offset.
fn place_in(route: &TopicRoute, id: &str) -> Option<(Target, u64)> {
    let (address, offset) = decode_offset_message_id(id).ok()?;
    let address = address.to_string();
    let mut brokers = route.brokers.iter();
    let named = brokers.find(|broker| broker.addresses.values().any(|known| *known == address))?;
    let name = named.broker_name.clone();
    Some((Target { name, address }, offset))
}

async fn view_at(
    call: &Call,
    topic: &str,
    target: &Target,
    commit_log_offset: u64,
) -> Result<FoundMessage, AdminError> {
    let view = ViewMessage {
        topic: topic.into(),
        commit_log_offset,
    };
    let reply = call.request(target, view.to_command()).await?;
    // Brokers take whatever bytes stand there for a message.
    let stored = StoredMessage::parse(&reply.body)
        .ok()
        .map(|(stored, _)| stored)
        .filter(|stored| u64::try_from(stored.commit_log_offset) == Ok(commit_log_offset));
    let mut budget = MOST_UNPACKED_BYTES;
    match stored {
        Some(stored) => {
            let mut message = FoundMessage::of(&stored, &mut budget);
            message.show_in(&call.shared.namespace);
            Ok(message)
        }
        None => Err(nothing(format!(
            "{} has no message at {commit_log_offset} of its commit log",
            target.name
        ))),
    }
}

async fn unique(
    call: &Call,
    route: &TopicRoute,
    topic: String,
    id: String,
    from_ms: Option<i64>,
) -> Result<FoundMessage, AdminError> {
    let since = || {
        let now = Duration::from_millis(wall_millis());
        let since = now.saturating_sub(UNIQUE_ID_WINDOW).as_millis();
        i64::try_from(since).unwrap_or(0)
    };
    let query = QueryMessage {
        topic: topic.into(),
        key: id.into(),
        unique: true,
        most: MOST_OF_UNIQUE_ID,
        from_ms: from_ms.unwrap_or_else(since),
        to_ms: i64::MAX,
    };
    let found = ask_all(call, route, &query).await?;
    let mut messages = found.messages.into_iter();
    messages.next().ok_or_else(|| nothing_of(&query, ""))
}

fn nothing_of(query: &QueryMessage<'_>, said: &str) -> AdminError {
    let (kind, topic, key) = (
        if query.unique { "unique id" } else { "key" },
        &query.topic,
        &query.key,
    );
    let said = if said.is_empty() {
        String::new()
    } else {
        format!(" ({said})")
    };
    nothing(format!(
        "no message of topic {topic} has the {kind} {key} in the time asked for{said}"
    ))
}

async fn ask_all(
    call: &Call,
    route: &TopicRoute,
    query: &QueryMessage<'_>,
) -> Result<Found, AdminError> {
    let command = query.to_command();
    let asked = call.each(replicas(route), |call, target| {
        let command = command.clone();
        async move { call.request(&target, command).await }
    });
    let mut found = Found {
        messages: Vec::new(),
        index_updated_ms: 0,
        failures: Vec::new(),
    };
    let mut budget = MOST_UNPACKED_BYTES;
    let mut said = String::new();
    for (target, answer) in asked.await {
        match answer {
            Ok(reply) => {
                if let Err(source) = found.take(query, &reply, &mut budget) {
                    found.failures.push(AdminError::Reply {
                        broker: target.name,
                        source,
                    });
                }
            }
            Err(AdminError::Refused { code, remark, .. })
                if code == ResponseCode::QUERY_NOT_FOUND.0 =>
            {
                said = remark;
            }
            Err(error) => found.failures.push(error),
        }
    }
    if found.messages.is_empty() {
        return Err(match found.failures.into_iter().next() {
            Some(failure) => failure,
            None => nothing_of(query, &said),
        });
    }
    found.messages.sort_by_key(|message| message.stored_ms);
    for message in &mut found.messages {
        message.show_in(&call.shared.namespace);
    }
    Ok(found)
}

impl Found {
    /// Keeps what was asked for (R94): brokers find by a hash.
    fn take(
        &mut self,
        query: &QueryMessage<'_>,
        reply: &RemotingCommand,
        budget: &mut usize,
    ) -> Result<(), crate::protocol::DecodeError> {
        let updated = QueryMessage::index_updated_ms(reply)?;
        self.index_updated_ms = self.index_updated_ms.max(updated);
        for stored in records(&reply.body) {
            let message = FoundMessage::of(&stored?, budget);
            let is_it = if query.unique {
                message.message_id == query.key
            } else {
                message.has_key(&query.key)
            };
            if is_it && message.topic == query.topic {
                self.messages.push(message);
            }
        }
        Ok(())
    }
}

/// One address of each broker, the master's where there is one; by name.
fn replicas(route: &TopicRoute) -> Vec<Target> {
    let mut targets: Vec<Target> = route
        .brokers
        .iter()
        .filter_map(|broker| {
            let any = broker.addresses.values().next();
            Some(Target {
                name: broker.broker_name.clone(),
                address: broker.master().or(any.map(String::as_str))?.to_owned(),
            })
        })
        .collect();
    targets.sort();
    targets
}
