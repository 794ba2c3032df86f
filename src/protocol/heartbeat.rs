//! HEART_BEAT and UNREGISTER_CLIENT of a producer (R21, R174).

use serde_json::{Value, json};

use crate::protocol::code::RequestCode;
use crate::protocol::command::RemotingCommand;
use crate::protocol::error::DecodeError;

/// Most groups read from a heartbeat.
const MAX_GROUPS: usize = 10_000;

/// A client and its producer groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatData {
    /// `<ip>@<instance>`.
    pub client_id: String,
    /// Groups that may be asked for transaction states.
    pub producer_groups: Vec<String>,
}

impl HeartbeatData {
    /// The body as Java writes it.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let groups: Vec<Value> = self
            .producer_groups
            .iter()
            .map(|group| json!({ "groupName": group }))
            .collect();
        let body = json!({
            "clientID": self.client_id,
            "consumerDataSet": [],
            "heartbeatFingerprint": 0,
            "producerDataSet": groups,
            "withoutSub": false,
        });
        body.to_string().into_bytes()
    }

    /// Reads a client's heartbeat; unknown members are ignored.
    ///
    /// # Errors
    /// JSON that can't be read, or no client id.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        let value: Value = serde_json::from_slice(body).map_err(|error| DecodeError::Json {
            what: "heartbeat",
            detail: error.to_string(),
        })?;
        let client_id = value.get("clientID").and_then(Value::as_str);
        let groups = value.get("producerDataSet").and_then(Value::as_array);
        Ok(Self {
            client_id: client_id
                .ok_or(DecodeError::MissingField("clientID"))?
                .to_owned(),
            producer_groups: groups
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.get("groupName").and_then(Value::as_str))
                .take(MAX_GROUPS)
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// The request by which a client takes a producer group away.
#[must_use]
pub fn unregister_client(client_id: &str, group: &str) -> RemotingCommand {
    RemotingCommand::request(RequestCode::UNREGISTER_CLIENT)
        .with_field("clientID", client_id)
        .with_field("producerGroup", group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_java_s() {
        let data = HeartbeatData {
            client_id: "10.0.0.9@DEFAULT".into(),
            producer_groups: vec!["PG".into()],
        };
        let expected = r#"{"clientID":"10.0.0.9@DEFAULT","consumerDataSet":[],"heartbeatFingerprint":0,"producerDataSet":[{"groupName":"PG"}],"withoutSub":false}"#;
        assert_eq!(String::from_utf8(data.to_json()).unwrap(), expected);
        assert_eq!(HeartbeatData::parse(expected.as_bytes()).unwrap(), data);
        assert!(HeartbeatData::parse(b"{}").is_err());
        assert!(HeartbeatData::parse(b"\xff").is_err());
    }
}
