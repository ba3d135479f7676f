//! Configurations: check, plan, apply, versions.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use api::{
    ApiError, ApplyReply, ApplyRequest, ConfigVersion, ConfigVersions, EnvironmentReport,
    EnvironmentRequest, ErrorCode, routes,
};

use crate::args::{ActArgs, ApplyArgs, ConfigCommand, DespiteArgs};
use crate::client::Client;
use crate::config_file::{File, check_reply};
use crate::exit::Exit;
use crate::order::agree;
use crate::plan_text;
use crate::screen::{Form, Screen, Tone, paint};
use crate::table::{Cell, cell, table};
use crate::wait::{Goal, wait_for};
use crate::what_if_text;

/// `check FILE`: everything that is wrong, without a daemon.
pub(crate) fn check(screen: &mut Screen, form: Form, path: &Path) -> Result<Exit, ApiError> {
    let file = File::open(path)?;
    let loaded = file.load();
    let reply = check_reply(&loaded);
    if form == Form::Json {
        screen.print_json(&reply);
    } else {
        let colour = screen.colour;
        match &loaded {
            Err(problems) => screen.print(problems.render(colour)),
            Ok(loaded) => {
                screen.print(loaded.warnings.render(colour));
                screen.print(format_args!(
                    "{}: {}, {}: it can be applied\n",
                    file.name,
                    count(reply.nodes, "node"),
                    count(reply.services, "service"),
                ));
            }
        }
    }
    Ok(if reply.ok { Exit::Done } else { Exit::Failed })
}

fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// `plan FILE`: what would follow.
pub(crate) fn plan(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    path: &Path,
) -> Result<Exit, ApiError> {
    let Some(request) = request_of(screen, form, path)? else {
        return Ok(Exit::Failed);
    };
    let preview: ApplyReply = client.post(routes::APPLY, &request)?;
    Ok(foretell(screen, form, (&preview, &request)))
}

/// `apply FILE`.
pub(crate) fn apply(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    args: &ApplyArgs,
) -> Result<Exit, ApiError> {
    let Some(mut request) = request_of(screen, form, &args.file)? else {
        return Ok(Exit::Failed);
    };
    request.base_version = args.base;
    request.force = args.force;
    carry_out(client, screen, form, (request, args.despite, args.act))
}

/// Name and text of a file that is right; what is wrong has been shown otherwise.
pub(crate) fn text_of(
    screen: &mut Screen,
    form: Form,
    path: &Path,
) -> Result<Option<(String, String)>, ApiError> {
    let request = request_of(screen, form, path)?;
    Ok(request.map(|request| (request.file_name, request.source)))
}

/// The request for a file that is right; what is wrong has been shown otherwise.
fn request_of(
    screen: &mut Screen,
    form: Form,
    path: &Path,
) -> Result<Option<ApplyRequest>, ApiError> {
    let file = File::open(path)?;
    let loaded = file.load();
    if loaded.is_err() {
        check_shown(screen, form, &loaded);
        return Ok(None);
    }
    Ok(Some(ApplyRequest {
        source: String::from_utf8(file.bytes).expect("what was understood is UTF-8"),
        file_name: file.name,
        base_version: None,
        dry_run: true,
        force: false,
        break_rules: false,
        ignore_environment: false,
    }))
}

fn check_shown(screen: &mut Screen, form: Form, loaded: &Result<config::Loaded, config::Problems>) {
    match (form, loaded) {
        (Form::Json, loaded) => screen.print_json(&check_reply(loaded)),
        (Form::Text, Err(problems)) => screen.print(problems.render(screen.colour)),
        (Form::Text, Ok(_)) => {}
    }
}

