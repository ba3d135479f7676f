//! Plays `scenarios/cli/*.txt` against a scripted daemon and compares what is printed.
//!
//! ```text
//! # what it shows
//! given
//!   node alpha online            (see `world`)
//! editor sed -i s/a/b/           what `config edit` starts
//! $ mainstay move web --to beta  the command
//! < y                            what a person types; without it there is no terminal
//! ...                            what is printed, errors after `! `
//! exit 0
//! ```
//!
//! `UPDATE_EXPECT=1 cargo test -p cli` writes the files anew: read the diff.

mod world;

use std::cell::RefCell;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use clap::Parser;
use cli::{Action, Cli, Exit, Interactive, Screen};
use config::Colour;
use expect_test::expect_file;
use server::{Allowed, ControlHandle};
use world::{NOW, World};

/// A CIB of which much cannot be carried over.
const LEFTOVERS: &str = include_str!("../../../scenarios/import/leftovers.xml");

/// A configuration that needs a program which one node does not have.
const LACKS: &str = "[cluster]\nname = \"shop\"\n\n[network.lan]\n\n\
    [node.alpha]\nlan = \"10.0.0.11/24\"\n\n\
    [service.web]\n[[service.web.resource]]\nprocess = [\"/usr/sbin/absent\"]\n";
/// A configuration with agents of Debian, and mistakes.
const AGENTS: &str = r#"[cluster]
name = "shop"

[network.lan]

[node.alpha]
lan = "10.0.0.11/24"
fence = ["apc"]

[fence.apc]
agent = "fence_apc"

[[service.web.resource]]
agent = "ocf:heartbeat:Dummy"
options = { sate = "/run/x", nothing-like-it = 1 }

[[service.web.resource]]
agent = "ocf:heartbeat:Dumy"

[[service.web.resource]]
agent = "ocf:heartbeat:IPaddr2"
options = { cidr_netmask = 24, arp_bg = true }

[[service.web.resource]]
agent = "ocf:heartbeat:Delay"
options = { startdelay = "soon" }
"#;

/// What an agent prints of itself.
const THING: &str = r#"cat <<END
<?xml version="1.0"?>
<resource-agent name="thing" version="1.0">
<longdesc lang="en">
Runs a thing.

It does so well.
</longdesc>
<shortdesc lang="en">A thing</shortdesc>
<parameters>
<parameter name="port" unique="1" required="1">
<shortdesc lang="en">Where it listens</shortdesc>
<content type="integer"/>
</parameter>
<parameter name="mode"><shortdesc lang="en">How it works</shortdesc>
<content type="select" default="fast"><option value="fast"/><option value="safe"/></content></parameter>
<parameter name="quiet" deprecated="1"><content type="boolean" default="false"/></parameter>
</parameters>
<actions>
<action name="start" timeout="40s"/>
<action name="stop" timeout="60"/>
<action name="monitor" timeout="30s" interval="10s" depth="0"/>
<action name="monitor" timeout="30s" interval="1m" depth="10" role="Promoted"/>
<action name="meta-data" timeout="5"/>
</actions>
</resource-agent>
END"#;

fn write_agent(path: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
    std::fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[derive(Clone, Default)]
struct Paper(Rc<RefCell<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

/// A daemon on its own thread; it ends with the test's process.
fn daemon(mut world: World, socket: PathBuf) {
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async move {
            let listener = server::bind(&socket).await.unwrap();
            let (control, mut requests, tell) = ControlHandle::new();
            tell.send_replace(world.status.index);
            ready.send(()).unwrap();
            let serving = server::serve(
                listener,
                control,
                Allowed::root_and_self(),
                std::future::pending(),
            );
            let answering = async {
                while let Some(request) = requests.recv().await {
                    tell.send_replace(world.answer(request));
                }
            };
            tokio::join!(serving, answering);
        });
    });
    is_ready.recv().unwrap();
}

struct Scene {
    directory: tempfile::TempDir,
    editor: String,
}

impl Scene {
    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Runs one command; what it printed and its exit line.
    fn run(&self, line: &str, typed: &str) -> String {
        let words = line.split(' ').map(|word| match word.strip_prefix('@') {
            Some(name) => self.path(name),
            None => word.to_string(),
        });
        if !line.starts_with("mainstay ") {
            return self.run_tool(&words.collect::<Vec<_>>());
        }
        let socket = ["--socket".to_string(), self.path("socket")];
        let (out, err) = (Paper::default(), Paper::default());
        let exit = match Cli::try_parse_from(words.chain(socket)) {
            Err(usage) => {
                write!(err.clone(), "{usage}").unwrap();
                if usage.use_stderr() {
                    Exit::Usage
                } else {
                    Exit::Done
                }
            }
            Ok(cli) => {
                let interactive = match typed.is_empty() {
                    true => Interactive::No,
                    false => Interactive::Yes,
                };
                let mut screen = Screen {
                    out: Box::new(out.clone()),
                    err: Box::new(err.clone()),
                    input: Box::new(Cursor::new(typed.to_string())),
                    interactive,
                    colour: Colour::Never,
                    now: || NOW,
                    editor: self.editor.clone(),
                };
                match cli::run_on(cli, &mut screen) {
                    Action::Done(exit) => exit,
                    other => panic!("left to the binary: {other:?}"),
                }
            }
        };
        let errors: String = err
            .text()
            .lines()
            .map(|line| format!("! {line}\n"))
            .collect();
        let mut printed = out.text();
        // A question is followed by what was typed, which ends its line.
        if !printed.is_empty() && !printed.ends_with('\n') {
            printed.push('\n');
        }
        let text = format!("{printed}{errors}exit {}\n", exit.code());
        text.replace(&format!("{}/", self.directory.path().display()), "@")
    }
}

