//! What people see and may force when half of the voters are gone, in words.

use std::collections::BTreeSet;
use std::time::Duration;

use api::quorum::{FORCE_CONFIRMATION, ForceReply, ForceRequest, QuorumStatus, VoterStatus};
use api::{ApiError, ErrorCode};
use model::{Instant, NodeId, NodeName, UserName};
use node::{ForceRefused, QuorumView, VoterView};
use quorum::half::{Leadership, Standing, Waits};
use raft::Arbiter;

use super::control::Control;

/// Without quorum for so long, the journal says why: longer than any election and any forced
/// change that goes well.
const JOURNAL_AFTER: Duration = Duration::from_secs(5);

/// A wait that changes is told as often at most: attempts to fence follow each other at such
/// distances, and a journal is read later.
const JOURNAL_EVERY: Duration = Duration::from_secs(30);

/// What the journal was told of a quorum that is missing.
#[derive(Debug, Default)]
pub struct Journal {
    since: Option<Instant>,
    told: Option<(Instant, String)>,
}

impl Control {
    /// Says once what this node waits for while there is no quorum, and what helps.
    pub fn journal_quorum(&mut self, now: Instant) {
        let view = self.node.quorum_view(now);
        if view.leadership == Leadership::Quorate || view.voters.is_empty() {
            self.quorum_journal = Journal::default();
            return;
        }
        let since = *self.quorum_journal.since.get_or_insert(now);
        let told = &self.quorum_journal.told;
        let rests = told
            .as_ref()
            .is_some_and(|(at, _)| now < *at + JOURNAL_EVERY);
        if rests || now < since + JOURNAL_AFTER {
            return;
        }
        let mut words = self.lies_in_words();
        words.extend(self.quorum_warnings());
        let words = words.join("; ");
        let is_known = told.as_ref().is_some_and(|(_, known)| *known == words);
        if words.is_empty() || is_known {
            return;
        }
        tracing::warn!("no quorum: {words}");
        self.quorum_journal.told = Some((now, words));
    }

    /// How this node stands towards the other voters.
    pub fn quorum_status(&self) -> QuorumStatus {
        let now = host::clock::now();
        let view = self.node.quorum_view(now);
        let leader = self.node.boundary(now).leader;
        let voter = |(id, how): &(NodeId, VoterView)| VoterStatus {
            name: self.name_of(*id),
            state: word(*how).to_string(),
        };
        let mut voters: Vec<VoterStatus> = view.voters.iter().map(voter).collect();
        voters.sort_by(|one, other| one.name.cmp(&other.name));
        QuorumStatus {
            seen_by: self.identity.name.to_string(),
            quorate: view.leadership == Leadership::Quorate,
            leader: leader.map(|id| self.name_of(id)),
            generation: view.lineage.generation,
            made_by: self.name_of(view.lineage.maker),
            majority: view.voters.len() / 2 + 1,
            voters,
            arbiters: view.arbiters.iter().map(|a| self.arbiter(a)).collect(),
            standing: view.standing == Standing::Proven,
            ping_targets: self.ping_targets(now),
            waits: self.waits_in_words(&view),
            help: self.help(&view),
        }
    }

    /// What a person should know of quorum at a glance, for `status` and the journal.
    pub fn quorum_warnings(&self) -> Vec<String> {
        let view = self.node.quorum_view(host::clock::now());
        if view.leadership == Leadership::Quorate {
            return self.silent_witnesses();
        }
        let mut all = self.waits_in_words(&view);
        all.extend(self.help(&view));
        all
    }

    /// Devices that this node has found lying, and the log does not know yet.
    pub fn lies_in_words(&self) -> Vec<String> {
        let lies = self.node.lies().iter();
        lies.map(|(device, lie)| {
            let node = &lie.node;
            format!(
                "fence device {device} confirmed that {node} was off, and it lives: nothing was \
                 decided on it, and this node does not believe the device any more"
            )
        })
        .collect()
    }

    /// What a person can do so that there is a quorum again.
    pub fn quorum_help(&self) -> Option<String> {
        self.help(&self.node.quorum_view(host::clock::now()))
    }

    fn name_of(&self, id: NodeId) -> String {
        let name = self.topology.names.get(&id);
        name.map_or_else(|| format!("node {id}"), ToString::to_string)
    }

    fn names(&self, ids: &BTreeSet<NodeId>) -> String {
        let names: Vec<String> = ids.iter().map(|id| self.name_of(*id)).collect();
        names.join(" and ")
    }

    fn arbiter(&self, arbiter: &Arbiter) -> String {
        let id = match arbiter {
            Arbiter::Fence => return "fencing".to_string(),
            Arbiter::Witness(id) | Arbiter::Disk(id) => *id,
        };
        let witnesses = &self.node.state().seen().witnesses;
        let found = witnesses.iter().find(|(_, seen)| seen.id == id);
        found.map_or_else(
            || format!("removed witness {id}"),
            |(name, _)| format!("witness {name}"),
        )
    }

