//! Signed requests: who sends them, and a checksum only he can make (ACL of 4.9 and auth of 5.x alike).
//!
//! Signed are the values of all header fields, in the order of their names as Java compares them, and
//! then the body. What is not a header field (code, opaque, flag, remark) is not.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use crate::protocol::command::RemotingCommand;

/// Field of the name of the account.
pub const ACCESS_KEY: &str = "AccessKey";
/// Field of a token that came with temporary credentials.
pub const SECURITY_TOKEN: &str = "SecurityToken";
/// Field of the signature, which it does not cover.
pub const SIGNATURE: &str = "Signature";
/// Characters of a signature: 20 bytes in base64.
pub const SIGNATURE_CHARS: usize = 28;

/// A signature as text.
pub type Signature = [u8; SIGNATURE_CHARS];

/// An account and its secret, which no form of output shows.
#[derive(Clone)]
pub struct Credentials {
    access_key: String,
    security_token: Option<String>,
    keyed: Hmac<Sha1>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

/// Equal by the account: a secret is not compared.
impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        (&self.access_key, &self.security_token) == (&other.access_key, &other.security_token)
    }
}

impl Eq for Credentials {}

impl Credentials {
    /// An account by its access key and secret key, and a token where they are temporary. `None` where one
    /// of them is empty: a broker would read an empty field otherwise than it was signed.
    #[must_use]
    pub fn new(access_key: &str, secret_key: &str, security_token: Option<&str>) -> Option<Self> {
        let empty = access_key.is_empty() || secret_key.is_empty();
        if empty || security_token.is_some_and(str::is_empty) {
            return None;
        }
        // HMAC takes keys of any length.
        let keyed = Hmac::new_from_slice(secret_key.as_bytes()).ok()?;
        Some(Self {
            access_key: access_key.to_owned(),
            security_token: security_token.map(str::to_owned),
            keyed,
        })
    }

    /// The fields that name the account.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let token = self.security_token.as_deref();
        let token = token.map(|token| (SECURITY_TOKEN, token));
        std::iter::once((ACCESS_KEY, &*self.access_key)).chain(token)
    }

    /// Begins a signature.
    #[must_use]
    pub fn begin(&self) -> Signing {
        Signing(self.keyed.clone())
    }

    /// Names the account in a request that is complete otherwise, and signs it.
    pub fn sign(&self, command: &mut RemotingCommand) {
        for (name, value) in self.fields() {
            command.ext.push((name.to_owned(), value.to_owned()));
        }
        let mut signing = self.begin();
        // The last of equal names counts.
        let sorted: BTreeMap<&str, &str> = command
            .ext
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        for value in sorted.values() {
            signing.add(value.as_bytes());
        }
        signing.add(&command.body);
        let signature = signing.end();
        let text = str::from_utf8(&signature).unwrap_or_default().to_owned();
        command.ext.push((SIGNATURE.to_owned(), text));
    }

    /// Whether a request is signed by this account.
    #[must_use]
    pub fn has_signed(&self, command: &RemotingCommand) -> bool {
        let mut again = command.clone();
        let is_ours =
            |name: &str| name == SIGNATURE || self.fields().any(|(field, _)| field == name);
        again.ext.retain(|(name, _)| !is_ours(name));
        self.sign(&mut again);
        let mut named = self.fields();
        named.all(|(name, value)| command.field(name) == Some(value))
            && again.field(SIGNATURE) == command.field(SIGNATURE)
    }
}

/// A signature being made.
#[derive(Debug, Clone)]
pub struct Signing(Hmac<Sha1>);

impl Signing {
    /// Adds what comes next.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The signature of all that was added.
    #[must_use]
    pub fn end(self) -> Signature {
        let mut text = [b'='; SIGNATURE_CHARS];
        // 20 bytes fill the text exactly.
        let _ = STANDARD.encode_slice(self.0.finalize().into_bytes(), &mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::code::RequestCode;

    fn credentials() -> Credentials {
        Credentials::new("rocketmq2", "12345678", None).unwrap()
    }

    fn signed(command: &RemotingCommand) -> Option<&str> {
        command.field(SIGNATURE)
    }

    #[test]
    fn a_request_is_signed_as_java_does() {
        let mut command = RemotingCommand::request(RequestCode::SEND_MESSAGE_V2)
            .with_field("c", "TBW102")
            .with_field("a", "PG")
            .with_field("b", "T")
            .with_body("hi");
        credentials().sign(&mut command);
        assert_eq!(command.field(ACCESS_KEY), Some("rocketmq2"));
        assert_eq!(signed(&command), Some("s+62n+D4Pn1eRkG/uDJCXt0g+aE="));
        assert!(credentials().has_signed(&command));
        let other = command.clone().with_body("ho");
        assert!(!credentials().has_signed(&other));
        let stranger = Credentials::new("rocketmq2", "87654321", None).unwrap();
        assert!(!stranger.has_signed(&command));
    }

    #[test]
    fn capitals_come_before_small_letters_and_the_last_of_equal_names_counts() {
        let of = |fields: &[(&str, &str)], token| {
            let mut command = RemotingCommand::request(RequestCode::HEART_BEAT);
            for (name, value) in fields {
                command = command.with_field(name, value);
            }
            let credentials = Credentials::new("key", "secret", token).unwrap();
            credentials.sign(&mut command);
            signed(&command).unwrap().to_owned()
        };
        let signing = |content: &str| {
            let mut signing = Credentials::new("key", "secret", None).unwrap().begin();
            signing.add(content.as_bytes());
            String::from_utf8(signing.end().to_vec()).unwrap()
        };
        assert_eq!(
            of(&[("a", "1"), ("Z", "2"), ("_", "3")], None),
            signing("key231")
        );
        assert_eq!(of(&[("a", "1"), ("a", "2")], None), signing("key2"));
        assert_eq!(of(&[("a", "1")], Some("token")), signing("keytoken1"));
    }

    #[test]
    fn a_secret_is_never_shown_and_never_empty() {
        assert!(!format!("{:?}", credentials()).contains("12345678"));
        assert!(Credentials::new("key", "", None).is_none());
        assert!(Credentials::new("", "secret", None).is_none());
        assert!(Credentials::new("key", "secret", Some("")).is_none());
    }
}
