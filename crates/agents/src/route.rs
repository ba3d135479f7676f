//! Routes: added, watched, removed through the kernel's routing socket.

use host::netlink::{LinkState, NetlinkError};
use host::routes::{Route, Routes};
use ipnet::IpNet;
use model::operation::{Operation, Outcome, Verb};
use model::spec::RouteSpec;
use tokio::time::{sleep, timeout};

use crate::context::{ASK_AGAIN, Context, Done, chain};
use crate::record::Trace;

/// IPv6 routes without a metric get this one from the kernel.
const METRIC_OF_IPV6: u32 = 1024;

/// A route that is there and watched.
pub(crate) struct Held {
    routes: Routes,
    route: Route,
    /// Something changed, and we have not looked since.
    doubt: bool,
}

impl Held {
    /// Waits until the route is gone or another, and tells which.
    pub(crate) async fn ended(&mut self) -> String {
        loop {
            if self.doubt {
                match self.routes.find(&self.route).await {
                    Ok(found) => match describe_absence(&self.route, found) {
                        Some(how) => return how,
                        None => self.doubt = false,
                    },
                    Err(error) => {
                        // Not knowing is no failure of the route.
                        tracing::warn!(error = chain(&error), "cannot look at a route");
                        sleep(ASK_AGAIN).await;
                        continue;
                    }
                }
            }
            if self.routes.changed().await.is_err() {
                return std::future::pending().await;
            }
            self.doubt = true;
        }
    }
}

fn describe_absence(wanted: &Route, found: Option<Route>) -> Option<String> {
    let table = match wanted.table {
        model::spec::MAIN_TABLE => String::new(),
        other => format!(" in table {other}"),
    };
    match found {
        None => Some(format!("no route to {}{table}", wanted.destination)),
        Some(found) if found.satisfies(wanted) => None,
        Some(found) => Some(format!(
            "another route to {}{table} is in its place, {}",
            wanted.destination,
            match found.via {
                Some(via) => format!("via {via}"),
                None => "directly".to_owned(),
            }
        )),
    }
}

/// Carries out an operation.
pub(crate) async fn operate(
    context: &Context,
    operation: &Operation,
    spec: &RouteSpec,
    held: &mut Option<Held>,
) -> Done {
    let act = async {
        match operation.verb {
            Verb::Probe | Verb::Status => look(context, spec, held).await,
            Verb::Start => start(context, operation, spec, held).await,
            Verb::Stop => {
                *held = None;
                stop(context, spec).await
            }
            _other => Ok(Done::unknown(operation)),
        }
    };
    match timeout(operation.limit, act).await {
        Ok(Ok(done)) => done,
        Ok(Err(error)) => Done::error(&error),
        Err(_) => Outcome::TimedOut.into(),
    }
}

/// The route as it is wanted; the card only where the network names it.
fn wanted(spec: &RouteSpec, card: Option<u32>) -> Route {
    let metric = match spec.destination {
        IpNet::V6(_) if spec.metric == 0 => METRIC_OF_IPV6,
        IpNet::V4(_) | IpNet::V6(_) => spec.metric,
    };
    Route {
        destination: spec.destination,
        via: spec.via,
        card,
        table: spec.table,
        metric,
        source: spec.source,
    }
}

async fn look(
    context: &Context,
    spec: &RouteSpec,
    held: &mut Option<Held>,
) -> Result<Done, NetlinkError> {
    // Listen before looking, or a change in between is missed.
    let mut routes = Routes::open()?;
    let wanted = wanted(spec, None);
    let found = routes.find(&wanted).await?;
    let Some(found) = found else {
        *held = None;
        context.strike_out();
        return Ok(Outcome::Stopped.into());
    };
    if let Some(how) = describe_absence(&wanted, Some(found)) {
        *held = None;
        return Ok(Done::failed(how));
    }
    if held.is_none() {
        *held = Some(Held {
            routes,
            route: wanted,
            doubt: false,
        });
    }
    Ok(Outcome::Running.into())
}

async fn start(
    context: &Context,
    operation: &Operation,
    spec: &RouteSpec,
    held: &mut Option<Held>,
) -> Result<Done, NetlinkError> {
    *held = None;
    let before = look(context, spec, held).await?;
    if before.outcome == Outcome::Running {
        context.log.line("the route is there already: adopted");
        return Ok(before);
    }
    if let Outcome::Failed(_) = before.outcome {
        return Ok(before);
    }
    let card = match choose(context, operation, spec).await? {
        Ok(card) => card,
        Err(how) => return Ok(Done::failed(how)),
    };
    if let Err(error) = context.record(operation, Trace::Up) {
        return Ok(Done::failed(format!("cannot write its record: {error}")));
    }
    let routes = Routes::open()?;
    if let Err(error) = routes.add(&wanted(spec, card)).await {
        context.strike_out();
        return Ok(Done::failed(explain(spec, &error)));
    }
    look(context, spec, held).await
}

/// Two answers of the kernel need its own words explained.
fn explain(spec: &RouteSpec, error: &NetlinkError) -> String {
    let number = match error {
        NetlinkError::Refused { source, .. } => source.raw_os_error(),
        NetlinkError::Open(_) | NetlinkError::NoAnswer { .. } => None,
    };
    match (number, spec.via, spec.source) {
        (Some(libc::ENETUNREACH | libc::EHOSTUNREACH), Some(via), _) => {
            format!("no card of this node reaches the router {via}")
        }
        (Some(libc::EINVAL), _, Some(source)) => {
            format!("{source} is no address of this node, so nothing can be sent from it")
        }
        (_, _, _) => chain(error),
    }
}

/// The card of the network, if the route names one; else the kernel finds the way to the
/// router itself.
async fn choose(
    context: &Context,
    operation: &Operation,
    spec: &RouteSpec,
) -> Result<Result<Option<u32>, String>, NetlinkError> {
    let Some(network) = &spec.network else {
        return Ok(Ok(None));
    };
    let netlink = &context.shared.netlink;
    let cards = netlink.cards().await?;
    let mut names: Vec<String> = operation.cards.iter().map(ToString::to_string).collect();
    // A network that names no cards is where the router, the source or the destination is.
    if names.is_empty() {
        let near = [spec.via, spec.source, Some(spec.destination.addr())];
        for placed in netlink.addresses().await? {
            let subnet = placed.address.trunc();
            if near.iter().flatten().any(|ip| subnet.contains(ip)) {
                let card = cards.iter().find(|card| card.index == placed.card);
                names.extend(card.map(|card| card.name.clone()));
            }
        }
    }
    let up = |name: &String| {
        let is_it = |card: &&host::netlink::Card| card.name == *name && card.state == LinkState::Up;
        cards.iter().find(is_it)
    };
    Ok(match names.iter().find_map(up) {
        Some(card) => Ok(Some(card.index)),
        None => Err(format!("no card of {network} is up")),
    })
}

async fn stop(context: &Context, spec: &RouteSpec) -> Result<Done, NetlinkError> {
    let mut routes = Routes::open()?;
    let wanted = wanted(spec, None);
    if let Some(found) = routes.find(&wanted).await?
        && found.satisfies(&wanted)
    {
        routes.remove(&found).await?;
        if let Some(found) = routes.find(&wanted).await?
            && found.satisfies(&wanted)
        {
            return Ok(Done::failed("it comes back after its removal"));
        }
    }
    context.strike_out();
    Ok(Outcome::Stopped.into())
}
