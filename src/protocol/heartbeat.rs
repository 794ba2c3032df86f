//! Heartbeats: how a client tells a broker that it lives and which groups it has (R174).
//!
//! Only producers are written; consumer entries of other clients are skipped when reading.

use serde::Deserialize;

use crate::protocol::code::RequestCode;
use crate::protocol::command::RemotingCommand;
use crate::protocol::error::DecodeError;
use crate::protocol::header::json;

/// The body of HEART_BEAT, as far as producers go (Java: `HeartbeatData`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeartbeatData {
    /// `<ip>@<instance name>`.
    pub client_id: String,
    /// Producer groups of the client, in the order they are written.
    pub producer_groups: Vec<String>,
}

impl HeartbeatData {
    /// The body as Java writes it for a client without consumers. `consumerDataSet` must be there:
    /// a broker given null fails with a NullPointerException.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = b"{\"clientID\":".to_vec();
        json::write_string(&mut out, &self.client_id);
        out.extend_from_slice(
            b",\"consumerDataSet\":[],\"heartbeatFingerprint\":0,\"producerDataSet\":[",
        );
        for (index, group) in self.producer_groups.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"groupName\":");
            json::write_string(&mut out, group);
            out.push(b'}');
        }
        out.extend_from_slice(b"],\"withoutSub\":false}");
        out
    }

    /// The whole request.
    #[must_use]
    pub fn to_command(&self) -> RemotingCommand {
        RemotingCommand::request(RequestCode::HEART_BEAT).with_body(self.to_json())
    }

    /// Reads a heartbeat as a broker does: absent or null sets are empty, groups without a name and
    /// whatever else a client may add are skipped.
    ///
    /// # Errors
    /// [`DecodeError::Json`] for text that is no such object, [`DecodeError::MissingField`] without
    /// client id.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(rename = "clientID")]
            client_id: Option<String>,
            #[serde(rename = "producerDataSet")]
            producers: Option<Vec<Option<Producer>>>,
        }
        #[derive(Deserialize)]
        struct Producer {
            #[serde(rename = "groupName")]
            group: Option<String>,
        }
        let wire: Wire = serde_json::from_slice(body).map_err(|error| DecodeError::Json {
            what: "heartbeat",
            detail: error.to_string(),
        })?;
        let groups = wire.producers.into_iter().flatten().flatten();
        Ok(Self {
            client_id: wire
                .client_id
                .filter(|id| !id.is_empty())
                .ok_or(DecodeError::MissingField("clientID"))?,
            producer_groups: groups.filter_map(|producer| producer.group).collect(),
        })
    }
}

/// Header field of the client id in [`unregister`]; same spelling as in the heartbeat.
pub const CLIENT_ID: &str = "clientID";
/// Header field of the group in [`unregister`].
pub const PRODUCER_GROUP: &str = "producerGroup";

/// The request by which a producer group of a client leaves a broker.
#[must_use]
pub fn unregister(client_id: &str, producer_group: &str) -> RemotingCommand {
    RemotingCommand::request(RequestCode::UNREGISTER_CLIENT)
        .with_field(CLIENT_ID, client_id)
        .with_field(PRODUCER_GROUP, producer_group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The remoting reference's example, written by Java.
    /// R174.
    #[test]
    fn the_body_is_java_s() {
        let data = HeartbeatData {
            client_id: "10.0.0.9@DEFAULT".into(),
            producer_groups: vec!["PG".into()],
        };
        let java = br#"{"clientID":"10.0.0.9@DEFAULT","consumerDataSet":[],"heartbeatFingerprint":0,"producerDataSet":[{"groupName":"PG"}],"withoutSub":false}"#;
        assert_eq!(data.to_json(), java);
        assert_eq!(HeartbeatData::parse(java).unwrap(), data);
        let command = data.to_command();
        assert_eq!((command.code, &command.body[..]), (34, &java[..]));
    }

    #[test]
    fn consumers_nulls_and_unknown_members_are_skipped() {
        let body = br#"{"producerDataSet":[null,{"groupName":"A","x":1},{}],"consumerDataSet":[{"groupName":"C"}],"clientID":"c","y":{}}"#;
        let data = HeartbeatData::parse(body).unwrap();
        assert_eq!(data.producer_groups, ["A"]);
        let minimal = HeartbeatData::parse(br#"{"clientID":"c","producerDataSet":null}"#).unwrap();
        assert_eq!(minimal.producer_groups, [""; 0]);
        assert_eq!(
            HeartbeatData::parse(br#"{"producerDataSet":[]}"#),
            Err(DecodeError::MissingField("clientID"))
        );
        assert!(matches!(
            HeartbeatData::parse(b"[]x"),
            Err(DecodeError::Json { .. })
        ));
    }

    #[test]
    fn a_client_leaves_with_its_id_and_group() {
        let command = unregister("c", "g");
        assert_eq!(command.code, 35);
        assert_eq!(command.field("clientID"), Some("c"));
        assert_eq!(command.field("producerGroup"), Some("g"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(client_id in ".{1,9}", producer_groups in prop::collection::vec(".{1,9}", 0..4)) {
            let data = HeartbeatData { client_id, producer_groups };
            prop_assert_eq!(HeartbeatData::parse(&data.to_json()).unwrap(), data);
        }

        #[test]
        fn any_bytes_give_a_heartbeat_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = HeartbeatData::parse(&bytes);
        }
    }
}
