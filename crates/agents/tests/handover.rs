//! Commands that move live, with real programs.

mod common;

use common::{Grouping, Node, eventually, failed, on_own_node, resource, running, strings};
use model::operation::{Outcome, Verb};
use model::spec::{CommandSpec, MigrationCommands, ResourceKind, ResourceSpec};

/// Something that is up while `$D/up` is there; `$D` is the directory of the test.
fn guest(node: &Node, to: &str, from: &str) -> ResourceSpec {
    let script = |text: &str| {
        let text = format!("D={}; {text}", node.dir.display());
        strings(&["/bin/sh", "-c", &text])
    };
    let spec = CommandSpec {
        reload: None,
        start: script("touch $D/up"),
        stop: script("rm -f $D/up"),
        status: script("test -e $D/up || exit 3"),
        roles: None,
        migration: Some(Box::new(MigrationCommands {
            to: script(to),
            from: script(from),
        })),
    };
    resource("guest-1", ResourceKind::Command(spec))
}

fn story(name: &str, story: impl AsyncFn(&mut Node)) {
    on_own_node(name, async || {
        for grouping in [Grouping::Cgroup, Grouping::Session] {
            let dir = tempfile::tempdir().unwrap();
            let mut node = Node::new(dir.path(), grouping);
            story(&mut node).await;
        }
    });
}

#[test]
fn what_is_handed_over_is_down_here_and_what_is_taken_in_belongs_to_the_resource() {
    let name = "what_is_handed_over_is_down_here_and_what_is_taken_in_belongs_to_the_resource";
    story(name, async |node| {
        let to = "echo to $MAINSTAY_PEER; mv $D/up $D/sent";
        let from = "echo from $MAINSTAY_PEER; mv $D/sent $D/up; setsid sleep 2005 &";
        let spec = guest(node, to, from);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        let gone = node.operate(Verb::MigrateTo, &spec).await;
        assert_eq!(
            (gone.outcome, gone.output),
            (Outcome::Stopped, "to beta\n".to_owned())
        );
        assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Stopped);
        let come = node.operate(Verb::MigrateFrom, &spec).await;
        assert_eq!(
            (come.outcome, come.output),
            (Outcome::Running, "from beta\n".to_owned())
        );
        eventually("what came runs", || running("sleep 2005") == 1).await;
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        assert_eq!(running("sleep 2005"), 0, "it ended with the resource");
    });
}

#[test]
fn what_was_taken_in_must_run() {
    story("what_was_taken_in_must_run", async |node| {
        let spec = guest(node, "false", "true");
        let how = "migrate_from ended well, and it does not run";
        assert_eq!(node.outcome(Verb::MigrateFrom, &spec).await, failed(how));
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        let how = "migrate_to: exit 1";
        assert_eq!(node.outcome(Verb::MigrateTo, &spec).await, failed(how));
        assert_eq!(node.outcome(Verb::Probe, &spec).await, Outcome::Running);
    });
}

#[test]
fn a_hand_over_that_outlives_its_daemon_is_ended_before_the_state_is_told() {
    let name = "a_hand_over_that_outlives_its_daemon_is_ended_before_the_state_is_told";
    on_own_node(name, async || {
        let dir = tempfile::tempdir().unwrap();
        let mut node = Node::new(dir.path(), Grouping::Session);
        let spec = guest(&node, "sleep 2006; mv $D/up $D/sent", "true");
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        node.order(Verb::MigrateTo, &spec, &[]);
        eventually("it hands over", || running("sleep 2006") == 1).await;
        let mut next = Node::new(dir.path(), Grouping::Session);
        assert_eq!(next.outcome(Verb::Probe, &spec).await, Outcome::Running);
        assert_eq!(running("sleep 2006"), 0, "nothing is sent any more");
    });
}
