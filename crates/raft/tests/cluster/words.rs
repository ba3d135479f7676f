//! Outputs and messages in words. Nodes are letters: node 1 is `a`.

use model::{Lineage, NodeId};
use raft::{Output, Role};
use wire::raft::{
    AppendOutcome, Body, Configuration, Entry, Message, Payload, SnapshotMeta, Verdict, VoteReason,
};

/// A longer command is told by its size.
const WORD_MAX: usize = 40;

pub fn name(id: NodeId) -> String {
    char::from(b'a' + (id.0 as u8).saturating_sub(1)).to_string()
}

pub fn id(name: &str) -> NodeId {
    let letter = name.bytes().next().expect("a letter");
    assert!(
        name.len() == 1 && letter.is_ascii_lowercase(),
        "`{name}` is no node"
    );
    NodeId(u64::from(letter - b'a') + 1)
}

pub fn role(role: Role) -> &'static str {
    match role {
        Role::Follower => "follows",
        Role::PreCandidate => "asks for an election",
        Role::Candidate => "campaigns",
        Role::Leader => "leads",
    }
}

pub fn names(ids: impl IntoIterator<Item = NodeId>) -> String {
    ids.into_iter().map(name).collect::<Vec<_>>().join(" ")
}

pub fn members(configuration: &Configuration) -> String {
    let voters = names(configuration.voters.iter().copied());
    if voters.is_empty() {
        return "no members".to_string();
    }
    if configuration.learners.is_empty() {
        return format!("voters {voters}");
    }
    format!(
        "voters {voters}, learners {}",
        names(configuration.learners.iter().copied())
    )
}

pub fn entry(entry: &Entry) -> String {
    let what = match &entry.payload {
        Payload::Empty => "-".to_string(),
        Payload::Command(data) if WORD_MAX < data.len() => format!("({} bytes)", data.len()),
        Payload::Command(data) => String::from_utf8_lossy(data).into_owned(),
        Payload::Voters(configuration) => format!("[{}]", members(configuration)),
        Payload::Forced(forced) => {
            let made = lineage(forced.lineage);
            format!("[forced: {}, {made}]", members(&forced.configuration))
        }
    };
    format!("{}.{} {what}", entry.index, entry.term)
}

pub fn lineage(lineage: Lineage) -> String {
    format!("history {} of {}", lineage.generation, name(lineage.maker))
}

pub fn entries(list: &[Entry]) -> String {
    list.iter().map(entry).collect::<Vec<_>>().join(", ")
}

pub fn output(id: NodeId, output: &Output) -> Option<String> {
    let me = name(id);
    match output {
        Output::Send(_) | Output::Persist(_) => None,
        Output::Committed(list) => Some(format!("{me} applies {}", entries(list))),
        Output::RestoreSnapshot(meta, _) => Some(format!(
            "{me} restores a snapshot at {}.{}, {}",
            meta.index,
            meta.term,
            members(&meta.configuration)
        )),
        Output::RoleChanged {
            role: now,
            term,
            leader,
        } => Some(match (now, leader) {
            (Role::Follower, Some(leader)) => {
                format!("{me} follows {} in term {term}", name(*leader))
            }
            (Role::Follower, None) => format!("{me} follows nobody in term {term}"),
            (Role::PreCandidate | Role::Candidate | Role::Leader, _) => {
                format!("{me} {} in term {term}", role(*now))
            }
        }),
        Output::ReadReady { context, index } => {
            Some(format!("{me} may serve read {context} at {index}"))
        }
        Output::ReadFailed { context } => Some(format!("{me} cannot serve read {context}")),
        Output::LineageMismatch { peer, theirs } => Some(format!(
            "{me} drops a message of {}: {}",
            name(*peer),
            lineage(*theirs)
        )),
        Output::Forced { lineage: made } => Some(format!("{me} has made {}", lineage(*made))),
        Output::Superseded { by, lineage: newer } => Some(format!(
            "{me} meets {}: {}, which is newer",
            name(*by),
            lineage(*newer)
        )),
    }
}

pub fn message(message: &Message) -> String {
    let path = format!("{} -> {}", name(message.from), name(message.to));
    format!("{path}  term {}: {}", message.term, body(&message.body))
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Granted => "yes",
        Verdict::Refused => "no",
    }
}

fn body(body: &Body) -> String {
    match body {
        Body::PreVote {
            proposed_term,
            last_index,
            last_term,
        } => {
            let end = format!("log ends at {last_index}.{last_term}");
            format!("would you vote for me in {proposed_term}? {end}")
        }
        Body::PreVoteReply {
            proposed_term,
            verdict: answer,
        } => {
            format!("{} for {proposed_term}", verdict(*answer))
        }
        Body::Vote {
            last_index,
            last_term,
            reason,
        } => {
            format!(
                "vote for me; log ends at {last_index}.{last_term}{}",
                why(reason)
            )
        }
        Body::VoteReply { verdict: answer } => format!("vote {}", verdict(*answer)),
        Body::Append {
            prev_index,
            prev_term,
            entries: list,
            commit,
            ..
        } => {
            let list = or_nothing(list);
            format!("after {prev_index}.{prev_term}: {list} (commit {commit})")
        }
        Body::AppendReply { outcome, .. } => append_reply(*outcome),
        Body::Heartbeat {
            commit,
            read_round: 0,
            ..
        } => format!("heartbeat (commit {commit})"),
        Body::Heartbeat {
            commit, read_round, ..
        } => {
            format!("heartbeat (commit {commit}, read round {read_round})")
        }
        Body::HeartbeatReply { read_round: 0, .. } => "heard".to_string(),
        Body::HeartbeatReply { read_round, .. } => format!("heard (read round {read_round})"),
        Body::SnapshotChunk {
            meta,
            offset,
            data,
            last,
        } => snapshot_chunk(meta, *offset..offset + data.len() as u64, *last),
        Body::SnapshotReply { index, received } => {
            format!("snapshot at {index}: {received} bytes arrived")
        }
        Body::TimeoutNow => "campaign now".to_string(),
        Body::ReadIndex { .. } => "may I read?".to_string(),
        Body::ReadIndexReply {
            index: Some(index), ..
        } => format!("read at {index}"),
        Body::ReadIndexReply { index: None, .. } => "cannot say where to read".to_string(),
        Body::Outdated => "your term is over".to_string(),
    }
}

fn or_nothing(list: &[Entry]) -> String {
    if list.is_empty() {
        return "nothing".to_string();
    }
    entries(list)
}

fn snapshot_chunk(meta: &SnapshotMeta, bytes: std::ops::Range<u64>, last: bool) -> String {
    let mark = if last { ", the end" } else { "" };
    let (start, end) = (bytes.start, bytes.end);
    format!(
        "snapshot at {}.{}: bytes {start}..{end}{mark}",
        meta.index, meta.term
    )
}

fn why(reason: &VoteReason) -> String {
    match reason {
        VoteReason::LeaderGone => String::new(),
        VoteReason::Transfer => ", the leader wants it".to_string(),
        VoteReason::Forced(forcing) => format!(
            ", without {}, for {}",
            names(forcing.excused.iter().copied()),
            lineage(forcing.lineage)
        ),
    }
}

fn append_reply(outcome: AppendOutcome) -> String {
    match outcome {
        AppendOutcome::Matched { index } => format!("on disk up to {index}"),
        AppendOutcome::Rejected {
            prev_index,
            hint_index,
            hint_term,
        } => {
            format!("{prev_index} does not fit, try {hint_index}.{hint_term}")
        }
    }
}
