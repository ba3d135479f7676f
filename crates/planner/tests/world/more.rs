//! Words for roles, checks and reloads.

use std::collections::BTreeSet;
use std::time::Duration;

use model::checks::{
    ActionWord, CheckAction, CheckBegin, CheckKind, CheckSpec, CommandCheck, EVERY_DEFAULT,
    TIMEOUT_DEFAULT,
};
use model::command::{Report, ServiceOrder};
use model::reload::{AgentReload, ReloadTold};
use model::roles::{RoleMeant, RoleSeen, RoleStanding, RoleTold, Roles};
use model::rules::{AttributeRule, AttributeTest, Company, CopiesStart, NodesMeant, WhereRule};
use model::seen::{Claim, Dependencies, Goal, Phase};
use model::spec::{AgentSpec, ResourceKind, RestartPolicy, ServiceSpec};
use model::{Command, NodeName, ServiceName, duration};

use super::{World, failure, name};

/// Reads `promoted=1 agent tune=2 after-promoted=db together-promoted=db:50
/// apart-promoted=db check=web:restart,move check-restart=2/60s all=rack:a+disks:4 any=rack:a+rack:b@50
/// one-by-one after-all=db after-all-starts=db nodes=a,b@-20 promoted-where=rack:a@50 promoted-all=... promoted-any=... promoted-nodes=a`.
pub fn rule(spec: &mut ServiceSpec, word: &str, value: &str) -> bool {
    match word {
        "all" | "any" | "nodes" => spec.rules.where_rules.push(where_rule(word, value)),
        "promoted-where" | "promoted-all" | "promoted-any" | "promoted-nodes" => {
            let word = word.strip_prefix("promoted-").unwrap();
            spec.rules.where_rules.push(WhereRule {
                role: RoleMeant::Promoted,
                ..where_rule(word, value)
            });
        }
        "promoted" => {
            spec.rules.roles = Some(Roles {
                promoted: value.parse().unwrap(),
                takers: BTreeSet::from([name("program")]),
                ..Roles::default()
            });
        }
        "agent" => spec.resources[0].kind = agent(""),
        "tune" => spec.resources[0].kind = agent(value),
        "after-promoted" => {
            spec.after.push(name(value));
            spec.rules.after_promoted.insert(name(value));
        }
        "one-by-one" => {
            let copies = spec.rules.copies.as_mut();
            copies.expect("no copies before it").start = CopiesStart::OneByOne;
        }
        "after-all" | "after-all-starts" => {
            let names: Vec<ServiceName> = value.split(',').map(name).collect();
            spec.rules.after_all_copies = names.iter().cloned().collect();
            if word == "after-all-starts" {
                spec.rules.after_starts = names.iter().cloned().collect();
            }
            spec.after.extend(names);
        }
        "together-promoted" => spec.rules.together_with.push(with_promoted(value)),
        "apart-promoted" => spec.rules.apart_from.push(with_promoted(value)),
        "check" => spec.rules.checks.push(check(value)),
        "check-restart" => {
            let (times, within) = value.split_once('/').unwrap();
            let policy = RestartPolicy {
                times: times.parse().unwrap(),
                within: duration::parse(within).unwrap(),
            };
            let last = spec.rules.checks.last_mut();
            last.expect("no check before it").restart = Some(policy);
        }
        _ => return false,
    }
    true
}

/// Tests of attributes for a value, or a number at least; without points after `@` a must.
fn where_rule(word: &str, value: &str) -> WhereRule {
    let (tests, points) = value.split_once('@').unwrap_or((value, ""));
    let rules = || {
        tests.split('+').map(|test| {
            let (attribute, wanted) = test.split_once(':').unwrap();
            let test = match wanted.parse() {
                Ok(number) => AttributeTest::AtLeast(number),
                Err(_) => AttributeTest::Is(wanted.into()),
            };
            let attribute = attribute.into();
            AttributeRule { attribute, test }
        })
    };
    let meant = match word {
        "all" => NodesMeant::All {
            all: rules().collect(),
        },
        "any" => NodesMeant::Any {
            any: rules().collect(),
        },
        "nodes" => NodesMeant::Named {
            nodes: tests.split(',').map(name).collect(),
        },
        _ => NodesMeant::One(rules().next().unwrap()),
    };
    WhereRule {
        meant,
        points: (!points.is_empty()).then(|| points.parse().unwrap()),
        role: RoleMeant::Any,
    }
}

fn with_promoted(value: &str) -> Company {
    let (service, points) = value.split_once(':').unwrap_or((value, ""));
    Company {
        service: name(service),
        points: (!points.is_empty()).then(|| points.parse().unwrap()),
        role: RoleMeant::Promoted,
    }
}