    /// Voters of whom nothing is heard, by name.
    fn missing(&self, view: &QuorumView) -> Vec<String> {
        let silent = view.voters.iter().filter(|(_, how)| match how {
            VoterView::Lost | VoterView::Unknown => true,
            VoterView::Here | VoterView::Heard | VoterView::DaemonDown => false,
        });
        silent.map(|(id, _)| self.name_of(*id)).collect()
    }

    fn help(&self, view: &QuorumView) -> Option<String> {
        let missing = self.missing(view);
        let needs_person = view.waits.iter().any(|wait| match wait {
            Waits::NoStanding
            | Waits::NotHalf { .. }
            | Waits::OddVoters { .. }
            | Waits::NoDevice { .. }
            | Waits::FenceFailed { .. }
            | Waits::TooManyFences { .. }
            | Waits::Outdated { .. }
            | Waits::Refused { .. } => true,
            Waits::Peers { .. } => view.standing == Standing::Unproven,
            Waits::Nothing
            | Waits::NoVoter
            | Waits::Candidate { .. }
            | Waits::LogEnds { .. }
            | Waits::Maintenance
            | Waits::Race { .. }
            | Waits::Reach { .. }
            | Waits::Fencing { .. }
            | Waits::Watchdog { .. }
            | Waits::Arbiter { .. }
            | Waits::Preference { .. }
            | Waits::Election { .. } => false,
        });
        (needs_person && !missing.is_empty()).then(|| {
            let (start, force) = (missing.join(" and "), missing.join(","));
            let are = if missing.len() == 1 { "is" } else { "are" };
            format!(
                "start {start}, or `mainstay quorum force --lost {force}` if {start} {are} off for good"
            )
        })
    }

    fn waits_in_words(&self, view: &QuorumView) -> Vec<String> {
        let me = &self.identity.name;
        let missing = self.missing(view).join(" and ");
        let is_alone = !missing.is_empty() && view.standing == Standing::Unproven;
        let started =
            format!("{me} started alone; it cannot know whether {missing} went on without it");
        let mut words: Vec<String> = view.waits.iter().filter_map(|w| self.wait(w)).collect();
        if is_alone && view.leadership == Leadership::Absent {
            words.retain(|word| !word.is_empty());
            words.insert(0, started);
        }
        words
    }

    /// One wait in words; none where there is nothing to say.
    fn wait(&self, wait: &Waits) -> Option<String> {
        let name = |id: &NodeId| self.name_of(*id);
        Some(match wait {
            Waits::Nothing | Waits::NoStanding => return None,
            Waits::OddVoters { here, voters } | Waits::NotHalf { here, voters } => format!(
                "{here} of {voters} voters are here: what the others agreed on may be missing, so nothing is decided"
            ),
            Waits::NoVoter => format!("{} does not vote", self.identity.name),
            Waits::Peers {
                unknown,
                daemon_down,
            } => match (unknown.is_empty(), daemon_down.is_empty()) {
                (_, true) => format!(
                    "it is not known yet whether {} is lost",
                    self.names(unknown)
                ),
                (true, false) => format!("the daemon of {} is closed", self.names(daemon_down)),
                (false, false) => format!(
                    "{} not heard yet, the daemon of {} is closed",
                    self.names(unknown),
                    self.names(daemon_down)
                ),
            },
            Waits::Candidate { node } => format!("{} acts for this half", name(node)),
            Waits::LogEnds { .. } => {
                "it is not known yet whose log of this half is the longest".to_string()
            }
            Waits::Maintenance => "nobody is fenced in maintenance".to_string(),
            Waits::Race { .. } => "the other half runs more, and may fence first".to_string(),
            Waits::Reach { .. } => {
                "no ping target answers this node, so the other half may fence first".to_string()
            }
            Waits::Fencing { target, .. } => format!("{} is being fenced", name(target)),
            Waits::FenceFailed { target, times, .. } => {
                format!(
                    "fencing {} has failed {times} times; it is tried again",
                    name(target)
                )
            }
            Waits::NoDevice { target } => {
                format!("no fence device can prove that {} is off", name(target))
            }
            Waits::TooManyFences { target } => {
                format!("{} was fenced too often within an hour", name(target))
            }
            Waits::Watchdog { target, .. } => {
                format!("the watchdog of {} is waited out", name(target))
            }
            Waits::Arbiter { arbiter, .. } => {
                format!("{} has not answered yet", self.arbiter(arbiter))
            }
            Waits::Preference { arbiter, .. } => {
                let arbiter = self.arbiter(arbiter);
                format!("{arbiter} lets the half go first that runs more")
            }
            Waits::Refused { arbiter, to, .. } => {
                let (arbiter, to) = (self.arbiter(arbiter), name(to));
                format!("{arbiter} has voted for the half with {to}")
            }
            Waits::Outdated { arbiter } => {
                format!(
                    "{} knows a newer history than this node",
                    self.arbiter(arbiter)
                )
            }
            Waits::Election { .. } => "the change is being voted on".to_string(),
        })
    }

