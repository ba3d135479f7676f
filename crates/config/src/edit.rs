//! Files that the program writes itself: the first one, and one more node in it.

use std::collections::BTreeMap;

use model::spec::Attachment;
use model::{NetworkName, NodeName};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

/// Why a node cannot be added to a file.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The file cannot be read.
    #[error("the configuration is not TOML")]
    Syntax(#[source] Box<toml_edit::TomlError>),
    /// The file describes the node already.
    #[error("the configuration describes node {0} already")]
    NodeKnown(NodeName),
    /// A section is something else than a table.
    #[error("`{0}` in the configuration is no table")]
    NotATable(&'static str),
}

/// The file with `[node.NAME]` added, and `[network.X]` for each network that it did not
/// know. Everything else, comments included, stays as it is.
///
/// # Errors
/// When the file cannot be read or knows the node already.
pub fn with_node(
    source: &str,
    name: &NodeName,
    attachments: &BTreeMap<NetworkName, Attachment>,
) -> Result<String, EditError> {
    let mut document: DocumentMut = source
        .parse()
        .map_err(|error| EditError::Syntax(Box::new(error)))?;
    let networks = table(&mut document, "network")?;
    for network in attachments.keys() {
        if !networks.contains_key(network.as_str()) {
            networks.insert(network.as_str(), Item::Table(Table::new()));
        }
    }
    let nodes = table(&mut document, "node")?;
    if nodes.contains_key(name.as_str()) {
        return Err(EditError::NodeKnown(name.clone()));
    }
    let mut node = Table::new();
    node.decor_mut().set_prefix("\n");
    for (network, attachment) in attachments {
        node.insert(network.as_str(), value(inline(attachment)));
    }
    nodes.insert(name.as_str(), Item::Table(node));
    Ok(document.to_string())
}

/// The table of all sections of a kind; an empty one without a header if there is none.
fn table<'a>(
    document: &'a mut DocumentMut,
    kind: &'static str,
) -> Result<&'a mut dyn TableLike, EditError> {
    let mut empty = Table::new();
    empty.set_implicit(true);
    document
        .entry(kind)
        .or_insert(Item::Table(empty))
        .as_table_like_mut()
        .ok_or(EditError::NotATable(kind))
}

fn inline(attachment: &Attachment) -> Value {
    let address = attachment.address.to_string();
    if attachment.cards.is_empty() {
        return address.into();
    }
    let mut table = InlineTable::new();
    table.insert("address", address.into());
    let cards: Array = attachment.cards.iter().map(|card| card.as_str()).collect();
    table.insert("cards", cards.into());
    table.into()
}

/// The file that `mainstay init` makes when it is given none: one node, no services.
#[must_use]
pub fn initial(
    cluster: &str,
    node: &NodeName,
    attachments: &BTreeMap<NetworkName, Attachment>,
) -> String {
    let cluster = Value::from(cluster);
    let start = format!(
        "# The whole cluster in one file. `mainstay check FILE` says what is wrong with it,\n\
         # `mainstay apply FILE` shows what a change would do and then does it.\n\n\
         [cluster]\nname = {cluster}\n"
    );
    with_node(&start, node, attachments).expect("the start is TOML and has no node")
}
