//! Hooks that see requests and responses (R184).

use std::fmt;
use std::sync::Arc;

use crate::client::hooks::{RpcHook, guarded};
use crate::protocol::RemotingCommand;

/// Longest name and longest value of a field that a hook adds, in bytes: what both header forms can say.
const MOST_NAME_BYTES: usize = 255;
const MOST_VALUE_BYTES: usize = 32_767;

/// The RPC hooks of a client, in the order they are called.
#[derive(Clone, Default)]
pub struct RpcHooks(Vec<Arc<dyn RpcHook>>);

impl fmt::Debug for RpcHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} RPC hooks", self.0.len())
    }
}

impl RpcHooks {
    pub(super) fn add(&mut self, hook: impl RpcHook) {
        self.0.push(Arc::new(hook));
    }

    pub(in crate::client) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Shows a request that is complete but for opaque and signature, and adds their fields.
    pub(in crate::client) fn before(&self, address: &str, request: &mut RemotingCommand) {
        for hook in &self.0 {
            let added = guarded("RPC hook", || hook.before(address, request));
            for (name, value) in added.unwrap_or_default() {
                let fits =
                    (1..=MOST_NAME_BYTES).contains(&name.len()) && value.len() <= MOST_VALUE_BYTES;
                if fits && request.field(&name).is_none() {
                    request.ext.push((name, value));
                } else {
                    tracing::warn!(name, "a field of an RPC hook is taken or too long");
                }
            }
        }
    }

    pub(in crate::client) fn after(
        &self,
        address: &str,
        request: &RemotingCommand,
        response: &RemotingCommand,
    ) {
        for hook in &self.0 {
            guarded("RPC hook", || hook.after(address, request, response));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::RequestCode;

    struct Adds(Vec<(String, String)>);

    impl RpcHook for Adds {
        fn before(&self, _: &str, _: &RemotingCommand) -> Vec<(String, String)> {
            self.0.clone()
        }
    }

    struct Panics;

    impl RpcHook for Panics {
        fn before(&self, _: &str, _: &RemotingCommand) -> Vec<(String, String)> {
            panic!("on purpose")
        }
    }

    /// R184: a hook adds fields, and does no other harm.
    #[test]
    fn fields_are_added_where_they_fit() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut hooks = RpcHooks::default();
        hooks.add(Panics);
        hooks.add(Adds(vec![
            field("zone", "a"),
            field("topic", "stolen"),
            field("", "x"),
            field(&"n".repeat(256), "x"),
            field("long", &"v".repeat(32_768)),
        ]));
        hooks.add(Adds(vec![field("zone", "b"), field("other", "")]));
        let mut request =
            RemotingCommand::request(RequestCode::HEART_BEAT).with_field("topic", "T");
        hooks.before("127.0.0.1:1", &mut request);
        let fields = [field("topic", "T"), field("zone", "a"), field("other", "")];
        assert_eq!(request.ext, fields);
    }
}
