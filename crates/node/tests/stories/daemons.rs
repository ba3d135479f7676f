//! Daemons that close, return, and remember.

use super::*;

#[test]
fn all_daemons_close_and_return_and_nothing_is_touched() {
    check(
        "nodes a b c
        service web
        service db
        quiet 5s
        daemon-kill a
        daemon-kill b
        daemon-kill c
        run 20s
        daemon-start a
        run 1s
        daemon-start b
        run 1s
        daemon-start c
        run 10s",
        expect![[r#"
            > quiet 5s
            > daemon-kill a
            > daemon-kill b
            > daemon-kill c
            > run 20s
            > daemon-start a
            > run 1s
            > daemon-start b
            > run 1s
               26.40s  a is starting
               26.41s  a is online
               26.42s  b is starting
               26.43s  b is online
               26.64s  c is daemon-down
            > daemon-start c
            > run 10s
               27.04s  c is starting
               27.05s  c is online
        "#]],
    );
}

#[test]
fn a_daemon_that_stays_closed_is_fenced_after_its_grace() {
    check(
        "nodes a b c
        service web
        quiet 5s
        move web a
        quiet 5s
        daemon-kill a
        run 40s",
        expect![[r#"
            > quiet 5s
            > move web a
            > quiet 5s
            > daemon-kill a
            > run 40s
               10.28s  a is daemon-down
               40.28s  a is lost: the daemon of a stayed down for too long
               40.28s  fence 32: b fences a: the daemon of a stayed down for too long
               40.48s  fence 32: a confirmed off by power-a
               40.48s  web stopped on a: a is proven off
               40.48s  a is down
               40.48s    a has no power
               40.49s  plan 33: start web on b: a is proven off
               40.49s    web/program starts on b
               40.54s  web runs on b
        "#]],
    );
}

#[test]
fn a_daemon_that_returns_does_not_fence_on_what_it_remembers() {
    check(
        "nodes a b c
        service web
        quiet 5s
        fence a takes 1s
        power-off a
        run 1s
        daemon-kill b
        run 5s
        boot a
        run 5s
        daemon-start b
        run 10s",
        expect![[r#"
            > quiet 5s
            > fence a takes 1s
            > power-off a
            > run 1s
                5.78s  a is lost: a silent for 800 ms, agreed by b and c
                5.78s  fence 24: b fences a: a silent for 800 ms, agreed by b and c
            > daemon-kill b
            > run 5s
                6.79s    a has no power
            > boot a
            > run 5s
                6.18s  fence 24: a not fenced: b, which was to do it, is no longer online
                6.18s  b is daemon-down
               11.36s  fence 24: a came back under a newer boot
               11.36s  a is starting
               11.37s  a is online
            > daemon-start b
            > run 10s
               16.07s  b is starting
               16.07s  b is online
        "#]],
    );
}

#[test]
fn what_a_killed_daemon_still_had_to_say_ends_no_claim_of_the_next() {
    check(
        "nodes a b c
        service web
        quiet 5s
        fault b web start-hangs
        move web b
        quiet 1s
        fence b fails 100
        cut b
        run 12s
        fault b web none
        delay b 2s
        heal
        quiet 500ms
        daemon-kill b
        delay b 0s
        daemon-start b
        run 4s",
        expect![[r#"
            > quiet 5s
            > fault b web start-hangs
            > move web b
            > quiet 1s
            > fence b fails 100
            > cut b
            > run 12s
                6.78s  b is lost: b silent for 800 ms, agreed by a and c
                6.78s  fence 30: a fences b: b silent for 800 ms, agreed by a and c
                6.99s  fence 30: b not fenced by power-b: no answer
                6.99s  fence 32: c fences b: b silent for 800 ms, agreed by a and c
                7.19s  fence 32: b not fenced by power-b: no answer
                8.91s    web/program stops on b
               12.19s  fence 34: a fences b: b silent for 800 ms, agreed by a and c
               12.39s  fence 34: b not fenced by power-b: no answer
               17.39s  fence 36: c fences b: b silent for 800 ms, agreed by a and c
               17.59s  fence 36: b not fenced by power-b: no answer
            > fault b web none
            > delay b 2s
            > heal
            > quiet 500ms
            > daemon-kill b
            > delay b 0s
            > daemon-start b
            > run 4s
               18.62s    web/program starts on b
               18.67s  web runs on b
               21.53s  web stopped on b: the lease of b ended
               21.53s    web/program stops on b
               21.53s  plan 43: start web on a: the lease of b ended
               21.53s    web/program starts on a
               21.58s  web runs on a
        "#]],
    );
}

/// After each timer the cluster checks that none is due still. Here a restart that waits
/// falls due when the leader has proposed something that nobody can acknowledge.
#[test]
fn a_leader_that_may_not_decide_sets_no_timers_for_decisions() {
    check(
        "nodes a b c
        service web restart=5
        quiet 5s
        kill web on c
        quiet 1s
        kill web on c
        run 100ms
        power-off a
        daemon-kill b
        run 4s",
        expect![[r#"
            > quiet 5s
            > kill web on c
                5.00s    web/program dies
            > quiet 1s
            > kill web on c
                6.00s    web/program dies
            > run 100ms
                6.00s  web failed on c: program: signal 9
            > power-off a
            > daemon-kill b
            > run 4s
        "#]],
    );
}

/// The log on its disk still says that the service may run there; it was given back since.
#[test]
fn a_daemon_that_returns_carries_out_nothing_that_only_its_disk_says() {
    use cluster::form::{name, service, spec};
    use cluster::machine::Fault;
    use std::time::Duration;

    let nodes = ["a", "b", "c"];
    let services = [("web", service(&["prefer=b"]))];
    let mut cluster = cluster::Cluster::new(&nodes, &spec(&nodes, &services), 1);
    for machine in cluster.machines.values_mut() {
        machine.faults.insert(name("web"), Fault::StartHangs);
    }
    cluster.run(Duration::from_secs(5));
    let holder = |cluster: &cluster::Cluster| {
        let claim = cluster.newest().0.seen().services[&name("web")]
            .claim
            .clone();
        claim.map(|claim| cluster.id(claim.node.as_str()))
    };
    let first = holder(&cluster).unwrap();
    cluster.switches.get_mut(&first).unwrap().fails = 100;
    cluster.cut_off(first);
    cluster.run(Duration::from_secs(4));
    assert!(cluster.machines[&first].running.is_empty());
    cluster.machines.values_mut().for_each(|m| m.faults.clear());
    cluster.cut.clear();
    // It gives the claim back, and is cut off before it hears that this is so.
    let millisecond = Duration::from_millis(1);
    let given_back = (0..2000).find(|_| {
        cluster.run(millisecond);
        holder(&cluster) != Some(first)
    });
    assert!(given_back.is_some());
    cluster.cut_off(first);
    cluster.kill_daemon(first);
    cluster.start_daemon(first);
    let on_disk = cluster.machines[&first].disk.hard_state.commit;
    assert!(on_disk < cluster.newest().1);
    // A breach of S1 or S2 would end this.
    cluster.run(Duration::from_secs(2));
    assert!(cluster.machines[&first].running.is_empty());
    assert!(holder(&cluster).is_some_and(|other| other != first));
}

/// The follower still takes the old leader for the leader, and that one has begun anew.
#[test]
fn an_order_that_a_leader_no_longer_takes_waits_for_the_next_one() {
    check(
        "nodes a b c
        service web
        quiet 5s
        daemon-kill leader
        run 50ms
        ask a stop web
        daemon-start c
        run 5s",
        expect![[r#"
            > quiet 5s
            > daemon-kill leader
            > run 50ms
            > ask a stop web
            > daemon-start c
            > run 5s
                5.05s  ann: stop web
                5.09s  c is starting
                5.10s  c is online
                5.10s  plan 26: stop web on c: asked by ann
                5.13s  web stopped on c: asked by ann
                5.13s    web/program stops on c
        "#]],
    );
}

/// It may stand in a log all the same, by a copy that came before.
#[test]
fn an_order_that_nobody_takes_in_time_is_not_told_as_undone() {
    check(
        "nodes a b c
        service web
        quiet 5s
        daemon-kill leader
        run 50ms
        ask a stop web
        daemon-start c
        run 10ms
        cut b
        cut c
        run 10s
        ask a stop web
        run 10s",
        expect![[r#"
            > quiet 5s
            > daemon-kill leader
            > run 50ms
            > ask a stop web
            > daemon-start c
            > run 10ms
            > cut b
            > cut c
            > run 10s
               15.06s  told by then: no answer in time; look at `mainstay history` before you try again
            > ask a stop web
            > run 10s
               25.06s  told by then: the cluster has no quorate leader, so nothing can be decided now
        "#]],
    );
}
