//! Words for what leaves the configuration and runs on, and what is new in it and may run.

use model::Command;
use model::seen::NodeState;

use super::{World, name};

impl World {
    /// `let-go web a`: the node a has left it running. `looked a web` and `looked a web under
    /// web:1`: whether it runs there. `nodes-are silent`: they tell that only by such lines,
    /// else at once and that they run nothing.
    pub fn orphan(&mut self, words: &[&str]) -> bool {
        let command = match words {
            ["nodes-are", word] => {
                self.is_silent_of_newcomers = *word == "silent";
                return true;
            }
            ["let-go", service, node] => Command::LetGo {
                node: name(node),
                boot: self.boot(node),
                run: 0,
                service: name(service),
            },
            ["looked", node, service, rest @ ..] => Command::Looked {
                node: name(node),
                boot: self.boot(node),
                run: 0,
                service: name(service),
                found: rest.iter().skip(1).map(|found| name(found)).collect(),
            },
            _ => return false,
        };
        self.apply(command);
        true
    }

    /// Each node that is online tells that nothing runs there that is new in the configuration.
    pub fn nodes_look(&mut self) {
        if self.is_silent_of_newcomers {
            return;
        }
        let seen = self.state.seen().clone();
        for (service, of) in &seen.services {
            for (node, boot) in &of.sought {
                let online = NodeState::Online { boot: *boot };
                let leaving = NodeState::Leaving { boot: *boot };
                let state = &seen.nodes[node].state;
                let is_told = self.state.seen().services[service]
                    .sought
                    .contains_key(node);
                if is_told && (*state == online || *state == leaving) {
                    // Numbers of fences are those of the lines that a story is made of.
                    self.index -= 1;
                    self.apply(Command::Looked {
                        node: node.clone(),
                        boot: *boot,
                        run: 0,
                        service: service.service(),
                        found: Vec::new(),
                    });
                }
            }
        }
    }
}
