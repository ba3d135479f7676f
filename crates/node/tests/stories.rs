//! Whole clusters, told as an operator would read them. Lines that begin with `>` are what
//! happens or is ordered; below are the history of the cluster and, indented, what really
//! started and stopped.

mod cluster;

use expect_test::{Expect, expect};

fn check(script: &str, expected: Expect) {
    expected.assert_eq(&cluster::story::play(script));
}

#[test]
fn a_new_cluster_starts_its_services() {
    check(
        "nodes a b c
        service db prefer=a resources=disk,program
        service web prefer=b after=db
        run 10s",
        expect![[""]],
    );
}
