//! How a cluster is reached: name servers, account and certificates, the same for every command.

use super::exit::Exit;
use super::failure::Failure;
use super::options::{REACH, ReachArgs};
use super::produce::process_environment;
use super::{credentials, message, tls};
use crate::client::ClientConfig;
use crate::config::{RunPlan, Sources, Target, resolve};

/// Settings of a client of the cluster that options and environment name.
pub(super) fn client(args: &ReachArgs) -> Result<ClientConfig, Failure> {
    let mut environment = process_environment();
    environment.retain(|key, _| REACH.contains(key));
    let plan = resolve(&Sources {
        profile: None,
        environment,
        command_line: args.given.clone(),
    })?;
    if let Target::Embedded(_) = plan.target {
        return Err(Failure {
            exit: Exit::Usage,
            error: "no cluster is named, and there is no embedded one to ask".to_owned(),
            hint: Some("give --namesrv HOST:PORT, or set RMQ_BENCH_NAMESRV or NAMESRV_ADDR".into()),
        });
    }
    for note in &plan.notes {
        message::note(note);
    }
    let mut client = plan.client.clone();
    secure(&mut client, &plan)?;
    Ok(client)
}

/// Reads the certificates and the account a plan names.
pub(super) fn secure(client: &mut ClientConfig, plan: &RunPlan) -> Result<(), Failure> {
    let usage = |error: String, hint: &'static str| Failure {
        exit: Exit::Usage,
        error,
        hint: Some(hint.into()),
    };
    if let Some(tls) = &plan.tls {
        let hint = "--tls-ca, --tls-cert and --tls-key name files in PEM form";
        client.transport.tls = Some(tls::load(tls).map_err(|error| usage(error, hint))?);
    }
    let hint = "give the file lines like accessKey: name and secretKey: secret";
    let account = credentials::load(plan.credentials.as_deref());
    client.credentials = account.map_err(|error| usage(error, hint))?;
    Ok(())
}
