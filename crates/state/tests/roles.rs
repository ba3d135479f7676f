//! Roles: never are more copies promoted than are wanted, and nobody is before every other
//! that may be is counted.

mod cluster;

use std::collections::BTreeSet;

use cluster::*;
use model::command::{Report, ServiceOrder};
use model::operation::ResourceAddress;
use model::roles::{RoleSeen, RoleStanding, RoleTold, Roles};
use model::rules::{Copies, CopiesStart, CopyCount, TicketLoss};
use model::seen::{Found, ResourceState, TicketStanding};
use model::*;
use state::Applied;

/// Three nodes with a copy of db on each, all running.
fn three_copies(promoted: u32) -> (Cluster, [ClaimEpoch; 3]) {
    let mut cluster = Cluster::new();
    let mut spec = spec();
    let rules = &mut spec.services.get_mut(&name("db")).unwrap().rules;
    rules.copies = Some(Copies {
        count: CopyCount::EveryNode,
        per_node: 1,
        start: CopiesStart::Together,
    });
    rules.roles = Some(Roles {
        promoted,
        takers: BTreeSet::from([name("engine")]),
        ..Roles::default()
    });
    cluster.done(Command::SetSpec {
        base: 1,
        source: "y".into(),
        spec: Box::new(spec),
        by: name("ann"),
    });
    let epochs = [("a", A1, 0), ("b", B1, 1), ("c", C1, 2)].map(|(node, boot, copy)| {
        let epoch = grant_copy(&mut cluster, copy, (node, boot));
        cluster.done(told(
            (copy, node, boot),
            epoch,
            Report::Running,
            told_role(0, false),
        ));
        epoch
    });
    (cluster, epochs)
}

fn copy(number: u32) -> ServiceName {
    name::<ServiceName>("db").with_copy(number)
}

fn grant_copy(cluster: &mut Cluster, number: u32, (node, boot): (&str, BootId)) -> ClaimEpoch {
    let granted = cluster.done(Command::Grant {
        service: copy(number),
        node: name(node),
        boot,
        plan: PlanId(1),
        because: Reason::ShouldRun,
    });
    match granted {
        Applied::Granted(epoch) => epoch,
        other => panic!("{other:?}"),
    }
}

fn told_role(turn: u32, promoted: bool) -> RoleTold {
    RoleTold {
        turn,
        standing: match promoted {
            true => RoleStanding::Promoted,
            false => RoleStanding::Unpromoted,
        },
    }
}

fn told(
    (number, node, boot): (u32, &str, BootId),
    epoch: ClaimEpoch,
    report: Report,
    role: RoleTold,
) -> Command {
    Command::Report {
        node: name(node),
        boot,
        run: 0,
        service: copy(number),
        epoch,
        incarnation: 0,
        report,
        resources: Vec::new(),
        role,
    }
}

fn promote(number: u32, epoch: ClaimEpoch) -> Command {
    Command::Promote {
        service: copy(number),
        epoch,
        plan: PlanId(2),
        because: Reason::ShouldBePromoted,
    }
}

fn demote(number: u32, epoch: ClaimEpoch) -> Command {
    Command::Demote {
        service: copy(number),
        epoch,
        plan: PlanId(3),
        because: Reason::ShouldBePromoted,
    }
}

fn role_of(cluster: &Cluster, number: u32) -> RoleSeen {
    let seen = &cluster.state.seen().services[&copy(number)];
    seen.claim.as_ref().unwrap().role
}

#[test]
fn a_second_copy_is_promoted_only_after_the_word_that_the_first_is_demoted() {
    let (mut cluster, [a, b, _]) = three_copies(1);
    cluster.done(promote(0, a));
    let still = "db:0 may still be promoted on a";
    assert_eq!(cluster.rejected(promote(1, b)), still);
    cluster.done(told((0, "a", A1), a, Report::Running, told_role(1, true)));
    assert_eq!(role_of(&cluster, 0), RoleSeen::Promoted);
    cluster.done(demote(0, a));
    assert_eq!(cluster.rejected(promote(1, b)), still);
    cluster.done(told((0, "a", A1), a, Report::Running, told_role(2, false)));
    cluster.done(promote(1, b));
    assert_eq!(role_of(&cluster, 0), RoleSeen::Unpromoted);
}

#[test]
fn a_word_about_an_earlier_wish_proves_nothing() {
    let (mut cluster, [a, b, _]) = three_copies(1);
    // Said before it had seen the promotion; arrives after the demotion.
    let early = told((0, "a", A1), a, Report::Running, told_role(0, false));
    cluster.done(promote(0, a));
    cluster.done(early.clone());
    assert_eq!(role_of(&cluster, 0), RoleSeen::Promoting);
    cluster.done(demote(0, a));
    cluster.done(early);
    assert_eq!(role_of(&cluster, 0), RoleSeen::Demoting);
    // Demoted, promoted again: what it said of the demotion comes once more.
    let demoted = told((0, "a", A1), a, Report::Running, told_role(2, false));
    cluster.done(demoted.clone());
    cluster.done(promote(0, a));
    cluster.done(demote(0, a));
    cluster.done(demoted);
    assert_eq!(role_of(&cluster, 0), RoleSeen::Demoting);
    let still = "db:0 may still be promoted on a";
    assert_eq!(cluster.rejected(promote(1, b)), still);
}

#[test]
fn who_was_promoted_on_a_lost_node_counts_until_the_node_is_proven_off() {
    let (mut cluster, [a, b, _]) = three_copies(1);
    cluster.done(promote(0, a));
    let fence = cluster.fence_a(A1);
    let still = "db:0 may still be promoted on a";
    assert_eq!(cluster.rejected(promote(1, b)), still);
    cluster.done(confirmed(fence, "b", B1));
    cluster.done(promote(1, b));
}

