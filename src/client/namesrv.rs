//! The name servers: one is used until it fails, then the next (R96, R97, R236).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::seq::SliceRandom;

use crate::client::control::Control;
use crate::client::error::ClientError;
use crate::protocol::cluster_info::ClusterInfo;
use crate::protocol::route::TopicRoute;
use crate::protocol::{RemotingCommand, RequestCode, ResponseCode};

/// What a name server says about a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteAnswer {
    /// Its route.
    Found(TopicRoute),
    /// No such topic.
    NoSuchTopic,
}

/// `http://host:port`, as cloud services write it, is `host:port` (R17).
#[must_use]
pub fn without_scheme(address: &str) -> &str {
    let url = address.strip_prefix("http://");
    url.map_or(address, |rest| rest.rsplit('/').next().unwrap_or(rest))
}

/// The list of name servers and the one in use.
#[derive(Debug)]
pub struct Namesrv(Mutex<Known>);

#[derive(Debug, Clone)]
struct Known {
    addresses: Arc<[String]>,
    /// Index of the one in use.
    current: usize,
}

impl Namesrv {
    /// `start` picks the first one to use.
    #[must_use]
    pub fn new(addresses: Vec<String>, start: usize) -> Self {
        let current = start % addresses.len().max(1);
        Self(Mutex::new(Known {
            addresses: addresses.into(),
            current,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses.
    #[must_use]
    pub fn addresses(&self) -> Arc<[String]> {
        Arc::clone(&self.lock().addresses)
    }

    /// Takes another list, in an order drawn by lot, unless it is empty or has the same members (R96); whether
    /// it did. The one in use stays so if it is in it.
    pub fn replace(&self, mut addresses: Vec<String>) -> bool {
        let mut known = self.lock();
        let same = addresses.len() == known.addresses.len()
            && addresses.iter().all(|new| known.addresses.contains(new));
        if addresses.is_empty() || same {
            return false;
        }
        addresses.shuffle(&mut rand::rng());
        let used = known.addresses.get(known.current);
        let kept = used.and_then(|used| addresses.iter().position(|new| new == used));
        *known = Known {
            addresses: addresses.into(),
            current: kept.unwrap_or(0),
        };
        true
    }

    /// Goes on with this one, if the list still has it.
    fn stay_with(&self, address: &str) {
        let mut known = self.lock();
        if let Some(index) = known.addresses.iter().position(|known| known == address) {
            known.current = index;
        }
    }

    /// Asks for a topic's route, each name server at most once.
    ///
    /// # Errors
    /// [`ClientError::Namesrv`] with what each of them did.
    pub async fn route(
        &self,
        control: &Control,
        topic: &str,
        timeout: Duration,
    ) -> Result<RouteAnswer, ClientError> {
        let command = RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC)
            .with_field("topic", topic)
            .with_field("acceptStandardJsonOnly", "true");
        self.ask(control, &command, timeout, read).await
    }

    /// Asks which brokers there are, each name server at most once.
    ///
    /// # Errors
    /// [`ClientError::Namesrv`] with what each of them did.
    pub async fn cluster(
        &self,
        control: &Control,
        timeout: Duration,
    ) -> Result<ClusterInfo, ClientError> {
        let command = RemotingCommand::request(RequestCode::GET_BROKER_CLUSTER_INFO);
        let read = |reply: &RemotingCommand| match ResponseCode(reply.code) {
            ResponseCode::SUCCESS => ClusterInfo::parse(&reply.body)
                .map_err(|error| format!("answered with an unreadable list: {error}")),
            _ => Err(refusal(reply)),
        };
        self.ask(control, &command, timeout, read).await
    }

    async fn ask<T>(
        &self,
        control: &Control,
        command: &RemotingCommand,
        timeout: Duration,
        read: impl Fn(&RemotingCommand) -> Result<T, String>,
    ) -> Result<T, ClientError> {
        let Known {
            addresses,
            current: first,
        } = self.lock().clone();
        let count = addresses.len();
        let share = (timeout / u32::try_from(count.max(1)).unwrap_or(1))
            .max(timeout.min(Duration::from_secs(1)));
        let mut troubles = Vec::new();
        for turn in 0..count {
            let Some(address) = addresses.get((first + turn) % count) else {
                continue;
            };
            match control.request(address, command.clone(), share).await {
                Ok(reply) => match read(&reply) {
                    Ok(answer) => {
                        self.stay_with(address);
                        return Ok(answer);
                    }
                    Err(trouble) => troubles.push(format!("{address} {trouble}")),
                },
                Err(error) => troubles.push(error.to_string()),
            }
        }
        Err(ClientError::Namesrv {
            detail: troubles.join("; "),
        })
    }
}

/// R102: 0 with a body is a route, 17 is no such topic, all else is an error.
fn read(reply: &RemotingCommand) -> Result<RouteAnswer, String> {
    match ResponseCode(reply.code) {
        ResponseCode::SUCCESS if reply.body.is_empty() => Err("answered without a route".into()),
        ResponseCode::SUCCESS => TopicRoute::parse(&reply.body)
            .map(RouteAnswer::Found)
            .map_err(|error| format!("answered with an unreadable route: {error}")),
        ResponseCode::TOPIC_NOT_EXIST => Ok(RouteAnswer::NoSuchTopic),
        _ => Err(refusal(reply)),
    }
}

/// What a name server answers that does not say what it was asked.
fn refusal(reply: &RemotingCommand) -> String {
    let code = ResponseCode(reply.code);
    if code == ResponseCode::REQUEST_CODE_NOT_SUPPORTED {
        return "knows no routes: it is no name server, perhaps a broker; name servers listen on port 9876 unless told \
                otherwise"
            .to_owned();
    }
    let name = code.name().unwrap_or("an unknown code");
    let remark = reply.remark.as_deref().unwrap_or("no remark");
    format!("answered {} ({name}): {remark}", code.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R102: a route needs a body, 17 is no such topic, every other code an error that names it.
    #[test]
    fn an_answer_is_a_route_no_topic_or_an_error() {
        let reply = |code| RemotingCommand::response(code, 1);
        let route = &br#"{"brokerDatas":[],"queueDatas":[]}"#[..];
        let found = read(&reply(ResponseCode::SUCCESS).with_body(route));
        assert!(matches!(found, Ok(RouteAnswer::Found(_))), "{found:?}");
        let missing = read(&reply(ResponseCode::TOPIC_NOT_EXIST));
        assert_eq!(missing, Ok(RouteAnswer::NoSuchTopic));
        for (reply, part) in [
            (reply(ResponseCode::SUCCESS), "without a route"),
            (
                reply(ResponseCode::SUCCESS).with_body(&b"{"[..]),
                "unreadable",
            ),
            (
                reply(ResponseCode::SYSTEM_ERROR),
                "answered 1 (SYSTEM_ERROR)",
            ),
            (reply(ResponseCode(99)).with_body(route), "answered 99"),
        ] {
            let error = read(&reply).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    /// R96.
    #[test]
    fn another_list_is_taken_if_it_differs_and_is_not_empty() {
        let list = |text: &str| text.split(';').map(str::to_owned).collect::<Vec<_>>();
        let namesrv = Namesrv::new(list("a:1;b:1;c:1"), 1);
        assert!(!namesrv.replace(Vec::new()));
        assert!(!namesrv.replace(list("c:1;a:1;b:1")));
        assert_eq!(&*namesrv.addresses(), list("a:1;b:1;c:1"));
        assert!(namesrv.replace(list("x:1;b:1")));
        let mut now = namesrv.addresses().to_vec();
        let used = &now[namesrv.lock().current];
        assert_eq!(used, "b:1", "the one in use is kept");
        now.sort();
        assert_eq!(now, list("b:1;x:1"));
        assert!(namesrv.replace(list("y:1")));
        assert_eq!(namesrv.lock().current, 0);
    }

    #[test]
    fn a_broker_is_told_from_a_name_server() {
        let reply = RemotingCommand::response(ResponseCode::REQUEST_CODE_NOT_SUPPORTED, 1);
        let error = read(&reply).unwrap_err();
        assert!(error.contains("perhaps a broker"), "{error}");
        let reply = RemotingCommand::response(ResponseCode::TOPIC_NOT_EXIST, 1);
        assert_eq!(read(&reply), Ok(RouteAnswer::NoSuchTopic));
    }
}
