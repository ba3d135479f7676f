//! What the screen shows in windows of different sizes.

use api::{NodeStatus, ServiceState, ServiceStatus, Timestamp};
use expect_test::{Expect, expect};
use model::WallTime;

use super::*;

const NOW: WallTime = WallTime(1_795_143_600_000);

fn ago(seconds: u64) -> Timestamp {
    Timestamp(WallTime(NOW.0 - seconds * 1000))
}

fn status() -> Status {
    let node = |name: &str, state: &str| NodeStatus {
        name: name.into(),
        state: state.into(),
        since: ago(7500),
        ..NodeStatus::default()
    };
    let service = |name: &str, on: &str| ServiceStatus {
        name: name.into(),
        state: ServiceState::Running,
        node: Some(on.into()),
        since: ago(125),
        reason: "gamma is proven off".into(),
        ..ServiceStatus::default()
    };
    Status {
        cluster: "shop".into(),
        quorate: true,
        leader: Some("alpha".into()),
        epoch: 7,
        spec_version: 4,
        seen_by: "alpha".into(),
        age_ms: 120,
        nodes: vec![node("alpha", "online"), node("gamma", "lost")],
        services: vec![service("db", "alpha"), service("web", "alpha")],
        ..Status::default()
    }
}

fn history(entries: u64) -> Vec<HistoryEntryView> {
    (1..=entries)
        .map(|number| HistoryEntryView {
            at: ago(entries - number),
            kind: "running".into(),
            text: format!("happening {number} of web"),
            ..HistoryEntryView::default()
        })
        .collect()
}

fn picture(
    size: (usize, usize),
    entries: u64,
    trouble: Option<&str>,
    colour: Colour,
) -> Vec<String> {
    let (width, height) = size;
    let (status, history) = (status(), history(entries));
    let picture = Picture {
        status: &status,
        history: &history,
        trouble,
    };
    compose(Size { width, height }, picture, Look { now: NOW, colour })
}

/// The screen, each line with a bar where the window ends.
fn check(size: (usize, usize), entries: u64, trouble: Option<&str>, expected: Expect) {
    let lines = picture(size, entries, trouble, Colour::Never);
    let framed: String = lines
        .iter()
        .map(|line| format!("{line:<width$}|\n", width = size.0))
        .collect();
    expected.assert_eq(&framed);
}

