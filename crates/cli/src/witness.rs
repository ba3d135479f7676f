//! `mainstay witness ...`: on a node, which witnesses it has; on a witness, what the binary
//! carries out.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use api::{ApiError, ErrorCode, WitnessReply, WitnessRequest, WitnessView, Witnesses, routes};
use clap::{Args, Subcommand};
use model::WitnessName;

use crate::args::ActArgs;
use crate::client::Client;
use crate::exit::Exit;
use crate::order;
use crate::screen::{Form, Screen};

/// Where a witness keeps what it has without `--dir`.
pub const DIR_DEFAULT: &str = "/var/lib/mainstay-witness";

/// Where it listens without `--listen`.
pub const LISTEN_DEFAULT: &str = "0.0.0.0:7412";

/// `witness ...`.
#[derive(Debug, Clone, Subcommand)]
pub enum WitnessCommand {
    /// On a node: let a witness vote when half of the nodes are gone
    #[command(after_help = "Examples:
  mainstay witness add east TOKEN    TOKEN is what `mainstay witness token` printed there
  mainstay witness add san --disk /dev/disk/by-id/wwn-0x5000-part1    prepared shared storage")]
    Add(AddArgs),
    /// On a node: a witness shall not vote any more
    Remove(RemoveArgs),
    /// On a node: how its witnesses are
    Status {
        /// Only this one
        name: Option<WitnessName>,
    },
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    Host(HostCommand),
}

/// What is done where the witness runs. Carried out by the binary.
#[derive(Debug, Clone, Subcommand)]
pub enum HostCommand {
    /// On the witness: run it
    Run(RunArgs),
    /// On the witness: make a token that lets one cluster use it
    Token(TokenArgs),
    /// On the witness: the clusters that it votes for
    List(DirArgs),
    /// On the witness: answer a cluster no more (its votes stay on record)
    Forget(ForgetArgs),
    /// On a node: make sectors of shared storage ready to be a disk witness
    Prepare(PrepareArgs),
}

/// `witness add`.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// What to call it
    pub name: WitnessName,
    /// The token, as `mainstay witness token` printed it
    #[arg(required_unless_present = "disk")]
    pub token: Option<String>,
    /// Shared storage that was prepared; the path must be the same on every node
    #[arg(long, value_name = "PATH", conflicts_with = "token")]
    pub disk: Option<PathBuf>,
}

/// `witness prepare`.
#[derive(Debug, Clone, Args)]
pub struct PrepareArgs {
    /// A partition, a logical volume, or for tests a file
    pub path: PathBuf,
    /// It was a witness, which has been removed from its cluster: forget what it granted
    #[arg(long)]
    pub forget: bool,
}

/// `witness remove`.
#[derive(Debug, Clone, Args)]
pub struct RemoveArgs {
    /// Which
    pub name: WitnessName,
    /// Do it without asking
    #[arg(long, short)]
    pub yes: bool,
}

/// The directory of a witness.
#[derive(Debug, Clone, Args)]
pub struct DirArgs {
    /// Where the witness keeps what it has
    #[arg(long, value_name = "DIRECTORY", env = "MAINSTAY_WITNESS_DIR", hide_env = true,
          default_value = DIR_DEFAULT)]
    pub dir: PathBuf,
}

/// `witness run`.
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub place: DirArgs,
    /// Address and port, UDP and TCP
    #[arg(long, value_name = "ADDRESS:PORT", default_value = LISTEN_DEFAULT)]
    pub listen: SocketAddr,
}

/// `witness token`.
#[derive(Debug, Clone, Args)]
pub struct TokenArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub place: DirArgs,
    /// For how long it is valid
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = model::duration::parse)]
    pub valid: Duration,
    /// Where the nodes reach this machine; without, its own addresses
    #[arg(long = "address", value_name = "ADDRESS")]
    pub addresses: Vec<IpAddr>,
}

/// `witness forget`.
#[derive(Debug, Clone, Args)]
pub struct ForgetArgs {
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap would show it as help")]
    pub place: DirArgs,
    /// Name or identity of the cluster
    pub cluster: String,
}

/// Carries out what a node is asked.
pub(crate) fn run(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    command: WitnessCommand,
) -> Result<Exit, ApiError> {
    match command {
        WitnessCommand::Add(args) => add(client, screen, form, args),
        WitnessCommand::Remove(args) => remove(client, screen, form, args),
        WitnessCommand::Status { name } => status(client, screen, form, name.as_ref()),
        WitnessCommand::Host(_) => unreachable!("handed back to the binary before"),
    }
}

