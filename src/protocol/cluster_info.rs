//! Every broker a name server knows (Java: `ClusterInfo`), whatever topics it has.
//!
//! Read with the same tolerance as routes: name servers write the broker ids without quotes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::protocol::error::DecodeError;
use crate::protocol::route::{BrokerData, WireBroker, push_text, quote_integer_keys};

/// The brokers of all clusters of a name server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterInfo {
    /// Brokers, by name.
    pub brokers: Vec<BrokerData>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    broker_addr_table: Option<BTreeMap<String, WireBroker>>,
}

impl ClusterInfo {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// [`DecodeError::Json`] for what is no such object, [`DecodeError::MissingField`] for a broker without a name.
    pub fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        let wire: Wire = serde_json::from_slice(&quote_integer_keys(body)).map_err(|error| {
            DecodeError::Json {
                what: "cluster information",
                detail: error.to_string(),
            }
        })?;
        let brokers = wire.broker_addr_table.into_iter().flatten();
        let brokers = brokers.map(|(_, broker)| BrokerData::of(broker));
        Ok(Self {
            brokers: brokers.collect::<Result<_, _>>()?,
        })
    }

    /// As name servers of all versions write it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::from("{\"brokerAddrTable\":{");
        for (index, broker) in self.brokers.iter().enumerate() {
            out.push_str(if index > 0 { "," } else { "" });
            push_text(&mut out, &broker.broker_name);
            out.push(':');
            broker.render("", &mut out);
        }
        out.push_str("},\"clusterAddrTable\":{");
        let clusters: BTreeSet<&str> = self.brokers.iter().map(|b| b.cluster.as_str()).collect();
        for (index, cluster) in clusters.into_iter().enumerate() {
            out.push_str(if index > 0 { "," } else { "" });
            push_text(&mut out, cluster);
            out.push_str(":[");
            let brokers = self.brokers.iter().filter(|b| b.cluster == cluster);
            for (index, broker) in brokers.enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                push_text(&mut out, &broker.broker_name);
            }
            out.push(']');
        }
        out.push_str("}}");
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn broker(name: &str, cluster: &str, ids: &[i64]) -> BrokerData {
        BrokerData {
            cluster: cluster.into(),
            broker_name: name.into(),
            addresses: ids.iter().map(|id| (*id, format!("{name}:{id}"))).collect(),
        }
    }

    #[test]
    fn java_s_form_is_read_and_written() {
        let info = ClusterInfo {
            brokers: vec![broker("a", "one", &[0, 1]), broker("b", "two", &[1])],
        };
        let written = "{\"brokerAddrTable\":{\"a\":{\"brokerAddrs\":{0:\"a:0\",1:\"a:1\"},\"brokerName\":\"a\",\
                       \"cluster\":\"one\",\"enableActingMaster\":false},\"b\":{\"brokerAddrs\":{1:\"b:1\"},\
                       \"brokerName\":\"b\",\"cluster\":\"two\",\"enableActingMaster\":false}},\
                       \"clusterAddrTable\":{\"one\":[\"a\"],\"two\":[\"b\"]}}";
        assert_eq!(info.to_json(), written);
        assert_eq!(ClusterInfo::parse(written.as_bytes()).unwrap(), info);
        assert_eq!(info.brokers[1].master(), None);
        assert_eq!(ClusterInfo::parse(b"{}").unwrap(), ClusterInfo::default());
        assert!(ClusterInfo::parse(b"[]").is_err());
        assert!(ClusterInfo::parse(b"{\"brokerAddrTable\":{\"a\":{}}}").is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = ClusterInfo::parse(&body);
        }
    }
}
