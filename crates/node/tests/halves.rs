//! Stories in which so much is gone that it matters who heard whom, and who may decide.

mod cluster;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(script));
}

#[test]
fn a_node_lost_while_the_next_leaders_daemon_restarts_is_fenced_at_once() {
    check(
        "nodes a b c
        service web prefer=c
        quiet 5s
        power-off leader
        daemon-kill a
        daemon-start a
        run 4s",
        expect![[r#"
            > quiet 5s
            > power-off leader
            > daemon-kill a
            > daemon-start a
            > run 4s
                6.03s  a is starting
                6.03s  a is online
                6.82s  c is lost: c silent for 800 ms, agreed by a and b
                6.82s  fence 27: a fences c: c silent for 800 ms, agreed by a and b
                7.02s  fence 27: c confirmed off by power-c
                7.02s  web stopped on c: c is proven off
                7.02s  c is down
                7.02s    c has no power
                7.03s  plan 28: start web on a: c is proven off
                7.03s    web/program starts on a
                7.08s  web runs on a
        "#]],
    );
}
