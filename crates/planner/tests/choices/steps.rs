//! What a plan says of its steps before they are carried out.

use expect_test::expect;
use model::command::BarNode;
use model::seen::RestartScope;
use model::{BootId, ClaimEpoch, NodeName, Reason, ServiceName};
use planner::{Action, Step};

use super::world::name;

const BOOT: BootId = BootId([7; 16]);
const EPOCH: ClaimEpoch = ClaimEpoch(3);

fn all() -> Vec<Action> {
    let service = || name::<ServiceName>("db");
    let [node, to] = ["a", "b"].map(name::<NodeName>);
    let node = || node.clone();
    vec![
        Action::Lose {
            node: node(),
            boot: BOOT,
        },
        Action::Fence {
            target: node(),
            boot: Some(BOOT),
            executor: to.clone(),
        },
        Action::SetAside { node: node() },
        Action::Grant {
            service: service(),
            node: node(),
            boot: BOOT,
        },
        Action::Revoke {
            service: service(),
            node: node(),
            epoch: EPOCH,
            bar: BarNode::No,
        },
        Action::Migrate {
            service: service(),
            node: node(),
            epoch: EPOCH,
            to,
            to_boot: BOOT,
        },
        Action::Promote {
            service: service(),
            node: node(),
            epoch: EPOCH,
        },
        Action::Demote {
            service: service(),
            node: node(),
            epoch: EPOCH,
        },
        Action::Reload {
            service: service(),
            node: node(),
            epoch: EPOCH,
        },
        Action::Restart {
            service: service(),
            node: node(),
            epoch: EPOCH,
            scope: RestartScope::All,
        },
    ]
}

#[test]
fn each_step_says_what_it_does_and_why() {
    let steps = all().into_iter().map(|action| Step {
        action,
        because: Reason::ShouldRun,
    });
    let told: Vec<String> = steps.map(|step| step.sentence() + "\n").collect();
    expect![[r#"
        give up a: it should run and runs nowhere
        fence a from b: it should run and runs nowhere
        set a aside: it should run and runs nowhere
        start db on a: it should run and runs nowhere
        stop db on a: it should run and runs nowhere
        move db live from a to b: it should run and runs nowhere
        promote db on a: it should run and runs nowhere
        demote db on a: it should run and runs nowhere
        reload db on a: it should run and runs nowhere
        restart db on a: it should run and runs nowhere
    "#]]
    .assert_eq(&told.concat());
}

#[test]
fn a_step_is_about_a_service_or_a_node() {
    let about: Vec<Option<String>> = all()
        .iter()
        .map(|action| action.service().map(ToString::to_string))
        .collect();
    assert_eq!(about[..3], [None, None, None]);
    assert!(about[3..].iter().all(|it| it.as_deref() == Some("db")));
}