#[test]
fn the_newest_history_fills_what_the_status_leaves() {
    check(
        (72, 18),
        40,
        None,
        expect![[r#"
            cluster shop: 1 of 2 nodes online, quorate, leader alpha; all 2 services|
            run                                                                     |
            seen by alpha, 0.1 s ago; configuration version 4, view 7               |
                                                                                    |
            NODE   STATE   FOR        LINKS  WHY                                    |
            alpha  online  2 h 5 min  -                                             |
            gamma  lost    2 h 5 min  -                                             |
                                                                                    |
            SERVICE  STATE    NODE   FOR    RESOURCES  WHY                          |
            db       running  alpha  2 min  0 of 0     gamma is proven off          |
            web      running  alpha  2 min  0 of 0     gamma is proven off          |
                                                                                    |
            history                                                                 |
            2026-11-20T02:59:57.000Z  happening 37 of web                           |
            2026-11-20T02:59:58.000Z  happening 38 of web                           |
            2026-11-20T02:59:59.000Z  happening 39 of web                           |
            2026-11-20T03:00:00.000Z  happening 40 of web                           |
            q leaves                                                                |
        "#]],
    );
}

#[test]
fn little_history_leaves_the_rest_empty() {
    check(
        (72, 16),
        1,
        None,
        expect![[r#"
            cluster shop: 1 of 2 nodes online, quorate, leader alpha; all 2 services|
            run                                                                     |
            seen by alpha, 0.1 s ago; configuration version 4, view 7               |
                                                                                    |
            NODE   STATE   FOR        LINKS  WHY                                    |
            alpha  online  2 h 5 min  -                                             |
            gamma  lost    2 h 5 min  -                                             |
                                                                                    |
            SERVICE  STATE    NODE   FOR    RESOURCES  WHY                          |
            db       running  alpha  2 min  0 of 0     gamma is proven off          |
            web      running  alpha  2 min  0 of 0     gamma is proven off          |
                                                                                    |
            history                                                                 |
            2026-11-20T03:00:00.000Z  happening 1 of web                            |
                                                                                    |
            q leaves                                                                |
        "#]],
    );
}

#[test]
fn a_narrow_window_cuts_lines_where_it_ends() {
    check(
        (24, 16),
        3,
        None,
        expect![[r#"
            cluster shop: 1 of 2    |
            nodes online, quorate,  |
            leader alpha; all 2     |
            services run            |
            seen by alpha, 0.1 s ag…|
                                    |
            NODE   STATE   FOR     …|
            alpha  online  2 h 5 mi…|
            gamma  lost    2 h 5 mi…|
            ... 4 more lines: `main…|
                                    |
            history                 |
            2026-11-20T02:59:58.000…|
            2026-11-20T02:59:59.000…|
            2026-11-20T03:00:00.000…|
            q leaves                |
        "#]],
    );
}

#[test]
fn a_short_window_says_how_much_it_does_not_show() {
    check(
        (60, 6),
        3,
        None,
        expect![[r#"
            cluster shop: 1 of 2 nodes online, quorate, leader alpha;   |
            all 2 services run                                          |
            seen by alpha, 0.1 s ago; configuration version 4, view 7   |
                                                                        |
            ... 7 more lines: `mainstay status` shows them              |
            q leaves                                                    |
        "#]],
    );
}

#[test]
fn a_window_of_thirteen_lines_keeps_some_for_history() {
    check(
        (60, 13),
        9,
        None,
        expect![[r#"
            cluster shop: 1 of 2 nodes online, quorate, leader alpha;   |
            all 2 services run                                          |
            seen by alpha, 0.1 s ago; configuration version 4, view 7   |
                                                                        |
            NODE   STATE   FOR        LINKS  WHY                        |
            alpha  online  2 h 5 min  -                                 |
            ... 5 more lines: `mainstay status` shows them              |
                                                                        |
            history                                                     |
            2026-11-20T02:59:58.000Z  happening 7 of web                |
            2026-11-20T02:59:59.000Z  happening 8 of web                |
            2026-11-20T03:00:00.000Z  happening 9 of web                |
            q leaves                                                    |
        "#]],
    );
}

#[test]
fn a_daemon_that_went_away_is_told_and_the_last_status_stays() {
    check(
        (76, 12),
        0,
        Some("the daemon of this node does not run"),
        expect![[r#"
            cluster shop: 1 of 2 nodes online, quorate, leader alpha; all 2 services run|
            seen by alpha, 0.1 s ago; configuration version 4, view 7                   |
                                                                                        |
            NODE   STATE   FOR        LINKS  WHY                                        |
            alpha  online  2 h 5 min  -                                                 |
            gamma  lost    2 h 5 min  -                                                 |
                                                                                        |
            SERVICE  STATE    NODE   FOR    RESOURCES  WHY                              |
            db       running  alpha  2 min  0 of 0     gamma is proven off              |
            web      running  alpha  2 min  0 of 0     gamma is proven off              |
                                                                                        |
            the daemon of this node does not run; this is 0.1 s old, trying again; q le…|
        "#]],
    );
}

#[test]
fn no_window_is_too_small_and_no_line_too_long() {
    for colour in [Colour::Never, Colour::Always] {
        for width in 0..90 {
            for height in 0..30 {
                let lines = picture((width, height), 20, None, colour);
                assert_eq!(lines.len(), height);
                for line in &lines {
                    assert!(visible_length(line) <= width, "{width}: {line:?}");
                }
            }
        }
    }
}

#[test]
fn a_cut_line_ends_its_colour() {
    let line = "\x1b[32mrunning\x1b[0m on alpha";
    assert_eq!(cut(line, 4), "\x1b[32mrun…\x1b[0m");
    assert_eq!(cut(line, 16), line);
    assert_eq!(cut("a\tb", 3), "a b");
}
