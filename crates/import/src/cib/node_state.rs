//! `<node_state>`: whether a node is there, and whether what it ran may still run.

use planner::arrange::{NodeIx, NodeObserved, NodeState};

use super::draft::Draft;
use super::nodes::{node_of, states};
use super::source::Xml;
use super::values;

/// What the cluster's layers say of a node.
struct Reported {
    /// Whether the membership layer has it; none: it never said.
    in_membership: Option<bool>,
    /// When it came into the membership, where that is told.
    member_since: Option<i64>,
    /// Whether its daemon answers.
    is_daemon_online: bool,
    join: Join,
    /// What its join is to become.
    is_expected: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    Member,
    Down,
    Pending,
    Banned,
    /// None that should be there.
    Odd,
}

pub(super) fn read(draft: &mut Draft<'_>) {
    let fencing = draft.options.fencing();
    let fences_unseen = fencing && draft.options.truth("startup-fencing", true);
    for node in &mut draft.observed.nodes {
        let is_member = node.attributes.get("#kind").map(String::as_str) == Some("cluster");
        node.unclean = fences_unseen && is_member;
        from_attributes(node);
    }
    for state in states(draft) {
        let Some(NodeIx(i)) = node_of(draft, state) else {
            if is_remote(state) {
                continue;
            }
            let name = state.attribute("uname").unwrap_or("a node");
            draft.note(state, format!("{name} has a state and is not configured"));
            continue;
        };
        if is_remote(state) {
            draft.observed.nodes[i].seen = true;
            continue;
        }
        let reported = reported(state);
        let limit = draft.options.node_pending_timeout();
        let waits_too_long = limit
            .zip(draft.now)
            .is_some_and(|(limit, now)| reported.waits_longer(limit, now.0));
        let node = &mut draft.observed.nodes[i];
        node.seen = reported.in_membership.is_some() || !fencing;
        if fencing {
            with_fencing(node, &reported, waits_too_long);
        } else {
            without_fencing(node, &reported);
        }
    }
}

/// Whether it is the state of a node that is no member, but reached through a resource.
pub(super) fn is_remote(state: Xml<'_>) -> bool {
    let word = state.attribute("remote_node");
    word.is_some_and(|word| values::truth(word) == Some(true))
}

/// What attributes say of a node.
pub(super) fn from_attributes(node: &mut NodeObserved) {
    let truth = |name: &str| {
        let text = node.attributes.get(name);
        text.and_then(|text| values::truth(text)).unwrap_or(false)
    };
    let since = |name: &str| {
        let text = node.attributes.get(name).map(String::as_str);
        text.is_some_and(|text| !["", "0", "false"].contains(&text))
    };
    (node.standby, node.maintenance) = (truth("standby"), truth("maintenance"));
    (node.shutdown, node.asked_to_fence) = (since("shutdown"), since("terminate"));
}

fn reported(state: Xml<'_>) -> Reported {
    let since = |text: &str| values::integer(text).filter(|at| 1 < *at);
    let member = state.attribute("in_ccm");
    let daemon = state.attribute("crmd").unwrap_or("offline");
    Reported {
        in_membership: member
            .map(|text| since(text).is_some() || values::truth(text) == Some(true)),
        member_since: member.and_then(since),
        is_daemon_online: daemon == "online" || since(daemon).is_some(),
        join: match state.attribute("join") {
            Some("member") => Join::Member,
            Some("down") => Join::Down,
            Some("pending") => Join::Pending,
            Some("banned") => Join::Banned,
            _ => Join::Odd,
        },
        is_expected: state.attribute("expected").unwrap_or("down") != "down",
    }
}

impl Reported {
    /// Whether it is in the membership for so many seconds and its daemon never came.
    fn waits_longer(&self, limit: u64, now: i64) -> bool {
        let since = self.member_since.filter(|_| !self.is_daemon_online);
        since.is_some_and(|since| limit <= u64::try_from(now.saturating_sub(since)).unwrap_or(0))
    }
}

fn with_fencing(node: &mut NodeObserved, reported: &Reported, waits_too_long: bool) {
    let is_member = reported.in_membership == Some(true);
    let is_online = reported.is_daemon_online;
    let (state, unclean) = if node.shutdown {
        (online_if(is_online), false)
    } else if reported.in_membership.is_none() {
        (NodeState::Offline, true)
    } else if reported.join == Join::Banned || waits_too_long {
        (online_if(is_member), true)
    } else if !reported.is_expected && !node.asked_to_fence {
        let comes = is_member || is_online;
        (
            if comes {
                NodeState::Pending
            } else {
                NodeState::Offline
            },
            false,
        )
    } else if node.asked_to_fence && reported.join == Join::Down && !is_member && !is_online {
        // It was fenced just now.
        node.asked_to_fence = false;
        (NodeState::Offline, false)
    } else if !is_member || !is_online || node.asked_to_fence {
        (online_if(is_member), true)
    } else {
        match reported.join {
            Join::Member => (NodeState::Online, false),
            Join::Down | Join::Pending => (NodeState::Pending, false),
            Join::Banned | Join::Odd => (NodeState::Online, true),
        }
    };
    (node.state, node.unclean) = (state, unclean);
}

fn without_fencing(node: &mut NodeObserved, reported: &Reported) {
    node.unclean = false;
    node.state = NodeState::Offline;
    if reported.in_membership != Some(true) {
        return;
    }
    if reported.is_daemon_online {
        node.state = match reported.join {
            Join::Member => NodeState::Online,
            Join::Down | Join::Pending | Join::Banned | Join::Odd => NodeState::Offline,
        };
    } else {
        node.unclean = !node.shutdown && reported.is_expected;
    }
}

fn online_if(is_online: bool) -> NodeState {
    if is_online {
        NodeState::Online
    } else {
        NodeState::Offline
    }
}
