//! Name server addresses: `host:port`, several separated by `;` or `,`, also as `http://host:port` (R17).

use std::fmt;
use std::str::FromStr;

use super::ValueError;
use crate::client::namesrv::without_scheme;

/// At least one `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamesrvList(pub Vec<String>);

fn check(address: &str) -> Result<(), ValueError> {
    let refuse = |reason: String| Err(ValueError::new(format!("`{address}` {reason}")));
    if address.contains("://") {
        return refuse("is a URL: write host:port only".to_owned());
    }
    // The port is behind the last colon, unless that one belongs to an IPv6 address.
    let split = address
        .rsplit_once(':')
        .filter(|(_, port)| !port.contains(']'));
    let Some((host, port)) = split else {
        return refuse("has no port: add :9876".to_owned());
    };
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return refuse("is ambiguous: write an IPv6 address in brackets, [::1]:9876".to_owned());
    }
    if host.is_empty() || host.chars().any(char::is_whitespace) {
        return refuse("has no host in front of the port".to_owned());
    }
    match port.parse::<u16>() {
        Ok(1..) => Ok(()),
        _ => refuse(format!("has no valid port: `{port}` is not 1 to 65535")),
    }
}

impl FromStr for NamesrvList {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let addresses: Vec<String> = text
            .split([';', ','])
            .map(str::trim)
            .filter(|address| !address.is_empty())
            .map(|address| without_scheme(address).to_owned())
            .collect();
        if addresses.is_empty() {
            return Err(ValueError::new("no name server is named"));
        }
        addresses.iter().try_for_each(|address| check(address))?;
        Ok(Self(addresses))
    }
}

impl fmt::Display for NamesrvList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R17.
    #[test]
    fn lists_are_split_and_written_with_semicolons() {
        for (text, written) in [
            ("127.0.0.1:9876", "127.0.0.1:9876"),
            ("a:1;b:65535", "a:1;b:65535"),
            ("a:1, b:2 ;", "a:1;b:2"),
            ("[::1]:9876", "[::1]:9876"),
            ("http://MQ_INST_a_b.x:80;b:1", "MQ_INST_a_b.x:80;b:1"),
        ] {
            assert_eq!(
                text.parse::<NamesrvList>().expect(text).to_string(),
                written
            );
        }
    }

    #[test]
    fn wrong_addresses_say_what_to_add() {
        for (text, part) in [
            ("localhost", "add :9876"),
            ("[::1]", "add :9876"),
            ("::1", "brackets"),
            ("host:0", "1 to 65535"),
            ("host:70000", "1 to 65535"),
            ("host:", "1 to 65535"),
            (":9876", "no host"),
            ("https://host:9876", "URL"),
            ("", "no name server"),
            (" ; ", "no name server"),
            ("good:9876;bad", "`bad` has no port"),
        ] {
            let error = text.parse::<NamesrvList>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
