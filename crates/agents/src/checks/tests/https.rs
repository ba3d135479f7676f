//! Certificates, against a server and with certificates of OpenSSL's own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use model::checks::{CheckKind, HttpCheck, HttpTrust};

use super::Asker;

/// An authority of our own, and what it has signed.
struct Authority(tempfile::TempDir);

const CONFIGURATION: &str = "
[ca]
default_ca = own
[own]
new_certs_dir = .
database = index
serial = serial
private_key = ca.key
certificate = ca.pem
default_md = sha256
policy = any
[any]
commonName = supplied
";

/// When a certificate is good, as OpenSSL writes it.
const NOW: [&str; 2] = ["20200101000000Z", "20490101000000Z"];
const PAST: [&str; 2] = ["20200101000000Z", "20200102000000Z"];
const FUTURE: [&str; 2] = ["20480101000000Z", "20490101000000Z"];

const KEY: [&str; 5] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
];

impl Authority {
    fn new() -> Self {
        let own = Self(tempfile::tempdir().unwrap());
        std::fs::write(own.file("ca.cnf"), CONFIGURATION).unwrap();
        std::fs::write(own.file("index"), "").unwrap();
        std::fs::write(own.file("serial"), "01\n").unwrap();
        let words = "req -x509 -keyout ca.key -out ca.pem -days 30 -subj /CN=own-authority";
        own.openssl(words, &KEY);
        own
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, words: &str, more: &[&str]) {
        let output = Command::new("openssl")
            .args(words.split(' '))
            .args(more)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {words}: {said}");
    }

    /// Signs a certificate for `whom` (`IP:127.0.0.1`, `DNS:shop`) and serves with it.
    fn serve(&self, name: &str, whom: &str, [from, until]: [&str; 2]) -> Server {
        let request = format!("req -new -keyout {name}.key -out {name}.csr -subj /CN={name}");
        self.openssl(&request, &KEY);
        let extensions = format!("subjectAltName={whom}\nbasicConstraints=critical,CA:FALSE\n");
        std::fs::write(self.file(&format!("{name}.ext")), extensions).unwrap();
        let sign = format!(
            "ca -config ca.cnf -batch -notext -in {name}.csr -out {name}.pem -extfile {name}.ext \
             -startdate {from} -enddate {until}"
        );
        self.openssl(&sign, &[]);
        Server::start(self.0.path(), name)
    }

    fn serve_self_signed(&self) -> Server {
        let words = "req -x509 -keyout alone.key -out alone.pem -days 30 -subj /CN=alone \
                     -addext subjectAltName=IP:127.0.0.1 \
                     -addext basicConstraints=critical,CA:FALSE";
        self.openssl(words, &KEY);
        Server::start(self.0.path(), "alone")
    }

    fn trusted(&self, name: &str) -> HttpTrust {
        HttpTrust::Authority(self.file(name).to_str().unwrap().to_string())
    }
}

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(directory: &Path, name: &str) -> Self {
        let words = format!(
            "s_server -accept 127.0.0.1:0 -naccept 20 -www -cert {name}.pem -key {name}.key"
        );
        let mut process = Command::new("openssl")
            .args(words.split(' '))
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let address = lines.find_map(|line| Some(line.strip_prefix("ACCEPT ")?.to_string()));
        // What it says later must find somebody who reads.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            address: address.expect("it says where it listens"),
        }
    }

    fn asked(&self, trust: HttpTrust) -> CheckKind {
        CheckKind::Http(HttpCheck {
            url: format!("https://{}/", self.address),
            status: Vec::new(),
            contains: Some("s_server".to_string()),
            matches: None,
            trust,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}

fn check(server: &Server, trust: HttpTrust, expected: &str) {
    assert_eq!(Asker::new().ask(server.asked(trust)), expected);
}

const WELL: &str = "well: 200 OK";
const UNKNOWN: &str = "failed: the certificate was signed by nobody whom the system knows";

/// Of another authority of the same name, no less.
const FORGED: &str =
    "failed: the certificate has a false signature: an authority of the same name made it";

#[test]
fn a_certificate_of_the_named_authority_is_good() {
    let own = Authority::new();
    let server = own.serve("web", "IP:127.0.0.1", NOW);
    check(&server, own.trusted("ca.pem"), WELL);
    check(&server, HttpTrust::System, UNKNOWN);
    check(&server, Authority::new().trusted("ca.pem"), FORGED);
    check(&server, HttpTrust::Anything, WELL);
}

#[test]
fn a_certificate_for_another_name_is_told_with_both_names() {
    let own = Authority::new();
    let server = own.serve("web", "DNS:shop.example,IP:192.0.2.1", NOW);
    let expected = "failed: the certificate is for shop.example, 192.0.2.1, not for 127.0.0.1";
    check(&server, own.trusted("ca.pem"), expected);
    check(&server, HttpTrust::Anything, WELL);
}

#[test]
fn a_certificate_is_good_in_its_time_only() {
    let own = Authority::new();
    let expired = own.serve("old", "IP:127.0.0.1", PAST);
    let early = own.serve("new", "IP:127.0.0.1", FUTURE);
    let trust = own.trusted("ca.pem");
    let has_expired = "failed: the certificate has expired";
    check(&expired, trust.clone(), has_expired);
    check(&early, trust, "failed: the certificate is not valid yet");
    check(&expired, HttpTrust::Anything, WELL);
}

#[test]
fn a_certificate_that_signed_itself_is_good_where_it_is_named() {
    let own = Authority::new();
    let server = own.serve_self_signed();
    let authority = own.file("ca.pem");
    let unknown = format!(
        "failed: the certificate was signed by nobody in {}",
        authority.display()
    );
    check(&server, own.trusted("ca.pem"), &unknown);
    check(&server, own.trusted("alone.pem"), WELL);
}

#[test]
fn a_server_that_speaks_no_tls_is_no_certificate() {
    let address = super::serve(true, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let asked = HttpCheck {
        url: format!("https://{address}/"),
        ..super::http(address)
    };
    let answer = Asker::new().ask(CheckKind::Http(asked));
    assert!(answer.starts_with("failed: no TLS: "), "{answer}");
}

#[test]
fn an_authority_that_is_exchanged_is_read_again() {
    let own = Authority::new();
    let other = Authority::new();
    let server = own.serve("web", "IP:127.0.0.1", NOW);
    let named = own.file("named.pem");
    let trust = own.trusted("named.pem");
    let mut asker = Asker::new();
    let mut ask = || asker.ask(server.asked(trust.clone()));
    assert!(ask().contains("named.pem cannot be read: No such file"));
    std::fs::write(&named, "no certificate").unwrap();
    assert!(ask().ends_with("named.pem holds no certificate"));
    std::fs::rename(own.file("ca.pem"), &named).unwrap();
    assert_eq!(ask(), WELL);
    std::fs::rename(other.file("ca.pem"), &named).unwrap();
    assert_eq!(ask(), FORGED);
}
