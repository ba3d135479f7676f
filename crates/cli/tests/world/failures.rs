//! What would happen if something failed.

use api::{
    ApiError, BackView, DownView, ErrorCode, FailureView, RuleView, WhatIfReply, WhatIfRequest,
};

use super::outage;

fn failure(names: &[&str], down: &[(&str, &str)], back: &[(&str, &str)]) -> FailureView {
    FailureView {
        failures: names.iter().map(ToString::to_string).collect(),
        deciders: "majority".into(),
        because: None,
        down: down
            .iter()
            .map(|(service, because)| DownView {
                service: (*service).into(),
                because: (*because).into(),
            })
            .collect(),
        back: back
            .iter()
            .map(|(service, node)| BackView {
                service: (*service).into(),
                node: (*node).into(),
                equals: Vec::new(),
                outage: outage(860, Some(7)),
            })
            .collect(),
        ..FailureView::default()
    }
}

fn alone(failure: FailureView) -> WhatIfReply {
    WhatIfReply {
        singles: vec![failure],
        ..WhatIfReply::default()
    }
}

fn a_card_of_alpha() -> FailureView {
    let mut card = failure(&["card alpha/eth0"], &[], &[]);
    card.carried.push(api::CarriedView {
        service: "web".into(),
        node: "alpha".into(),
        card: "eth1".into(),
        outage: api::OutageView {
            text: "about 80 ms without answer; estimated".into(),
            about_ms: 80,
            ..api::OutageView::default()
        },
    });
    card
}

fn beta_with_roles() -> FailureView {
    let mut beta = failure(&["node beta"], &[], &[("db:1", "gamma")]);
    beta.roles = vec![
        api::RoleView {
            service: "db".into(),
            node: Some("alpha".into()),
            because: None,
            outage: Some(outage(910, Some(4))),
        },
        api::RoleView {
            service: "mail".into(),
            because: Some("no copy can be promoted".into()),
            ..api::RoleView::default()
        },
    ];
    beta
}

fn beta_and_gamma() -> FailureView {
    let mut both = failure(&["node beta", "node gamma"], &[], &[("db", "alpha")]);
    both.back[0].equals = vec!["alpha".into(), "delta".into()];
    both
}

/// Three nodes with one network, as a daemon would tell of them.
pub fn what_if(request: &WhatIfRequest) -> Result<WhatIfReply, ApiError> {
    let unproven = "waits until alpha is proven off: power-alpha: it does not answer";
    let no_quorum = "no quorum, so it stops (policy stop): 1 of 3 voters are left";
    let rule = |holds: bool| RuleView {
        service: "web".into(),
        rule: "any-one".into(),
        holds,
        broken_by: vec!["network lan".into()],
        because: Some(no_quorum.into()),
        times: 1,
        broken_before: false,
    };
    let alpha = failure(&["node alpha"], &[], &[("web", "beta")]);
    match request.fail.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {}
        ["alpha"] => {
            return Ok(WhatIfReply {
                singles: vec![alpha],
                rules: vec![rule(true)],
                ..WhatIfReply::default()
            });
        }
        ["card:alpha/eth0"] => return Ok(alone(a_card_of_alpha())),
        ["beta"] => return Ok(alone(beta_with_roles())),
        ["beta", "gamma"] => return Ok(alone(beta_and_gamma())),
        [other, ..] => {
            let message = format!("there is no `{other}` that could fail");
            return Err(ErrorCode::NoSuchFailure.error(message));
        }
    }
    let nothing = |name: &str| failure(&[name], &[], &[]);
    let lan = failure(
        &["network lan"],
        &[("db", no_quorum), ("web", no_quorum)],
        &[],
    );
    Ok(WhatIfReply {
        version: 4,
        not_running: Vec::new(),
        singles: vec![
            alpha,
            nothing("node beta"),
            failure(&["node gamma"], &[], &[("db", "alpha")]),
            lan,
            nothing("fence power-alpha"),
            nothing("fence power-beta"),
            nothing("fence power-gamma"),
            failure(&["resource web/process-2"], &[], &[("web", "beta")]),
        ],
        single_points: vec!["network lan".into()],
        doubles_count: 28,
        doubles: vec![
            failure(
                &["node alpha", "node beta"],
                &[("db", no_quorum), ("web", no_quorum)],
                &[],
            ),
            failure(
                &["node alpha", "fence power-alpha"],
                &[("web", unproven)],
                &[],
            ),
        ],
        left_out: 0,
        rules: vec![rule(false)],
        took_ms: 1,
    })
}
