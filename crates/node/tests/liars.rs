//! Stories of devices that lie to a half, outside the log.

mod cluster;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(script));
}

#[test]
fn a_device_that_lied_before_the_half_went_on_is_not_trusted_any_more() {
    check(
        "nodes a b c d
        service web prefer=a
        quiet 5s
        move web a
        quiet 3s
        fence c lies
        fence d takes 20s
        cut c
        power-off d
        run 4s
        heal
        run 6s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 3s
            > fence c lies
            > fence d takes 20s
            > cut c
            > power-off d
            > run 4s
                8.72s    a fences c for its half
                8.72s    a fences d for its half
               10.87s    web/program stops on a
            > heal
            > run 6s
               12.04s  web stopped on a: the lease of a ended
               12.04s  d is lost: d silent for 800 ms, agreed by a and b
               12.05s  fence 40: a fences d: d silent for 800 ms, agreed by a and b
               12.05s  plan 39: start web on a: the lease of a ended
               12.05s    web/program starts on a
               12.10s  web runs on a
               13.34s  ALARM: c lives, although fence device power-c confirmed it off; nothing was decided on it
        "#]],
    );
}
