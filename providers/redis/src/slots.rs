//! Which server of a Cluster has which slots, as one of them tells it.

use redis::{RedisResult, Value, cmd, from_redis_value};

use crate::access::Access;
use crate::connection::Connected;
use crate::error::Failure;
use crate::location::Node;
use crate::slot;

/// What a server says that does not know a host's name, though names are preferred.
const UNKNOWN_HOST: &str = "?";

/// Which server of a Cluster has which slots, as one of them has told it.
pub(crate) struct Slots {
    ranges: Vec<Range>,
    /// All servers, replicas too.
    nodes: Vec<Node>,
    /// What single slots were said to have become of since.
    moved: Vec<(u16, Node)>,
}

struct Range {
    first: u16,
    last: u16,
    primary: Node,
}

impl Slots {
    /// One server has all.
    pub(crate) fn all_at(primary: Node) -> Self {
        Self {
            ranges: vec![Range {
                first: 0,
                last: slot::COUNT - 1,
                primary: primary.clone(),
            }],
            nodes: vec![primary],
            moved: Vec::new(),
        }
    }

    /// Asks a server.
    pub(crate) async fn told_by(access: &Access, asked: &mut Connected) -> Result<Self, Failure> {
        access.count_call();
        let mut slots = cmd("CLUSTER");
        slots.arg("SLOTS");
        let told: RedisResult<Vec<Vec<Value>>> = slots.query_async(&mut asked.connection).await;
        let told = told.map_err(|cause| Failure::of_call(cause, &asked.node.name))?;
        let slots = Self::read(told, &asked.node);
        let slots = slots.ok_or_else(|| {
            Failure::damaged("it is not what CLUSTER SLOTS answers", &asked.node.name)
        })?;
        if slots.ranges.is_empty() {
            return Err(Failure::uncovered(&asked.node.name));
        }
        Ok(slots)
    }

    fn read(told: Vec<Vec<Value>>, asked: &Node) -> Option<Self> {
        let (mut ranges, mut nodes) = (Vec::new(), Vec::new());
        for range in told {
            let mut range = range.into_iter();
            let (first, last): (u16, u16) = (number(range.next()?)?, number(range.next()?)?);
            if first > last || last >= slot::COUNT {
                return None;
            }
            let mut of_range = Vec::new();
            for node in range {
                of_range.push(read_node(node, asked)?);
            }
            let primary = of_range.first()?.clone();
            for node in of_range {
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
            ranges.push(Range {
                first,
                last,
                primary,
            });
        }
        Some(Self {
            ranges,
            nodes,
            moved: Vec::new(),
        })
    }

    /// The server that has a slot.
    pub(crate) fn primary(&self, slot: u16) -> Option<Node> {
        let moved = self.moved.iter().find(|(it, _)| *it == slot);
        let range = self
            .ranges
            .iter()
            .find(|it| (it.first..=it.last).contains(&slot));
        let primary = moved.map(|(_, node)| node);
        primary.or(range.map(|it| &it.primary)).cloned()
    }

    /// Whether each slot has a server.
    pub(crate) fn cover_all(&self) -> bool {
        let served = self
            .ranges
            .iter()
            .map(|it| usize::from(it.last - it.first) + 1);
        served.sum::<usize>() == usize::from(slot::COUNT)
    }

    /// The servers that have slots.
    pub(crate) fn primaries(&self) -> Vec<Node> {
        let mut primaries: Vec<Node> = Vec::new();
        for range in &self.ranges {
            if !primaries.contains(&range.primary) {
                primaries.push(range.primary.clone());
            }
        }
        primaries
    }

    /// All servers, the likeliest to know more first.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn has_moved(&self, slot: u16) -> bool {
        self.moved.iter().any(|(it, _)| *it == slot)
    }

    pub(crate) fn set_moved(&mut self, slot: u16, to: Node) {
        self.moved.retain(|(it, _)| *it != slot);
        self.nodes.retain(|it| *it != to);
        self.nodes.insert(0, to.clone());
        self.moved.push((slot, to));
    }
    /// Forgets what a slot was said to have become of.
    pub(crate) fn forget_moved(&mut self, slot: u16) {
        self.moved.retain(|(it, _)| *it != slot);
    }
}

fn number<T: redis::FromRedisValue>(value: Value) -> Option<T> {
    from_redis_value(value).ok()
}

/// Reads a server: its host, its port, its id, and in newer versions what else is known of it.
fn read_node(value: Value, asked: &Node) -> Option<Node> {
    let fields: Vec<Value> = from_redis_value(value).ok()?;
    let mut fields = fields.into_iter();
    let host: Option<String> = from_redis_value(fields.next()?).ok()?;
    let port = number(fields.next()?)?;
    let host = host.unwrap_or_default();
    if host != UNKNOWN_HOST {
        return Some(asked.beside(&host, port));
    }
    // Behind its id.
    let more: Vec<(String, String)> = fields
        .nth(1)
        .and_then(|it| from_redis_value(it).ok())
        .unwrap_or_default();
    let address = more.into_iter().find(|(name, _)| name == "ip");
    Some(asked.beside(address.as_ref().map_or("", |(_, ip)| ip), port))
}
