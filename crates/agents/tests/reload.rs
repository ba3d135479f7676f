//! Reloads and stop signals, with real processes and Debian's agents.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{Grouping, Node, eventually, failed, on_own_node, resource, script, strings};
use model::operation::{About, Outcome, Verb};
use model::reload::{AgentReload, ProcessReload, Signal};
use model::spec::{AgentSpec, CommandSpec, ProcessSpec, ResourceKind, ResourceSpec};

fn story(name: &str, story: impl AsyncFn(&mut Node)) {
    on_own_node(name, async || {
        let dir = tempfile::tempdir().unwrap();
        let mut node = Node::new(dir.path(), Grouping::Session);
        story(&mut node).await;
    });
}

fn with(spec: ResourceSpec, change: impl FnOnce(&mut ProcessSpec)) -> ResourceSpec {
    let mut spec = spec;
    let ResourceKind::Process(process) = &mut spec.kind else {
        unreachable!()
    };
    change(process);
    spec
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(ToOwned::to_owned).collect()
}

/// A program that notes the signals it gets, and ends by INT and TERM.
fn noting(path: &Path) -> ResourceSpec {
    let path = path.display();
    script(&format!(
        "trap 'echo hup >> {path}' HUP
         trap 'echo int >> {path}; exit 0' INT
         trap 'echo term >> {path}; exit 0' TERM
         echo up >> {path}
         while :; do sleep 0.01; done"
    ))
}

#[test]
fn a_process_is_reloaded_by_its_signal_and_stopped_by_its_signal() {
    story(
        "a_process_is_reloaded_by_its_signal_and_stopped_by_its_signal",
        async |node| {
            let notes = node.dir.join("notes");
            let spec = with(noting(&notes), |process| {
                process.reload = Some(ProcessReload::Signal(Signal::Hup));
                process.stop_signal = Some(Signal::Int);
            });
            assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
            eventually("its traps are set", || lines(&notes) == ["up"]).await;
            assert_eq!(node.outcome(Verb::Reload, &spec).await, Outcome::Running);
            eventually("it has read its file again", || {
                lines(&notes) == ["up", "hup"]
            })
            .await;
            assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
            assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
            assert_eq!(lines(&notes), ["up", "hup", "int"]);
        },
    );
}

#[test]
fn without_a_stop_signal_it_is_term() {
    story("without_a_stop_signal_it_is_term", async |node| {
        let notes = node.dir.join("notes");
        let spec = noting(&notes);
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        eventually("its traps are set", || lines(&notes) == ["up"]).await;
        let how = "the configuration does not say how it is reloaded";
        assert_eq!(node.outcome(Verb::Reload, &spec).await, failed(how));
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
        assert_eq!(lines(&notes), ["up", "term"]);
    });
}

#[test]
fn a_reload_program_finds_the_main_process_and_its_failure_leaves_that_alone() {
    let name = "a_reload_program_finds_the_main_process_and_its_failure_leaves_that_alone";
    story(name, async |node| {
        let notes = node.dir.join("notes");
        let by = |text: &str| {
            let argv = strings(&["/bin/sh", "-c", text]);
            with(noting(&notes), |process| {
                process.reload = Some(ProcessReload::Command(argv));
            })
        };
        let spec = by("kill -HUP $MAINPID");
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        eventually("its traps are set", || lines(&notes) == ["up"]).await;
        assert_eq!(node.outcome(Verb::Reload, &spec).await, Outcome::Running);
        eventually("it has read its file again", || {
            lines(&notes) == ["up", "hup"]
        })
        .await;
        let spec = by("echo its file is wrong; exit 3");
        let report = node.operate(Verb::Reload, &spec).await;
        assert_eq!(report.outcome, failed("reload: exit 3"));
        assert_eq!(report.output, "its file is wrong\n");
        assert_eq!(node.outcome(Verb::Status, &spec).await, Outcome::Running);
        assert_eq!(node.outcome(Verb::Stop, &spec).await, Outcome::Stopped);
    });
}

#[test]
fn what_does_not_survive_its_reload_is_told() {
    story("what_does_not_survive_its_reload_is_told", async |node| {
        let argv = strings(&["/bin/sh", "-c", "kill -KILL $MAINPID; sleep 0.05"]);
        let spec = with(script("exec sleep 1003"), |process| {
            process.reload = Some(ProcessReload::Command(argv));
        });
        assert_eq!(node.outcome(Verb::Start, &spec).await, Outcome::Running);
        let how = "signal 9, while it was reloaded";
        assert_eq!(node.outcome(Verb::Reload, &spec).await, failed(how));
    });
}