fn add(client: &Client, screen: &mut Screen, form: Form, args: AddArgs) -> Result<Exit, ApiError> {
    let request = WitnessRequest {
        name: args.name,
        token: args.token,
        disk: args.disk.map(|path| path.display().to_string()),
    };
    let reply: WitnessReply = client.post(routes::WITNESSES, &request)?;
    match form {
        Form::Json => screen.print_json(&reply),
        Form::Text => {
            let place = reply.address.unwrap_or_default();
            screen.print(format_args!(
                "witness {} at {place} is known\n  next      `mainstay witness status`: it counts \
                 once all voters know that it answers\n",
                reply.name
            ));
            for note in reply.notes {
                screen.print(format_args!("note: {note}\n"));
            }
        }
    }
    Ok(Exit::Done)
}

fn remove(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    args: RemoveArgs,
) -> Result<Exit, ApiError> {
    known(client, &args.name)?;
    if form == Form::Text {
        screen.print(format_args!(
            "witness {} will not be asked any more; from then on confirmed fencing decides when \
             half of the voters are gone\n",
            args.name
        ));
    }
    let act = ActArgs {
        yes: args.yes,
        ..ActArgs::default()
    };
    order::agree(screen, form, act, None)?;
    let request = WitnessRequest {
        name: args.name,
        token: None,
        disk: None,
    };
    let reply: WitnessReply = client.post(routes::WITNESSES, &request)?;
    match form {
        Form::Json => screen.print_json(&reply),
        Form::Text => screen.print(format_args!("witness {} is removed\n", reply.name)),
    }
    Ok(Exit::Done)
}

fn known(client: &Client, name: &WitnessName) -> Result<Witnesses, ApiError> {
    let all: Witnesses = client.get(routes::WITNESSES)?;
    let is_known = |witness: &WitnessView| witness.name == name.as_str();
    match all.witnesses.iter().any(is_known) {
        true => Ok(all),
        false => Err(ErrorCode::NoSuchWitness.error(format!("there is no witness {name}"))),
    }
}

fn status(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    name: Option<&WitnessName>,
) -> Result<Exit, ApiError> {
    let mut all = match name {
        Some(name) => known(client, name)?,
        None => client.get(routes::WITNESSES)?,
    };
    all.witnesses
        .retain(|witness| name.is_none_or(|name| witness.name == name.as_str()));
    match form {
        Form::Json => screen.print_json(&all),
        Form::Text => screen.print(text(&all)),
    }
    Ok(Exit::Done)
}

fn text(all: &Witnesses) -> String {
    let mut text = format!(
        "arbiter of an even split: {}  (seen by {})\n",
        all.arbiter, all.seen_by
    );
    for witness in &all.witnesses {
        text.push_str(&one(witness));
    }
    if all.witnesses.is_empty() {
        text.push_str("  no witness is known\n");
    }
    text
}

fn one(witness: &WitnessView) -> String {
    let answers = match (witness.answers, witness.answered_ms) {
        (Some(true), _) => match witness.rtt_ms {
            Some(rtt) => format!("answers in {rtt:.1} ms"),
            None => "answers".to_string(),
        },
        (Some(false), Some(ago)) => format!("silent for {} ms", ago),
        (Some(false), None) => "has not answered yet".to_string(),
        (None, _) => "is not asked by this node".to_string(),
    };
    let mut text = format!("  {}  {}  {answers}\n", witness.name, witness.place);
    if !witness.hears.is_empty() {
        text.push_str(&format!("    hears {}\n", witness.hears.join(", ")));
    }
    if let Some(why) = &witness.why {
        text.push_str(&format!("    {why}\n"));
    }
    if let Some(granted) = &witness.granted {
        text.push_str(&format!(
            "    last vote: to {} (generation {}, term {})\n",
            granted.node, granted.generation, granted.term
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use api::GrantView;

    use super::*;

    #[test]
    fn a_witness_is_told_with_what_it_hears_and_whom_it_voted_for() {
        let all = Witnesses {
            seen_by: "alpha".to_string(),
            arbiter: "east".to_string(),
            witnesses: vec![
                WitnessView {
                    name: "east".to_string(),
                    place: "10.0.0.50:7412".to_string(),
                    answers: Some(true),
                    rtt_ms: Some(0.42),
                    hears: vec!["alpha".to_string(), "beta".to_string()],
                    granted: Some(GrantView {
                        node: "beta".to_string(),
                        generation: 1,
                        term: 4,
                    }),
                    ..WitnessView::default()
                },
                WitnessView {
                    name: "west".to_string(),
                    place: "10.0.0.51:7412".to_string(),
                    answers: Some(false),
                    answered_ms: Some(2100),
                    ..WitnessView::default()
                },
            ],
        };
        assert_eq!(
            text(&all),
            "arbiter of an even split: east  (seen by alpha)\n  \
             east  10.0.0.50:7412  answers in 0.4 ms\n    \
             hears alpha, beta\n    \
             last vote: to beta (generation 1, term 4)\n  \
             west  10.0.0.51:7412  silent for 2100 ms\n"
        );
    }
}
