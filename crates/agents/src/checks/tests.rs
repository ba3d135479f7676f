//! Each kind against something real on this machine.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use model::checks::{
    Amount, CheckBegin, CommandCheck, FilesystemCheck, FreeLimits, HttpCheck, HttpTrust, LogCheck,
    ProcessesCheck, TcpCheck,
};

use super::*;

mod https;

const LIMIT: Duration = Duration::from_secs(20);

/// Asks a check again and again, as a daemon does.
struct Asker {
    checks: Checks,
    events: mpsc::Receiver<Event>,
    directory: tempfile::TempDir,
    id: u64,
}

impl Asker {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (sender, events) = mpsc::channel(16);
        Self {
            checks: Checks::start((directory.path(), &directory.path().join("log")), sender)
                .unwrap(),
            events,
            directory,
            id: 0,
        }
    }

    fn ask(&mut self, kind: CheckKind) -> String {
        self.ask_within(kind, LIMIT)
    }

    fn ask_within(&mut self, kind: CheckKind, timeout: Duration) -> String {
        self.send(kind, timeout);
        let Some(Event::Checked(checked)) = self.events.blocking_recv() else {
            panic!("no answer");
        };
        assert_eq!(checked.id, self.id);
        format!("{}: {}", checked.verdict.word(), checked.how)
    }

    fn send(&mut self, kind: CheckKind, timeout: Duration) {
        self.id += 1;
        let check = CheckSpec {
            name: "it".parse().unwrap(),
            kind,
            every: Duration::from_secs(1),
            timeout,
            start_delay: Duration::ZERO,
            fail_after: 1,
            well_after: 1,
            begins: CheckBegin::WithService,
            watches: None,
            restart: None,
            on_failure: Vec::new(),
            on_warning: Vec::new(),
            on_recovery: Vec::new(),
        };
        self.checks.ask(Ask {
            id: self.id,
            whose: "web".to_string(),
            check,
        });
    }
}