impl Scene {
    /// Runs a command that resource agents call, as an agent of `web` on alpha does.
    fn run_tool(&self, words: &[String]) -> String {
        let (out, err) = (Paper::default(), Paper::default());
        let mut screen = Screen {
            out: Box::new(out.clone()),
            err: Box::new(err.clone()),
            input: Box::new(Cursor::new("")),
            interactive: Interactive::No,
            colour: Colour::Never,
            now: || NOW,
            editor: String::new(),
        };
        let caller = cli::agent_tools::Caller {
            node: "alpha".into(),
            service: "web:2".into(),
            socket: PathBuf::from(self.path("socket")),
        };
        let (tool, words) = words.split_first().unwrap();
        let code = cli::agent_tools::agent_tool(tool, words, &caller, &mut screen);
        let errors = err.text();
        let errors: String = errors.lines().map(|line| format!("! {line}\n")).collect();
        let text = format!("{}{errors}exit {code}\n", out.text());
        text.replace(&format!("{}/", self.directory.path().display()), "@")
    }
}

/// Plays one file and gives it back as it should be.
fn play(text: &str) -> String {
    let editor = text.lines().find_map(|line| line.strip_prefix("editor "));
    let scene = Scene {
        directory: tempfile::tempdir().unwrap(),
        editor: editor.unwrap_or("false").to_string(),
    };
    std::fs::write(scene.path("good.toml"), config::EXAMPLE).unwrap();
    std::fs::write(scene.path("bad.toml"), "[cluster]\nnam = \"shop\"\n").unwrap();
    std::fs::write(scene.path("lacks.toml"), LACKS).unwrap();
    std::fs::write(scene.path("leftovers.xml"), LEFTOVERS).unwrap();
    std::fs::write(scene.path("agents.toml"), AGENTS).unwrap();
    write_agent(&scene.path("ocf/resource.d/test/thing"), THING);
    write_agent(
        &scene.path("ocf/resource.d/test/broken"),
        "echo usage; exit 0",
    );
    let (given, commands) = text.split_once("\n$ ").unwrap();
    let mut world = World::new();
    let lines = given.lines().filter_map(|line| line.strip_prefix("  "));
    lines.for_each(|line| world.add(line));
    if !given.contains("no daemon") {
        daemon(world, PathBuf::from(scene.path("socket")));
    }
    let mut played = format!("{given}\n");
    for command in commands.split("\n$ ") {
        let mut lines = command.lines();
        let line = lines.next().unwrap();
        let typed: Vec<&str> = lines.take_while(|line| line.starts_with("< ")).collect();
        let typed: String = typed
            .iter()
            .map(|line| format!("{}\n", &line[2..]))
            .collect();
        played.push_str(&format!("$ {line}\n"));
        played.extend(typed.lines().map(|line| format!("< {line}\n")));
        played.push_str(&scene.run(line, &typed));
    }
    played
}

#[test]
fn every_scenario_prints_what_it_shows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/cli");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(10 <= files.len(), "only {} scenarios found", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        expect_file![file].assert_eq(&play(&text));
    }
}

#[test]
fn the_parser_contradicts_itself_nowhere() {
    cli::command().debug_assert();
}

#[test]
fn every_command_has_its_page_with_examples_that_can_be_typed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands");
    for command in cli::command().get_subcommands() {
        let page = folder.join(format!("{}.md", command.get_name()));
        let text = std::fs::read_to_string(&page)
            .unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        let example = format!("mainstay {}", command.get_name());
        assert!(text.contains(&example), "no example in {}", page.display());
        let examples = text.lines().filter_map(|line| line.strip_prefix("$ "));
        examples.for_each(can_be_typed);
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let examples = help
            .lines()
            .filter_map(|line| line.strip_prefix("  mainstay "));
        examples.for_each(|line| can_be_typed(&format!("mainstay {line}")));
    }
}

/// The parser takes the line: up to a redirection, or two spaces and a remark.
fn can_be_typed(line: &str) {
    let ends = ["  ", " > ", " && "];
    let end = ends.iter().filter_map(|end| line.find(end)).min();
    let line = &line[..end.unwrap_or(line.len())];
    if line.starts_with("mainstay ") {
        let parsed = Cli::try_parse_from(line.split(' '));
        assert!(parsed.is_ok(), "`{line}`: {}", parsed.unwrap_err());
    }
}

struct Gone;

impl Write for Gone {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for line in ["mainstay completions bash", "mainstay version --json"] {
        let mut screen = Screen {
            out: Box::new(Gone),
            err: Box::new(Gone),
            input: Box::new(Cursor::new("")),
            interactive: Interactive::No,
            colour: Colour::Never,
            now: || NOW,
            editor: String::new(),
        };
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Action::Done(exit) = cli::run_on(cli, &mut screen) else {
            panic!("not left to the binary")
        };
        assert_eq!(exit, Exit::Done, "{line}");
    }
}

#[test]
fn a_daemon_that_closes_without_an_answer_is_not_reachable() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let scene = Scene {
        directory,
        editor: String::new(),
    };
    let closer = std::thread::spawn(move || drop(listener.accept()));
    let text = scene.run("mainstay status", "");
    closer.join().unwrap();
    assert!(
        text.contains("error E0501: the daemon closed the connection"),
        "{text}"
    );
    assert!(text.ends_with("exit 3\n"), "{text}");
}
