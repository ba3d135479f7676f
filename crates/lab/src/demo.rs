//! `mainstay lab demo`: a failover to watch, from nothing and back to nothing.

use std::io::Read;
use std::time::Duration;

use crate::form::{apply_services, form};
use crate::handle::{Lab, LabError, Options, Running};
use crate::probe;
use crate::view;

const ADDRESS: &str = "10.77.0.100";
/// A service of an address and a program.
const SERVICE: &str = r#"
[service.web]

[[service.web.resource]]
address = "10.77.0.100/24"
network = "lan"

[[service.web.resource]]
process = ["/run/lab/bin/mainstay", "lab-httpd", "--bind", "10.77.0.100:80"]
"#;
/// All steps take a second or two; a machine that needs longer shows nothing worth seeing.
const STEP_LIMIT: Duration = Duration::from_secs(30);
/// Good answers before the power goes and after it came back elsewhere: a fifth of a second.
const SAMPLES_AROUND: usize = 20;

/// The client's requests, counted as they are answered.
struct Asking {
    running: Running,
    reader: std::thread::JoinHandle<String>,
    good: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Asking {
    fn start(lab: &Lab) -> Result<Self, LabError> {
        let url = format!("http://{ADDRESS}/");
        let mut running = lab.spawn("client", &["mainstay", "lab-probe", &url])?;
        let stdout = running.stdout.take();
        let good = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = good.clone();
        let reader = std::thread::spawn(move || {
            let Some(mut stdout) = stdout else {
                return String::new();
            };
            let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
            // Ends with the probe, which ends with this demonstration.
            while let Ok(count @ 1..) = stdout.read(&mut chunk) {
                text.extend_from_slice(&chunk[..count]);
                let lines = String::from_utf8_lossy(&chunk[..count])
                    .matches(" ok ")
                    .count();
                counter.fetch_add(lines, std::sync::atomic::Ordering::Relaxed);
            }
            String::from_utf8_lossy(&text).into_owned()
        });
        Ok(Self {
            running,
            reader,
            good,
        })
    }

    fn good(&self) -> usize {
        self.good.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn await_more(&self, lab: &Lab) -> Result<(), LabError> {
        let enough = self.good() + SAMPLES_AROUND;
        let what = "an answer of the service";
        lab.wait_until(what, STEP_LIMIT, |_| (enough <= self.good()).then_some(()))
    }

    fn finish(self) -> Vec<probe::Sample> {
        drop(self.running);
        probe::samples(&self.reader.join().unwrap_or_default())
    }
}

fn show(lab: &Lab, title: &str, argv: &[&str]) {
    println!("\n{title}");
    let text = view::ask(lab, argv).unwrap_or_else(|| "(no node answers)\n".into());
    text.lines().for_each(|line| println!("    {line}"));
}

fn serving(lab: &Lab, not_on: Option<&str>) -> Result<String, LabError> {
    lab.wait_until("a node that serves", STEP_LIMIT, |lab| {
        let view = view::look(lab)?;
        let node = view.runs_on("web")?;
        (Some(node) != not_on).then(|| node.to_string())
    })
}

/// Shows a failover. Everything goes with the end of this process, whenever that is.
///
/// # Errors
/// The first step that failed.
pub(crate) fn run() -> Result<(), LabError> {
    println!("Three nodes, a client and a power switch, made of namespaces …");
    let lab = Lab::up(&Options {
        name: format!("demo-{}", std::process::id()),
        ..Options::default()
    })?;
    form(&lab, None)?;
    apply_services(&lab, SERVICE)?;
    let first = serving(&lab, None)?;
    show(&lab, "The cluster:", &["mainstay", "status"]);
    let asking = Asking::start(&lab)?;
    asking.await_more(&lab)?;
    println!("\nA client asks http://{ADDRESS}/ every 10 ms. Now {first} loses power …");
    lab.kill(&first)?;
    let second = serving(&lab, Some(&first))?;
    asking.await_more(&lab)?;
    let samples = asking.finish();
    show(&lab, "What the cluster did:", &["mainstay", "history"]);
    match probe::longest(&samples).and_then(|outage| Some((outage.length()?, outage.failed))) {
        Some((length, failed)) => {
            let millis = length.as_millis();
            println!(
                "\nNobody answered for {millis} ms ({failed} requests failed); now {second} does."
            );
        }
        None => println!("\nNo request failed; now {second} answers."),
    }
    println!("\n{first} gets power again …");
    lab.on(&first)?;
    let nodes = lab.status()?.nodes.len();
    lab.wait_until("the return of the node", STEP_LIMIT, |lab| {
        view::look(lab).filter(|view| view.all_online(nodes))
    })?;
    show(&lab, "The cluster:", &["mainstay", "status"]);
    lab.down()?;
    println!("\nNothing of it is left.");
    Ok(())
}