#[test]
fn a_command_is_as_its_status_says_after_its_reload() {
    story(
        "a_command_is_as_its_status_says_after_its_reload",
        async |node| {
            let up = node.dir.join("up").display().to_string();
            let spec = |reload: &str| {
                let shell = |text: String| strings(&["/bin/sh", "-c", &text]);
                resource(
                    "command-1",
                    ResourceKind::Command(CommandSpec {
                        start: shell(format!("touch {up}")),
                        stop: shell(format!("rm -f {up}")),
                        status: shell(format!("test -e {up} || exit 3")),
                        roles: None,
                        migration: None,
                        reload: Some(shell(reload.to_owned())),
                    }),
                )
            };
            assert_eq!(
                node.outcome(Verb::Start, &spec("true")).await,
                Outcome::Running
            );
            assert_eq!(
                node.outcome(Verb::Reload, &spec("true")).await,
                Outcome::Running
            );
            let failing = node.outcome(Verb::Reload, &spec("exit 5")).await;
            assert_eq!(failing, failed("reload: exit 5"));
            let ending = node.outcome(Verb::Reload, &spec(&format!("rm {up}"))).await;
            assert_eq!(ending, Outcome::Stopped);
        },
    );
}

/// An agent that takes over `take`, and not `state`.
const AGENT: &str = r#"#!/bin/sh
case "$1" in
meta-data) cat <<END
<resource-agent name="thing"><version>1.1</version>
<parameters><parameter name="take" reloadable="1"/><parameter name="state"/></parameters>
<actions><action name="reload-agent"/><action name="start"/></actions></resource-agent>
END
;;
monitor) test -e "$OCF_RESKEY_state" || exit 7 ;;
start) touch "$OCF_RESKEY_state" ;;
stop) rm -f "$OCF_RESKEY_state" ;;
reload-agent) echo "$OCF_RESKEY_take" > "$OCF_RESKEY_state" ;;
*) exit 3 ;;
esac
"#;

fn thing(node: &Node, take: &str, state: &str) -> ResourceSpec {
    let pair = |(key, value): (&str, String)| (key.to_owned(), value);
    let state = node.dir.join(state).display().to_string();
    let options = [("take", take.to_owned()), ("state", state)].map(pair);
    resource(
        "thing",
        ResourceKind::Agent(AgentSpec {
            agent: "ocf:test:thing".into(),
            options: BTreeMap::from(options),
            depth: Vec::new(),
            reload: Some(AgentReload {
                parameters: ["take".to_owned(), "state".to_owned()].into(),
                own: true,
            }),
        }),
    )
}

fn write_agent(node: &Node) {
    use std::os::unix::fs::PermissionsExt;
    let dir = node.dir.join("ocf/resource.d/test");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("thing");
    std::fs::write(&path, AGENT).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_agent_takes_over_what_it_says_itself_and_nothing_else() {
    story(
        "an_agent_takes_over_what_it_says_itself_and_nothing_else",
        async |node| {
            write_agent(node);
            let old = thing(node, "one", "a");
            assert_eq!(node.outcome(Verb::Start, &old).await, Outcome::Running);
            let renew = async |node: &mut Node, spec: &ResourceSpec| {
                let id = node.order_about((Verb::Reload, About::NewSettings), spec, &[]);
                node.report(id).await.outcome
            };
            let new = thing(node, "two", "a");
            assert_eq!(renew(node, &new).await, Outcome::Running);
            assert_eq!(lines(&node.dir.join("a")), ["two"]);
            assert_eq!(
                node.agents.recorded()[0].spec,
                new,
                "what runs is written down"
            );
            // Whatever was believed of it when the configuration was changed.
            let other = thing(node, "two", "b");
            let how = "ocf:test:thing, as it is on this node, does not take over what has changed";
            assert_eq!(renew(node, &other).await, failed(how));
            assert_eq!(node.outcome(Verb::Status, &new).await, Outcome::Running);
            let how = "ocf:test:thing has no action for that";
            assert_eq!(node.outcome(Verb::Reload, &new).await, failed(how));
            assert_eq!(node.outcome(Verb::Stop, &new).await, Outcome::Stopped);
        },
    );
}
