//! Messages and events in short, for those who read a run step by step.

use node::PeerMessage;
use wire::raft::{Body, Entry, Payload};

use crate::form::node_name;
use crate::world::Event;

pub(crate) fn of_event(event: &Event, word: &str) -> String {
    match event {
        Event::Message { from, message, .. } => {
            format!("from {}: {}", node_name(*from), of_message(message))
        }
        Event::Heartbeat {
            heartbeat, link, ..
        } => {
            let from = node_name(heartbeat.header.origin.node);
            format!("{word} from {from} over network {}", link.0)
        }
        Event::Begun { operation, .. }
        | Event::CameUp { operation, .. }
        | Event::Ended { operation, .. } => {
            format!("{word}: {} {}", operation.verb, operation.address)
        }
        Event::Written { seq, .. } => format!("disk: order {} is carried out", seq.0),
        Event::Refused { by, .. } => format!("{word} by {}", node_name(*by)),
        Event::GaveWay { .. }
        | Event::Failed { .. }
        | Event::Strike { .. }
        | Event::Told { .. }
        | Event::Boot { .. }
        | Event::StartDaemon { .. }
        | Event::Trap { .. }
        | Event::Pings
        | Event::WitnessTrap
        | Event::WitnessStart
        | Event::Asked { .. }
        | Event::WitnessWritten { .. }
        | Event::Granted { .. }
        | Event::Echoes
        | Event::Measures
        | Event::DiskPoll { .. }
        | Event::DiskDone { .. }
        | Event::DiskTime { .. }
        | Event::DiskTorn { .. }
        | Event::PillOver { .. }
        | Event::Dog { .. }
        | Event::Locker { .. }
        | Event::DogNews { .. }
        | Event::Outlive { .. }
        | Event::Resume { .. }
        | Event::Wake { .. }
        | Event::Act { .. }
        | Event::Mend => word.to_string(),
    }
}

fn of_message(message: &PeerMessage) -> String {
    match message {
        PeerMessage::Raft(message) => {
            let mut words = format!("term {} ", message.term);
            words.push_str(&of_body(&message.body));
            words
        }
        PeerMessage::Proposal { command, .. } => format!("proposes {}", of_command(command)),
        other => short(&format!("{other:?}")),
    }
}

fn of_body(body: &Body) -> String {
    match body {
        Body::Append {
            prev_index,
            entries,
            commit,
            ..
        } => {
            let entries: Vec<String> = entries.iter().map(of_entry).collect();
            format!(
                "append after {prev_index}, committed {commit}: {}",
                entries.join("; ")
            )
        }
        Body::SnapshotChunk {
            meta, offset, last, ..
        } => format!("snapshot {} from byte {offset}, last {last}", meta.index),
        other => short(&format!("{other:?}")),
    }
}

fn of_entry(entry: &Entry) -> String {
    let what = match &entry.payload {
        Payload::Command(bytes) => of_command(bytes),
        other => short(&format!("{other:?}")),
    };
    format!("{}/{} {what}", entry.index, entry.term)
}

/// A command without its stamp.
fn of_command(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let from = text.find("\"command\":").map_or(0, |at| at + 10);
    short(&text[from..])
}

fn short(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push_str(" ...");
    }
    short
}
