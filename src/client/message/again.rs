//! One message's memory for the next one: whoever sends many that differ in body and keys allocates none of them.

use bytes::Bytes;

use super::{Message, More};
use crate::client::message_queue::java_hash;
use crate::protocol::properties;

impl Message {
    /// Makes it one like `like` with another body, in the memory it has.
    pub(crate) fn become_like(&mut self, like: &Self, body: Bytes) {
        self.body = body;
        self.sys_flag = like.sys_flag;
        self.flag = like.flag;
        let properties = self.properties.to_mut();
        properties.clear();
        properties.extend_from_slice(&like.properties);
        match (&mut self.more, &like.more) {
            (None, more) => self.more.clone_from(more),
            (Some(own), Some(more)) => (**own).clone_from(more),
            (Some(own), None) => **own = More::default(),
        }
    }

    /// Adds KEYS, which it does not have; that it is allowed is the caller's to know.
    pub(crate) fn add_keys(&mut self, keys: &str) {
        properties::write(self.properties.to_mut(), properties::KEYS, keys.as_bytes());
    }

    /// Adds the key that orders it, which it does not have; that it is allowed is the caller's to know.
    pub(crate) fn add_sharding_key(&mut self, key: &str) {
        self.more.get_or_insert_default().sharding_hash = Some(java_hash(key));
        let properties = self.properties.to_mut();
        properties::write(properties, properties::SHARDING_KEY, key.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_made_again_is_as_if_made_anew() {
        let like = |body: &'static str| Message::new(body).with_tags("T").unwrap().with_flag(3);
        let mut message = Message::new("a")
            .with_property("old", "1")
            .unwrap()
            .asking_by_id("me", Duration::from_secs(1))
            .unwrap();
        message.become_like(&like("x"), Bytes::from_static(b"y"));
        message.add_keys("k-1");
        message.add_sharding_key("key-2");
        let anew = like("y").with_keys(&["k-1"]).unwrap();
        assert_eq!(message, anew.with_sharding_key("key-2").unwrap());
        message.become_like(&like("x"), Bytes::from_static(b"z"));
        assert_eq!(message.kind(), like("z").kind());
        assert_eq!(message.sharding_hash(), None);
        assert_eq!(message.properties(), like("z").properties());
    }
}