/// Shows the plan of `request`, asks, and makes it live, against the version that the plan
/// was made from: what was agreed to is what happens.
fn carry_out(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    (mut request, despite, act): (ApplyRequest, DespiteArgs, ActArgs),
) -> Result<Exit, ApiError> {
    request.dry_run = true;
    request.break_rules = despite.break_rules;
    request.ignore_environment = despite.ignore_environment;
    let preview: ApplyReply = client.post(routes::APPLY, &request)?;
    if act.dry_run {
        return Ok(foretell(screen, form, (&preview, &request)));
    }
    if form == Form::Text {
        show(screen, &preview);
    }
    refuse_unfit(&preview, &request)?;
    refuse_broken(&preview, &request)?;
    agree(screen, form, act, None)?;
    request.dry_run = false;
    request.base_version = request.base_version.or(Some(preview.base_version));
    let reply: ApplyReply = client.post(routes::APPLY, &request)?;
    if let (Form::Text, Some(version)) = (form, reply.version) {
        screen.print(format_args!("configuration version {version} is live\n"));
    }
    if let (Some(limit), Some(index)) = (act.wait, reply.index) {
        let goals = Goal::of_plan(&reply.plan);
        wait_for(client, (screen, form), &goals, (index, limit))?;
        if form == Form::Text {
            screen.print("done\n");
        }
    }
    if form == Form::Json {
        screen.print_json(&reply);
    }
    Ok(Exit::Done)
}

/// What `apply` would refuse, and the option with which it does not.
#[derive(Serialize)]
struct Refusal {
    code: String,
    unless: &'static str,
}

/// Where nothing is made live: what would follow, and what `apply` would refuse.
#[derive(Serialize)]
struct Foretold<'a> {
    #[serde(flatten)]
    preview: &'a ApplyReply,
    refused: Vec<Refusal>,
}

/// Where nothing is made live: what would be said if it were, and the exit code of that. The
/// reasons for a refusal are on the screen already.
fn foretell(
    screen: &mut Screen,
    form: Form,
    (preview, request): (&ApplyReply, &ApplyRequest),
) -> Exit {
    let unfit = refuse_unfit(preview, request).err();
    let broken = refuse_broken(preview, request).err();
    let errors = [(unfit, "--ignore-environment"), (broken, "--break-rules")];
    let errors = errors.into_iter();
    let errors: Vec<_> = errors
        .filter_map(|(error, option)| Some((error?, option)))
        .collect();
    let refusal = |(error, unless): &(ApiError, &'static str)| Refusal {
        code: error.code.clone(),
        unless,
    };
    let refused: Vec<Refusal> = errors.iter().map(refusal).collect();
    match form {
        Form::Json => screen.print_json(&Foretold { preview, refused }),
        Form::Text => {
            show(screen, preview);
            for Refusal { code, unless } in refused {
                let line = format!("`apply` refuses this ({code}) without `{unless}`");
                let line = paint(&line, Tone::Care, screen.colour);
                screen.print(format_args!("{line}\n"));
            }
        }
    }
    // What `apply` would end with: it names the first of them.
    errors
        .first()
        .map_or(Exit::Done, |(error, _)| Exit::of(error))
}

/// What nodes lack.
fn refuse_unfit(preview: &ApplyReply, request: &ApplyRequest) -> Result<(), ApiError> {
    let obstacles = preview.environment.as_ref().map(|it| &it.obstacles);
    match obstacles {
        Some(lines) if !lines.is_empty() && !request.ignore_environment => {
            let mut error = ErrorCode::EnvironmentUnfit.error("nothing was changed");
            error.details = lines.clone();
            Err(error)
        }
        Some(_) | None => Ok(()),
    }
}

/// What would be refused is not asked for.
fn refuse_broken(preview: &ApplyReply, request: &ApplyRequest) -> Result<(), ApiError> {
    let news = preview.broken_rules.iter().filter(|rule| rule.is_news());
    let mut error = ErrorCode::RuleBroken.error("nothing was changed");
    error.details = news.map(api::RuleView::sentence).collect();
    match error.details.is_empty() || request.break_rules {
        true => Ok(()),
        false => Err(error),
    }
}

fn show(screen: &mut Screen, reply: &ApplyReply) {
    for warning in &reply.warnings {
        screen.print(format_args!("warning: {}\n", warning.trim_end()));
    }
    if let Some(environment) = &reply.environment {
        screen.print(environment_text(environment));
    }
    screen.print(changes(reply, screen.colour));
    let text = plan_text::plan(&reply.plan, screen.colour);
    screen.print(text);
    screen.print(what_if_text::rules(&reply.broken_rules, screen.colour));
}