/// Answers every connection with the same bytes, after what was said to it.
fn serve(hears: bool, answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut heard = [0; 1024];
            if hears {
                let _ = stream.read(&mut heard);
            }
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn http(address: SocketAddr) -> HttpCheck {
    HttpCheck {
        url: format!("http://{address}/health"),
        status: Vec::new(),
        contains: None,
        matches: None,
        trust: HttpTrust::System,
    }
}

#[test]
fn a_page_is_judged_by_status_and_content() {
    let mut asker = Asker::new();
    let good = serve(true, "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nall well");
    let bad = serve(true, "HTTP/1.1 503 Gone\r\ncontent-length: 0\r\n\r\n");
    let asked = |check: HttpCheck| CheckKind::Http(check);
    assert_eq!(asker.ask(asked(http(good))), "well: 200 OK");
    assert_eq!(
        asker.ask(asked(http(bad))),
        "failed: 503 Service Unavailable"
    );
    let wanted = HttpCheck {
        status: vec![503],
        ..http(bad)
    };
    assert_eq!(asker.ask(asked(wanted)), "well: 503 Service Unavailable");
    let contains = |text: &str| HttpCheck {
        contains: Some(text.to_string()),
        ..http(good)
    };
    assert_eq!(asker.ask(asked(contains("well"))), "well: 200 OK");
    assert_eq!(
        asker.ask(asked(contains("ill"))),
        "failed: 200 OK, without `ill` on the page"
    );
    let matches = HttpCheck {
        matches: Some("^all (well|good)$".to_string()),
        ..http(good)
    };
    assert_eq!(asker.ask(asked(matches)), "well: 200 OK");
}

#[test]
fn a_server_that_is_gone_or_hangs_is_told_apart() {
    let mut asker = Asker::new();
    let gone = asker.ask(CheckKind::Http(http(nobody())));
    assert!(gone.starts_with("failed: no connection: "), "{gone}");
    // The kernel takes the connection, and nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let check = http(listener.local_addr().unwrap());
    let told = asker.ask_within(CheckKind::Http(check), Duration::from_millis(100));
    assert_eq!(told, "failed: no answer within 100ms");
}

#[test]
fn that_others_hang_is_no_failure_of_a_check() {
    let mut asker = Asker::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = http(listener.local_addr().unwrap());
    for _ in 0..AT_ONCE_MAX {
        asker.send(CheckKind::Http(hanging.clone()), Duration::from_millis(600));
    }
    // It has less time than the others hang.
    let good = serve(true, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    asker.send(CheckKind::Http(http(good)), Duration::from_millis(400));
    let behind = asker.id;
    asker.send(
        CheckKind::Load {
            fail: Some(u32::MAX),
            warn: None,
        },
        LIMIT,
    );
    let of_kernel = asker.id;
    let mut order = Vec::new();
    while !order.contains(&(behind, Verdict::Well)) {
        let Some(Event::Checked(checked)) = asker.events.blocking_recv() else {
            panic!("no answer");
        };
        assert!(
            checked.id != behind || checked.verdict == Verdict::Well,
            "{}",
            checked.how
        );
        order.push((checked.id, checked.verdict));
    }
    assert_eq!(order.first(), Some(&(of_kernel, Verdict::Well)));
}

#[test]
fn a_transaction_says_and_hears() {
    let mut asker = Asker::new();
    let check = |target, send: Option<&str>, expect: Option<&str>| {
        CheckKind::Tcp(TcpCheck {
            target,
            send: send.map(str::to_string),
            expect: expect.map(str::to_string),
        })
    };
    let mail = serve(true, "220 ready\r\n221 bye\r\n");
    assert_eq!(asker.ask(check(mail, None, None)), "well: connected");
    let said = asker.ask(check(mail, Some("QUIT\r\n"), Some("(?m)^221 ")));
    assert_eq!(said, "well: 220 ready");
    let other = asker.ask(check(mail, Some("QUIT\r\n"), Some("^250 ")));
    assert_eq!(other, "failed: unexpected: 220 ready");
    let mute = serve(false, "");
    let heard = asker.ask(check(mute, None, Some("^220 ")));
    assert_eq!(heard, "failed: closed without a word");
}

#[test]
fn a_program_that_an_earlier_daemon_has_left_is_ended() {
    let mut asker = Asker::new();
    let script = "trap '' TERM; while :; do sleep 0.05; done";
    asker.send(
        CheckKind::Command(command(&["/bin/sh", "-c", script])),
        LIMIT,
    );
    let note = asker.directory.path().join("checks/web.it.out.pid");
    let mut number = None;
    until("it runs and is noted", || {
        let text = std::fs::read_to_string(&note).unwrap_or_default();
        number = text
            .split(' ')
            .nth(1)
            .map(|pid| pid.parse::<i32>().unwrap());
        number.is_some()
    });
    // The daemon is gone, and its program is not.
    let Asker { directory, .. } = asker;
    let pid = number.unwrap();
    let lives =
        || host::process::Stat::read(pid).is_ok_and(|stat| stat.life == host::process::Life::Alive);
    assert!(lives());
    let (sender, _events) = mpsc::channel(16);
    let places = (directory.path(), directory.path());
    let _next = Checks::start(places, sender).unwrap();
    until("it is ended", || !lives());
}

/// Looks again and again, for `LIMIT` at most.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn command(argv: &[&str]) -> CommandCheck {
    CommandCheck {
        argv: argv.iter().map(ToString::to_string).collect(),
        user: None,
        exit: vec![0],
        warn_exit: vec![2],
        expect: None,
    }
}

#[test]
fn a_program_is_judged_by_its_end_and_its_words() {
    let mut asker = Asker::new();
    let sh = |script: &str| command(&["/bin/sh", "-c", script]);
    let mut ask = |check: CommandCheck| asker.ask(CheckKind::Command(check));
    assert_eq!(ask(sh("echo 17 rows")), "well: exit 0: 17 rows");
    assert_eq!(ask(sh("echo late >&2; exit 2")), "warning: exit 2: late");
    assert_eq!(ask(sh("exit 1")), "failed: exit 1");
    let expect = |pattern: &str| CommandCheck {
        expect: Some(pattern.to_string()),
        ..sh("echo 17 rows")
    };
    assert_eq!(ask(expect("^[0-9]+ rows")), "well: exit 0: 17 rows");
    assert_eq!(
        ask(expect("^0 rows")),
        "failed: exit 0: 17 rows; it does not match `^0 rows`"
    );
    let absent = ask(command(&["/does/not/exist"]));
    assert!(absent.starts_with("failed: "), "{absent}");
    let variables = ask(sh("echo $MAINSTAY_SERVICE/$MAINSTAY_CHECK"));
    assert_eq!(variables, "well: exit 0: web/it");
}

#[test]
fn a_program_that_hangs_is_ended_with_its_children() {
    let mut asker = Asker::new();
    // A number that no other program sleeps for.
    let span = format!("{}", 100_000 + std::process::id());
    let script = format!("sleep {span} & sleep {span}");
    let check = CheckKind::Command(command(&["/bin/sh", "-c", &script]));
    let told = asker.ask_within(check, Duration::from_millis(200));
    assert_eq!(told, "failed: not done within 200ms");
    let all = host::process::all();
    let line = format!("sleep {span}");
    let left = all
        .iter()
        .filter(|stat| host::process::command_line(stat.pid) == line)
        .count();
    assert_eq!(left, 0);
}

#[test]
fn processes_are_counted_by_name_pattern_and_owner() {
    let mut asker = Asker::new();
    let directory = tempfile::tempdir().unwrap();
    let name = format!("watched{}", std::process::id());
    let path = directory.path().join(&name);
    std::fs::copy("/bin/sleep", &path).unwrap();
    let start = || std::process::Command::new(&path).arg("1000").spawn();
    let mut children = vec![start().unwrap(), start().unwrap()];
    // Forked is not yet executed: both have their name when the kernel tells it.
    while host::process::all()
        .iter()
        .filter(|stat| host::process::command_line(stat.pid).contains(&name))
        .count()
        < 2
    {
        std::thread::yield_now();
    }
    let check = ProcessesCheck {
        name: name.clone(),
        matches: None,
        user: None,
        min: 1,
        max: Some(2),
    };
    let mut ask = |check: &ProcessesCheck| asker.ask(CheckKind::Processes(check.clone()));
    assert_eq!(ask(&check), format!("well: 2 processes {name}"));
    let few = ProcessesCheck {
        max: Some(1),
        ..check.clone()
    };
    assert_eq!(
        ask(&few),
        format!("failed: 2 processes {name}, at most 1 wanted")
    );
    let other = ProcessesCheck {
        matches: Some("2000$".to_string()),
        ..check.clone()
    };
    assert_eq!(
        ask(&other),
        format!("failed: no process {name}, at least 1 wanted")
    );
    for child in &mut children {
        child.kill().unwrap();
    }
    // Not waited for yet: the dead are no processes any more.
    let is_dead = |child: &std::process::Child| {
        let pid = i32::try_from(child.id()).unwrap();
        host::process::Stat::read(pid).is_ok_and(|stat| stat.life == host::process::Life::Over)
    };
    while !children.iter().all(is_dead) {
        std::thread::yield_now();
    }
    assert_eq!(
        ask(&check),
        format!("failed: no process {name}, at least 1 wanted")
    );
    children.iter_mut().for_each(|child| {
        child.wait().unwrap();
    });
}

#[test]
fn a_file_is_followed_over_its_rotation() {
    let mut asker = Asker::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web.log");
    let check = CheckKind::Log(LogCheck {
        path: path.to_str().unwrap().to_string(),
        pattern: "panic|out of memory".to_string(),
        hit: Verdict::Failed,
    });
    std::fs::write(&path, "panic of yesterday\n").unwrap();
    let append = |text: &str| {
        let mut file = std::fs::File::options().append(true).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    let mut ask = || asker.ask(check.clone());
    assert_eq!(ask(), "well: nothing new");
    append("all well\npan");
    assert_eq!(ask(), "well: nothing new");
    append("ic now\nout of memory\n");
    assert_eq!(ask(), "failed: panic now (and 1 more)");
    assert_eq!(ask(), "well: nothing new");
    // Renamed, and written to once more, before there is a new one.
    let old = directory.path().join("web.log.1");
    append("panic at the end\n");
    std::fs::rename(&path, &old).unwrap();
    assert_eq!(ask(), "failed: panic at the end");
    // The new one is made, and the program still writes to the old one.
    std::fs::write(&path, "").unwrap();
    let mut still = std::fs::File::options().append(true).open(&old).unwrap();
    still.write_all(b"panic after the rotation\n").unwrap();
    assert_eq!(ask(), "failed: panic after the rotation");
    still.write_all(b"panic in its last words").unwrap();
    assert_eq!(ask(), "well: nothing new");
    append("panic in the new one\n");
    assert_eq!(ask(), "failed: panic in its last words (and 1 more)");
    assert_eq!(ask(), "well: nothing new");
    // Cut to nothing and written anew.
    std::fs::write(&path, "panic\n").unwrap();
    assert_eq!(ask(), "failed: panic");
}

#[test]
fn a_file_that_is_made_later_is_read_from_its_beginning() {
    let mut asker = Asker::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web.log");
    let check = CheckKind::Log(LogCheck {
        path: path.to_str().unwrap().to_string(),
        pattern: "panic".to_string(),
        hit: Verdict::Failed,
    });
    let mut ask = || asker.ask(check.clone());
    let absent = ask();
    assert!(absent.starts_with("warning: "), "{absent}");
    std::fs::write(&path, "panic in its first words\n").unwrap();
    assert_eq!(ask(), "failed: panic in its first words");
    // Gone for a moment, as in a rotation; then gone.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(ask(), "well: nothing new");
    let gone = ask();
    assert!(gone.starts_with("warning: "), "{gone}");
    std::fs::write(&path, "panic once more\n").unwrap();
    assert_eq!(ask(), "failed: panic once more");
}

#[test]
fn an_old_file_that_is_put_there_later_is_read_from_its_end() {
    let mut asker = Asker::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web.log");
    let check = CheckKind::Log(LogCheck {
        path: path.to_str().unwrap().to_string(),
        pattern: ".".to_string(),
        hit: Verdict::Failed,
    });
    let absent = asker.ask(check.clone());
    assert!(absent.starts_with("warning: "), "{absent}");
    // It came with the system.
    std::os::unix::fs::symlink("/bin/sh", &path).unwrap();
    assert_eq!(asker.ask(check), "well: nothing new");
}

#[test]
fn room_and_load_are_told() {
    let mut asker = Asker::new();
    let free = |fail: u8| FreeLimits {
        fail: Some(Amount::Percent(fail)),
        warn: None,
    };
    let here = FilesystemCheck {
        path: "/proc/self/cwd".to_string(),
        free: free(0),
    };
    let told = asker.ask(CheckKind::Filesystem(here));
    assert!(told.starts_with("well: "), "{told}");
    let absent = FilesystemCheck {
        path: "/does/not/exist".to_string(),
        free: free(1),
    };
    let told = asker.ask(CheckKind::Filesystem(absent));
    assert!(told.starts_with("failed: /does/not/exist cannot be asked"));
    let told = asker.ask(CheckKind::Memory(free(0)));
    assert!(told.starts_with("well: ") && told.contains("free for programs"));
    let load = |fail| CheckKind::Load {
        fail: Some(fail),
        warn: None,
    };
    assert!(asker.ask(load(u32::MAX)).starts_with("well: load "));
    assert!(asker.ask(load(0)).starts_with("failed: load "));
}
