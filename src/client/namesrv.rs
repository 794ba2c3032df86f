//! The name servers: one is used until it fails, then the next (R97, R236).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::client::control::Control;
use crate::client::error::ClientError;
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

/// The list of name servers and the one in use.
#[derive(Debug)]
pub struct Namesrv {
    addresses: Vec<String>,
    current: AtomicUsize,
}

impl Namesrv {
    /// `start` picks the first one to use.
    #[must_use]
    pub fn new(addresses: Vec<String>, start: usize) -> Self {
        Self {
            addresses,
            current: AtomicUsize::new(start),
        }
    }

    /// The addresses.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.addresses
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
        let count = self.addresses.len();
        let share = (timeout / u32::try_from(count.max(1)).unwrap_or(1))
            .max(timeout.min(Duration::from_secs(1)));
        let first = self.current.load(Ordering::Relaxed);
        let mut troubles = Vec::new();
        for turn in 0..count {
            let index = (first + turn) % count;
            let Some(address) = self.addresses.get(index) else {
                continue;
            };
            let command = RemotingCommand::request(RequestCode::GET_ROUTEINFO_BY_TOPIC)
                .with_field("topic", topic)
                .with_field("acceptStandardJsonOnly", "true");
            match control.request(address, command, share).await {
                Ok(reply) => match read(&reply) {
                    Ok(answer) => {
                        self.current.store(index, Ordering::Relaxed);
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
        ResponseCode::REQUEST_CODE_NOT_SUPPORTED => Err(
            "knows no routes: it is no name server, perhaps a broker; name servers listen on port \
             9876 unless told otherwise"
                .to_owned(),
        ),
        code => {
            let name = code.name().unwrap_or("an unknown code");
            let remark = reply.remark.as_deref().unwrap_or("no remark");
            Err(format!("answered {} ({name}): {remark}", code.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_told_from_a_name_server() {
        let reply = RemotingCommand::response(ResponseCode::REQUEST_CODE_NOT_SUPPORTED, 1);
        let error = read(&reply).unwrap_err();
        assert!(error.contains("perhaps a broker"), "{error}");
        let reply = RemotingCommand::response(ResponseCode::TOPIC_NOT_EXIST, 1);
        assert_eq!(read(&reply), Ok(RouteAnswer::NoSuchTopic));
    }
}
