//! The account a cluster with access control asks for: from a file or from the environment, never from the
//! command line, which other users of a machine can read.

use std::path::Path;

use crate::protocol::signature::Credentials;

/// Variables of account, secret and token.
const VARIABLES: [&str; 3] = [
    "RMQ_BENCH_ACCESS_KEY",
    "RMQ_BENCH_SECRET_KEY",
    "RMQ_BENCH_SECURITY_TOKEN",
];
/// The same in a file, as RocketMQ's own tools name them.
const NAMES: [&str; 3] = ["accessKey", "secretKey", "securityToken"];

/// The account in `file`, else the one in the environment; `None` where there is none.
///
/// # Errors
/// What is wrong with it, in words that do not contain it.
pub(super) fn load(file: Option<&Path>) -> Result<Option<Credentials>, String> {
    match file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                format!("cannot read --credentials {}: {error}", path.display())
            })?;
            let parts = NAMES.map(|name| value_in(&text, name).map(str::to_owned));
            let whence = format!("--credentials {}", path.display());
            account(parts, NAMES, &whence).map(Some)
        }
        None => of_environment(|name| std::env::var(name).ok()),
    }
}

/// Where the account comes from, in words without it; `None` where there is none.
pub(super) fn whence(file: Option<&Path>) -> Option<String> {
    match file {
        Some(path) => Some(format!("the account: --credentials {}", path.display())),
        None => std::env::var_os(VARIABLES[0])
            .filter(|value| !value.is_empty())
            .map(|_| {
                format!(
                    "the account: {}, or --credentials",
                    VARIABLES[..2].join(", ")
                )
            }),
    }
}

fn of_environment(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Credentials>, String> {
    let parts = VARIABLES.map(|name| lookup(name).filter(|value| !value.is_empty()));
    if parts.iter().all(Option::is_none) {
        return Ok(None);
    }
    account(parts, VARIABLES, "the environment").map(Some)
}

fn account(
    [access_key, secret_key, token]: [Option<String>; 3],
    [access, secret, _]: [&str; 3],
    whence: &str,
) -> Result<Credentials, String> {
    let lacks =
        |name: &str| format!("{whence} lacks {name}: an account has both {access} and {secret}");
    let access_key = access_key.ok_or_else(|| lacks(access))?;
    let secret_key = secret_key.ok_or_else(|| lacks(secret))?;
    Credentials::new(&access_key, &secret_key, token.as_deref())
        .ok_or_else(|| format!("{whence} has an empty value"))
}

/// The value behind `name: ` or `name=` on a line of its own, quotes taken off.
fn value_in<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix(name)?.trim_start();
        let value = rest.strip_prefix([':', '='])?.trim();
        let bare = value.trim_matches(['"', '\'']);
        (!bare.is_empty()).then_some(bare)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(credentials: &Credentials) -> Vec<(&'static str, String)> {
        let fields = credentials.fields();
        fields
            .map(|(name, value)| (name, value.to_owned()))
            .collect()
    }

    #[test]
    fn a_file_may_be_that_of_rocketmq_s_tools() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tools.yml");
        std::fs::write(
            &file,
            "# tools\naccessKey: \"rocketmq2\"\nsecretKey=12345678\n",
        )
        .unwrap();
        let found = load(Some(&file)).unwrap().unwrap();
        assert_eq!(names_of(&found), [("AccessKey", "rocketmq2".to_owned())]);
        std::fs::write(&file, "accessKey: rocketmq2\nsecretKey:\n").unwrap();
        let error = load(Some(&file)).unwrap_err();
        assert!(error.contains("lacks secretKey"), "{error}");
        assert!(
            load(Some(&folder.path().join("none")))
                .unwrap_err()
                .contains("cannot read")
        );
    }

    #[test]
    fn the_environment_has_both_or_none() {
        assert_eq!(of_environment(|_| None), Ok(None));
        let all = |name: &str| Some(format!("value of {name}"));
        let found = of_environment(all).unwrap().unwrap();
        assert_eq!(names_of(&found).len(), 2);
        let half = |name: &str| (name == "RMQ_BENCH_SECRET_KEY").then(|| "hidden".to_owned());
        let error = of_environment(half).unwrap_err();
        assert!(error.contains("RMQ_BENCH_ACCESS_KEY") && !error.contains("hidden"));
    }
}
