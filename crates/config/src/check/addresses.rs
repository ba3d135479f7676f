//! Addresses of services.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

use ipnet::IpNet;
use model::spec::{AddressSpec, ResourceKind};

use crate::read::{Addresses, Context};
use crate::{Code, Problem};

/// Checks every address of every service, and those that services share.
pub(super) fn check(context: &mut Context<'_>) {
    let own: BTreeMap<IpAddr, String> = context
        .spec
        .nodes
        .iter()
        .flat_map(|(node, spec)| {
            spec.networks.iter().map(move |(network, a)| {
                (a.address.addr(), format!("node/{node}/{network}/address"))
            })
        })
        .collect();
    let mut problems = Vec::new();
    for (name, definition) in &context.definitions {
        if let Some(ResourceKind::Address(address)) = &definition.kind {
            let at = context.places.of(&format!("resource/{name}"));
            let unfit = unfit(context, &own, (address, &at));
            problems.extend(unfit.or_else(|| outside(context, address, at)));
        }
    }
    let mut seen: BTreeMap<IpAddr, (String, String)> = BTreeMap::new();
    for (service, spec) in &context.spec.services {
        for resource in &spec.resources {
            let ResourceKind::Address(address) = &resource.kind else {
                continue;
            };
            let path = format!("service/{service}/{}", resource.name);
            let at = context.places.of(&path);
            let ip = address.address.addr();
            let unfit = unfit(context, &own, (address, &at));
            // What is wrong with a shared address was said at its definition.
            let is_shared = context.shared.contains_key(&path);
            if unfit.is_some() {
                problems.extend(unfit.filter(|_| !is_shared));
            } else if let Some((other, other_path)) = seen.get(&ip) {
                problems.push(twice(
                    context,
                    ip,
                    [(service.as_str(), &path), (other, other_path)],
                ));
            } else {
                seen.insert(ip, (service.to_string(), path));
                problems.extend(outside(context, address, at).filter(|_| !is_shared));
            }
        }
    }
    context.problems.extend(problems);
}

/// An address that no service can have.
fn unfit(
    context: &Context<'_>,
    own: &BTreeMap<IpAddr, String>,
    (address, at): (&AddressSpec, &Range<usize>),
) -> Option<Problem> {
    if let Some(problem) = unusable(address.address, at.clone()) {
        return Some(problem);
    }
    let ip = address.address.addr();
    let node_path = own.get(&ip)?;
    let node = node_path.split('/').nth(1).unwrap_or_default();
    Some(
        Problem::new(
            Code::AddressOfNode,
            format!("{ip} is the own address of {node}"),
        )
        .at(at.clone(), "cannot move between nodes")
        .at(context.places.of(node_path), "belongs to the node")
        .help("choose an address that no machine has"),
    )
}

/// One address in two resources, each given by its service and path.
fn twice(context: &Context<'_>, ip: IpAddr, users: [(&str, &String); 2]) -> Problem {
    let [(service, path), (other, other_path)] = users;
    let mut problem = Problem::new(Code::AddressTwice, format!("{ip} is used twice"))
        .at(context.places.of(path), format!("by service {service}"))
        .at(
            context.places.of(other_path),
            format!("and by service {other}"),
        )
        .help("give each service its own address, or put both programs into one service");
    let mut definitions = [path, other_path]
        .map(|path| context.shared.get(path))
        .to_vec();
    definitions.dedup();
    for name in definitions.into_iter().flatten() {
        let at = context.places.of(&format!("resource/{name}"));
        problem = problem.at(at, "it stands here");
    }
    problem
}

/// An address that is in none of its network's subnets.
fn outside(context: &Context<'_>, address: &AddressSpec, at: Range<usize>) -> Option<Problem> {
    if context.addresses == Addresses::Doubtful {
        return None;
    }
    let (ip, network) = (address.address.addr(), &address.network);
    let subnets: &[IpNet] = context.subnets.get(network).map_or(&[], Vec::as_slice);
    if subnets.is_empty() || subnets.iter().any(|subnet| subnet.contains(&ip)) {
        return None;
    }
    let list: Vec<String> = subnets.iter().map(ToString::to_string).collect();
    let list = list.join(", ");
    let same_family = subnets
        .iter()
        .any(|subnet| subnet.addr().is_ipv4() == ip.is_ipv4());
    Some(match same_family {
        true => Problem::new(
            Code::AddressOutside,
            format!("{ip} is not on network {network}"),
        )
        .at(at, format!("{network} is {list}"))
        .help(format!(
            "use an address of {list}, or name the right `network`"
        )),
        false => Problem::new(
            Code::OtherFamily,
            format!("nobody can check that {ip} belongs to network {network}"),
        )
        .at(at, format!("nodes are on {list} there"))
        .help("make sure that the routers know this address on that network"),
    })
}

/// What is wrong with an address whatever it is used for.
pub(super) fn unusable(address: IpNet, at: Range<usize>) -> Option<Problem> {
    let ip = address.addr();
    // A prefix that leaves one or two addresses has neither network nor broadcast address.
    let roomy = 2 <= address.max_prefix_len() - address.prefix_len();
    let label = if ip.is_unspecified() {
        "stands for any address"
    } else if ip.is_multicast() {
        "is a multicast address"
    } else if roomy && ip == address.network() {
        "is the address of the subnet itself"
    } else if roomy && ip.is_ipv4() && ip == address.broadcast() {
        "is the broadcast address of the subnet"
    } else if ip.is_loopback() {
        return Some(
            Problem::new(
                Code::LoopbackAddress,
                format!("{ip} cannot be reached from other machines"),
            )
            .at(at, "is a loopback address")
            .help("use an address of a real network, except for trials on one machine"),
        );
    } else {
        return None;
    };
    Some(
        Problem::new(
            Code::UnusableAddress,
            format!("{address} is no address of a machine"),
        )
        .at(at, label)
        .help("choose an address between the first and the last of the subnet"),
    )
}