/// An agent that takes new values of `tune` over while it runs.
fn agent(tune: &str) -> ResourceKind {
    let options = [("tune".to_string(), tune.to_string())].into();
    ResourceKind::Agent(AgentSpec {
        agent: "ocf:test:thing".into(),
        options,
        depth: Vec::new(),
        reload: Some(AgentReload {
            parameters: BTreeSet::from(["tune".to_string()]),
            own: false,
        }),
    })
}

fn check(value: &str) -> CheckSpec {
    let (check, actions) = value.split_once(':').unwrap();
    let action = |word: &str| {
        let known = CheckAction::WORDS.iter().find(|(known, _)| *known == word);
        let word: ActionWord = known.unwrap().1;
        CheckAction::from(word)
    };
    CheckSpec {
        name: name(check),
        kind: CheckKind::Command(CommandCheck {
            argv: vec!["/bin/ask".into()],
            user: None,
            exit: vec![0],
            warn_exit: Vec::new(),
            expect: None,
        }),
        every: EVERY_DEFAULT,
        timeout: TIMEOUT_DEFAULT,
        start_delay: Duration::ZERO,
        fail_after: 1,
        well_after: 1,
        begins: CheckBegin::WithService,
        watches: None,
        restart: None,
        on_failure: actions.split(',').map(action).collect(),
        on_warning: Vec::new(),
        on_recovery: Vec::new(),
    }
}

/// What a holder that does what it shall tells of its role and of a reload, if that is news.
pub fn news(claim: &Claim) -> Option<(Report, RoleTold)> {
    let is_demoted = claim.role == RoleSeen::Demoting;
    let is_up = match &claim.phase {
        Phase::Running => true,
        // A demotion brings an agent back into order.
        Phase::Failed(_) => is_demoted,
        Phase::Starting | Phase::Stopping | Phase::StopFailed(_) => false,
    };
    if claim.goal != Goal::Run || !is_up {
        return None;
    }
    let told = |standing| RoleTold {
        turn: claim.turn,
        standing,
    };
    if claim.reload.is_open() {
        let over = Report::Reloaded(ReloadTold {
            turn: claim.reload.ordered,
            failure: None,
        });
        let standing = match claim.role {
            RoleSeen::Promoted => RoleStanding::Promoted,
            RoleSeen::Promoting | RoleSeen::Demoting => RoleStanding::Between,
            RoleSeen::Unpromoted => RoleStanding::Unpromoted,
        };
        return Some((over, told(standing)));
    }
    match claim.role {
        RoleSeen::Promoting => Some((Report::Running, told(RoleStanding::Promoted))),
        RoleSeen::Demoting => Some((Report::Running, told(RoleStanding::Unpromoted))),
        RoleSeen::Unpromoted | RoleSeen::Promoted => None,
    }
}

impl World {
    /// `check-fails SERVICE CHECK`, `is-promoted SERVICE`, `is-demoted SERVICE`,
    /// `is-between SERVICE`, `reload SERVICE`, `start-alone SERVICE`, `start-on NODE SERVICE`.
    pub fn more(&mut self, words: &[&str]) -> bool {
        match words {
            ["check-fails", service, check] => {
                let mut failed = failure("exit 1");
                failed.resource = name(check);
                self.report(service, Report::Failed(failed));
            }
            ["is-promoted", service] => self.tell_role(service, RoleStanding::Promoted),
            ["is-demoted", service] => self.tell_role(service, RoleStanding::Unpromoted),
            ["is-between", service] => self.tell_role(service, RoleStanding::Between),
            ["start-alone", service] => self.start_as(service, None, Dependencies::Ignored),
            ["start-on", node, service] => {
                self.start_as(service, Some(name(node)), Dependencies::Kept);
            }
            ["reload", service] => {
                self.apply(Command::Service {
                    service: name(service),
                    order: ServiceOrder::Reload { resource: None },
                    by: name("ann"),
                });
            }
            _ => return false,
        }
        true
    }

    fn start_as(&mut self, service: &str, to: Option<NodeName>, dependencies: Dependencies) {
        self.apply(Command::Service {
            service: name(service),
            order: ServiceOrder::StartAs { to, dependencies },
            by: name("ann"),
        });
    }

    fn tell_role(&mut self, service: &str, standing: RoleStanding) {
        let turn = self.claim(&name::<ServiceName>(service)).unwrap().turn;
        self.report_with_role(service, Report::Running, RoleTold { turn, standing });
    }
}