#[test]
fn what_is_found_running_may_be_promoted_until_its_node_says_otherwise() {
    let (mut cluster, [a, b, _]) = three_copies(1);
    // The claim on a is given back, and a copy is found there all the same.
    cluster.done(told((0, "a", A1), a, Report::Stopped, told_role(0, false)));
    cluster.done(Command::NodeUp {
        node: name("a"),
        boot: A1,
        run: 7,
    });
    let address = ResourceAddress {
        service: copy(0),
        resource: name("engine"),
    };
    cluster.done(Command::Probed {
        node: name("a"),
        boot: A1,
        run: 7,
        found: vec![Found {
            address,
            state: ResourceState::Running,
        }],
    });
    let still = "db:0 may still be promoted on a";
    assert_eq!(cluster.rejected(promote(1, b)), still);
    let adopted = grant_copy(&mut cluster, 0, ("a", A1));
    assert_eq!(cluster.rejected(promote(1, b)), still);
    cluster.done(told(
        (0, "a", A1),
        adopted,
        Report::Running,
        told_role(1, false),
    ));
    cluster.done(promote(1, b));
}

#[test]
fn a_node_that_has_not_told_what_runs_there_may_have_a_promoted_copy() {
    let (mut cluster, [_, b, _]) = three_copies(1);
    cluster.done(Command::NodeUp {
        node: name("a"),
        boot: A2,
        run: 0,
    });
    let still = "db:1 may still be promoted on a";
    assert_eq!(cluster.rejected(promote(1, b)), still);
}

#[test]
fn as_many_are_promoted_as_are_wanted_and_no_more() {
    let (mut cluster, [a, b, c]) = three_copies(2);
    cluster.done(promote(0, a));
    cluster.done(promote(2, c));
    let still = "db:0 may still be promoted on a";
    assert_eq!(cluster.rejected(promote(1, b)), still);
    let twice = "db:0 is promoted on a already";
    assert_eq!(cluster.rejected(promote(0, a)), twice);
}

#[test]
fn what_does_not_run_is_not_promoted_and_what_has_no_roles_neither() {
    let (mut cluster, [a, _, _]) = three_copies(1);
    cluster.done(told((0, "a", A1), a, Report::Stopped, told_role(0, false)));
    let again = grant_copy(&mut cluster, 0, ("a", A1));
    assert_eq!(cluster.rejected(promote(0, again)), "db:0 does not run now");
}

#[test]
fn a_copy_that_says_it_is_promoted_unasked_counts_from_then_on() {
    let (mut cluster, [a, b, _]) = three_copies(1);
    cluster.done(told((0, "a", A1), a, Report::Running, told_role(0, true)));
    assert_eq!(role_of(&cluster, 0), RoleSeen::Demoting);
    let still = "db:0 may still be promoted on a";
    assert_eq!(cluster.rejected(promote(1, b)), still);
}

#[test]
fn an_order_to_move_the_role_is_kept_with_the_promoted_copy() {
    let (mut cluster, [a, b, _]) = three_copies(1);
    let order = |to: &str| Command::Service {
        service: name("db"),
        order: ServiceOrder::Move { to: Some(name(to)) },
        by: name("ann"),
    };
    let nobody = "no copy of db is promoted, so the role cannot move";
    assert_eq!(cluster.rejected(order("b")), nobody);
    cluster.done(promote(0, a));
    let there = "db is promoted on a already";
    assert_eq!(cluster.rejected(order("a")), there);
    cluster.done(order("b"));
    let moving = |cluster: &Cluster| cluster.state.seen().services[&copy(0)].moving_role.clone();
    assert_eq!(moving(&cluster).unwrap().to, Some(name("b")));
    cluster.done(demote(0, a));
    cluster.done(told((0, "a", A1), a, Report::Running, told_role(2, false)));
    cluster.done(promote(1, b));
    assert_eq!(moving(&cluster), None);
}

/// A plan may be older than the word of a person that a ticket is gone.
#[test]
fn where_only_the_role_needs_tickets_nobody_is_promoted_without_them() {
    let (mut cluster, [first, ..]) = three_copies(1);
    let mut spec = cluster.state.spec().unwrap().clone();
    let rules = &mut spec.services.get_mut(&name("db")).unwrap().rules;
    rules.tickets = [
        (name("branch"), TicketLoss::Stop),
        (name("region"), TicketLoss::Demote),
        (name("site"), TicketLoss::Demote),
    ]
    .into();
    cluster.done(Command::SetSpec {
        base: 2,
        source: "z".into(),
        spec: Box::new(spec),
        by: name("ann"),
    });
    let missing = |ticket: &str| format!("ticket {ticket} is not here");
    let stands = |cluster: &mut Cluster, ticket: &str, standing| {
        cluster.done(Command::SetTicket {
            ticket: name(ticket),
            standing,
            by: name("ann"),
        });
    };
    assert_eq!(cluster.rejected(promote(0, first)), missing("region"));
    stands(&mut cluster, "site", TicketStanding::Granted);
    assert_eq!(cluster.rejected(promote(0, first)), missing("region"));
    stands(&mut cluster, "region", TicketStanding::Granted);
    stands(&mut cluster, "site", TicketStanding::Standby);
    assert_eq!(cluster.rejected(promote(0, first)), missing("site"));
    stands(&mut cluster, "site", TicketStanding::Granted);
    cluster.done(promote(0, first));
    assert_eq!(role_of(&cluster, 0), RoleSeen::Promoting);
}