/// What the nodes lack, above what the file changes.
fn environment_text(report: &EnvironmentReport) -> String {
    match report.text.trim_end() {
        "" => String::new(),
        text => format!("{text}\n\n"),
    }
}

/// `check --cluster [FILE]`: whether the nodes have what a configuration needs.
pub(crate) fn check_cluster(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    path: Option<&Path>,
) -> Result<Exit, ApiError> {
    let file = match path {
        Some(path) => match text_of(screen, form, path)? {
            Some(file) => Some(file),
            None => return Ok(Exit::Failed),
        },
        None => None,
    };
    let request = EnvironmentRequest {
        file_name: file
            .as_ref()
            .map(|(name, _)| name.clone())
            .unwrap_or_default(),
        source: file.map(|(_, source)| source),
    };
    let report: EnvironmentReport = client.post(routes::ENVIRONMENT, &request)?;
    match form {
        Form::Json => screen.print_json(&report),
        Form::Text => {
            screen.print(environment_text(&report));
            let verdict = match (report.ok, &report.silent.as_slice()) {
                (true, []) => "the nodes have what the configuration needs",
                (true, _) => "the nodes that answered have what the configuration needs",
                (false, _) => "nodes lack something",
            };
            screen.print(format_args!(
                "asked {} in {} ms: {verdict}\n",
                report.asked.join(", "),
                report.took_ms
            ));
        }
    }
    Ok(if report.ok { Exit::Done } else { Exit::Failed })
}

/// What the file changes, above what follows from it.
fn changes(reply: &ApplyReply, colour: config::Colour) -> String {
    let base = reply.base_version;
    if reply.changes.is_empty() {
        return format!("it says the same as version {base}, which is live\n");
    }
    let head = format!("what changes against version {base}, which is live");
    let mut text = format!("{}\n", paint(&head, Tone::Strong, colour));
    for change in &reply.changes {
        text.push_str(&format!("  {change}\n"));
    }
    text
}

/// `config ...`.
pub(crate) fn config(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    command: &ConfigCommand,
) -> Result<Exit, ApiError> {
    match command {
        ConfigCommand::Show { version } => {
            let found = fetch(client, *version)?;
            match form {
                Form::Json => screen.print_json(&found),
                Form::Text => screen.print(found.source.unwrap_or_default()),
            }
            Ok(Exit::Done)
        }
        ConfigCommand::History => history(client, screen, form),
        ConfigCommand::Diff { from, to } => diff(client, screen, form, (from.as_deref(), *to)),
        ConfigCommand::Rollback {
            version,
            despite,
            act,
        } => {
            let request = source_of(fetch(client, Some(*version))?);
            carry_out(client, screen, form, (request, *despite, *act))
        }
        ConfigCommand::Edit { despite, act } => edit(client, screen, form, (*despite, *act)),
    }
}

fn fetch(client: &Client, version: Option<u64>) -> Result<ConfigVersion, ApiError> {
    match version {
        Some(version) => client.get(&format!("{}/{version}", routes::CONFIG)),
        None => client.get(routes::CONFIG),
    }
}

fn source_of(version: ConfigVersion) -> ApplyRequest {
    ApplyRequest {
        source: version.source.unwrap_or_default(),
        file_name: format!("version {}", version.version),
        base_version: None,
        dry_run: true,
        force: false,
        break_rules: false,
        ignore_environment: false,
    }
}