    /// A person wants this node to go on without others.
    pub fn force_quorum(
        &mut self,
        request: &ForceRequest,
        by: UserName,
    ) -> Result<ForceReply, ApiError> {
        let name = |text: &String| {
            NodeName::new(text).map_err(|error| {
                ErrorCode::NoSuchNode.error(format!("`{text}` is no name of a node: {error}"))
            })
        };
        let lost = request
            .lost
            .iter()
            .map(name)
            .collect::<Result<BTreeSet<_>, _>>()?;
        let now = host::clock::now();
        self.node.check_force(&lost, now).map_err(refused)?;
        let reply = ForceReply {
            notes: self.risks(&lost),
            lost: lost.iter().map(ToString::to_string).collect(),
            begun: !request.dry_run,
        };
        if request.dry_run {
            return Ok(reply);
        }
        if request.confirm.as_deref() != Some(FORCE_CONFIRMATION) {
            return Err(ErrorCode::ConfirmationMissing.error(format!(
                "`quorum force` needs the word `{FORCE_CONFIRMATION}` as `confirm`"
            )));
        }
        tracing::warn!(
            "{by} forces this node to go on without {}",
            reply.lost.join(" and ")
        );
        self.node.handle_force(lost, by, now).map_err(refused)?;
        Ok(reply)
    }

    fn risks(&self, lost: &BTreeSet<NodeName>) -> Vec<String> {
        let view = self.node.quorum_view(host::clock::now());
        let names = view.voters.iter().map(|(id, _)| self.name_of(*id));
        let others: Vec<String> = names
            .filter(|name| *name != self.identity.name.as_str())
            .filter(|name| lost.iter().all(|lost| lost.as_str() != name))
            .collect();
        risks(self.identity.name.as_str(), lost, &others)
    }
}

/// What a person must know before `me` goes on without `lost`, and with `others`.
fn risks(me: &str, lost: &BTreeSet<NodeName>, others: &[String]) -> Vec<String> {
    let names: Vec<String> = lost.iter().map(ToString::to_string).collect();
    let list = names.join(" and ");
    let mut all = vec![
        format!("{me} goes on without {list}, under a new history"),
        format!(
            "what only {list} knew is gone: orders, changes of the configuration, and where services ran"
        ),
        format!(
            "{list} must be off, and stay off until {me} is reached: what runs there would run twice"
        ),
        "whoever returns sets its own log aside and follows".to_string(),
    ];
    if !others.is_empty() {
        let others = others.join(" and ");
        let names = names.join(",");
        all.push(format!(
            "{others} must agree; what has just started there cannot: then type `mainstay quorum force --lost {names}` on {others} too"
        ));
    }
    all
}

fn word(how: VoterView) -> &'static str {
    match how {
        VoterView::Here => "here",
        VoterView::Heard => "heard",
        VoterView::DaemonDown => "daemon-down",
        VoterView::Lost => "lost",
        VoterView::Unknown => "unknown",
    }
}

fn refused(error: ForceRefused) -> ApiError {
    let code = match &error {
        ForceRefused::NotAVoter(_) | ForceRefused::WrongNames => ErrorCode::NoSuchNode,
        ForceRefused::TooEarly => ErrorCode::Busy,
        ForceRefused::Heard(_) => ErrorCode::StillHeard,
        ForceRefused::NotNamed(_) => ErrorCode::OthersMissing,
        ForceRefused::Quorate { .. } | ForceRefused::NoVoterHere | ForceRefused::Log(_) => {
            ErrorCode::NothingToForce
        }
    };
    code.error(error.to_string())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn told(others: &[&str]) -> String {
        let lost = ["gamma", "delta"].map(|name| NodeName::new(name).unwrap());
        let others: Vec<String> = others.iter().map(ToString::to_string).collect();
        risks("alpha", &lost.into(), &others).join("\n")
    }

    #[test]
    fn several_that_are_left_are_told_that_each_may_have_to_be_asked() {
        expect![[r#"
            alpha goes on without delta and gamma, under a new history
            what only delta and gamma knew is gone: orders, changes of the configuration, and where services ran
            delta and gamma must be off, and stay off until alpha is reached: what runs there would run twice
            whoever returns sets its own log aside and follows
            beta must agree; what has just started there cannot: then type `mainstay quorum force --lost delta,gamma` on beta too"#]].assert_eq(&told(&["beta"]));
        assert_eq!(told(&[]).lines().count(), 4);
    }
}
