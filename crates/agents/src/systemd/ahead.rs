//! Whether systemd would start a unit, before anybody wants it to.

use model::environment::Fact;

use super::bus::{Bus, BusError};
use super::unit::Unit;
use crate::context::chain;

/// How a unit is on this node: not there, not startable as it is, or startable by two masters.
pub(crate) async fn look(bus: &Bus, unit: &str) -> Fact {
    match ask(bus, unit).await {
        Ok(found) if found.is_missing() => Fact::Missing,
        Ok(found) => match found.hindrance() {
            Some(how) => Fact::Unsuitable(how),
            None if found.is_enabled() => Fact::Doubtful(
                "is enabled, so systemd starts it at boot, whatever the cluster says,".into(),
            ),
            None => Fact::Fine,
        },
        Err(error) => Fact::Unknown(chain(&error)),
    }
}

async fn ask(bus: &Bus, unit: &str) -> Result<Unit, BusError> {
    let path = bus.load(unit).await?;
    Unit::look(bus, &path).await
}