fn history(client: &Client, screen: &mut Screen, form: Form) -> Result<Exit, ApiError> {
    let versions: ConfigVersions = client.get(routes::CONFIGS)?;
    if form == Form::Json {
        screen.print_json(&versions);
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<Cell>> = versions
        .versions
        .iter()
        .map(|version| {
            let live = if version.version == versions.live {
                "live"
            } else {
                ""
            };
            vec![
                cell(version.version.to_string()),
                cell(version.at.to_string()),
                cell(&version.by),
                cell(live),
            ]
        })
        .collect();
    let text = table(&["VERSION", "SINCE", "BY", ""], &rows, 0, screen.colour);
    screen.print(text);
    Ok(Exit::Done)
}

fn diff(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    (from, to): (Option<&str>, Option<u64>),
) -> Result<Exit, ApiError> {
    let (old, new) = match (from, from.and_then(|from| from.parse::<u64>().ok())) {
        (Some(_), Some(version)) => (fetch(client, Some(version))?, fetch(client, to)?),
        (Some(file), None) => {
            let file = File::open(Path::new(file))?;
            let new = ConfigVersion {
                source: Some(String::from_utf8_lossy(&file.bytes).into_owned()),
                ..ConfigVersion::default()
            };
            (fetch(client, None)?, new)
        }
        (None, _) => {
            let live = fetch(client, None)?;
            match live.version {
                0 | 1 => (ConfigVersion::default(), live),
                version => (fetch(client, Some(version - 1))?, live),
            }
        }
    };
    let text = config::text_diff(
        old.source.as_deref().unwrap_or_default(),
        new.source.as_deref().unwrap_or_default(),
    );
    match form {
        Form::Json => screen.print_json(&serde_json::json!({
            "from": old.version, "to": new.version, "diff": text,
        })),
        Form::Text if text.is_empty() => screen.print("no difference\n"),
        Form::Text => screen.print(text),
    }
    Ok(Exit::Done)
}

/// `config edit`: the live text, in the person's editor, applied if it is right.
fn edit(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    (despite, act): (DespiteArgs, ActArgs),
) -> Result<Exit, ApiError> {
    let live = fetch(client, None)?;
    let before = live.source.clone().unwrap_or_default();
    let path = scratch_file(&before)?;
    let edited = edited(&screen.editor, &path);
    if File::open(&path)?.bytes == before.as_bytes() {
        // Nothing of worth is lost with it, and a failure to remove it changes nothing.
        let _ = std::fs::remove_file(&path);
        edited?;
        return Ok(unchanged(screen, form, live.version));
    }
    let applied =
        edited.and_then(|()| apply_edited(client, screen, form, (&path, &live, despite, act)));
    match applied {
        // It is live, and `config show` prints it.
        Ok(Exit::Done) if !act.dry_run => drop(std::fs::remove_file(&path)),
        Ok(_) | Err(_) => screen.note(&format!("your text is kept in {}", path.display())),
    }
    applied
}

fn unchanged(screen: &mut Screen, form: Form, version: u64) -> Exit {
    match form {
        Form::Text => screen.print("nothing was changed\n"),
        Form::Json => screen.print_json(&ApplyReply {
            base_version: version,
            ..ApplyReply::default()
        }),
    }
    Exit::Done
}

fn apply_edited(
    client: &Client,
    screen: &mut Screen,
    form: Form,
    (path, live, despite, act): (&Path, &ConfigVersion, DespiteArgs, ActArgs),
) -> Result<Exit, ApiError> {
    let Some(mut request) = request_of(screen, form, path)? else {
        return Ok(Exit::Failed);
    };
    request.base_version = Some(live.version);
    carry_out(client, screen, form, (request, despite, act))
}

/// A new file that only this account reads, with `text`. The kernel's random bytes in its
/// name keep others from preparing it.
fn scratch_file(text: &str) -> Result<PathBuf, ApiError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let unique = std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default();
    let path = std::env::temp_dir().join(format!("mainstay-{}.toml", unique.trim()));
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    made.map_err(|error| {
        ErrorCode::EditorFailed
            .error(format!("cannot write {}", path.display()))
            .with_detail(error.to_string())
    })?;
    Ok(path)
}

fn edited(line: &str, path: &Path) -> Result<(), ApiError> {
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or("vi");
    match Command::new(program).args(words).arg(path).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(ErrorCode::EditorFailed.error(format!("{program} ended with {status}"))),
        Err(error) => Err(ErrorCode::EditorFailed
            .error(format!("cannot start {program}"))
            .with_detail(error.to_string())),
    }
}
