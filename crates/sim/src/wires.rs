//! The networks between the machines.

use std::time::Duration;

use model::NodeId;

use crate::act::Weather;
use crate::random::Random;

/// A healthy packet takes between 100 and 300 microseconds.
const LATENCY_NANOS: (u64, u64) = (100_000, 300_000);

/// What became of packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packets {
    /// That came, once or twice.
    pub sent: u64,
    /// Lost by bad weather.
    pub lost: u64,
    /// Lost at a cut.
    pub cut: u64,
    /// That came twice.
    pub twice: u64,
    /// That came late.
    pub late: u64,
}

pub(crate) struct Wires {
    nodes: u64,
    links: u8,
    /// By sender, receiver and network.
    cut: Vec<bool>,
    pub weather: Weather,
    pub packets: Packets,
}

impl Wires {
    pub fn new(nodes: u64, links: u8) -> Self {
        Self {
            nodes,
            links,
            cut: vec![false; (nodes * nodes) as usize * links as usize],
            weather: Weather::default(),
            packets: Packets::default(),
        }
    }

    fn place(&self, from: NodeId, to: NodeId, link: u8) -> usize {
        let pair = (from.0 - 1) * self.nodes + to.0 - 1;
        pair as usize * self.links as usize + link as usize
    }

    pub fn is_cut(&self, from: NodeId, to: NodeId, link: u8) -> bool {
        self.cut[self.place(from, to, link)]
    }

    /// A network that carries packets from one node to another.
    pub fn open(&self, from: NodeId, to: NodeId) -> Option<u8> {
        (0..self.links).find(|link| !self.is_cut(from, to, *link))
    }

    pub fn cut(&mut self, from: NodeId, to: NodeId, link: Option<u8>) {
        for each in (0..self.links).filter(|each| link.is_none_or(|link| link == *each)) {
            let place = self.place(from, to, each);
            self.cut[place] = true;
        }
    }

    /// Cuts all pairs for which this holds, both ways.
    pub fn cut_where(&mut self, link: Option<u8>, is_cut: impl Fn(NodeId, NodeId) -> bool) {
        for from in (1..=self.nodes).map(NodeId) {
            for to in (1..=self.nodes).map(NodeId) {
                if from != to && is_cut(from, to) {
                    self.cut(from, to, link);
                }
            }
        }
    }

    pub fn heal(&mut self) {
        self.cut.fill(false);
    }

    /// After which times a packet arrives: never, once, or twice.
    pub fn carry(&mut self, random: &mut Random) -> [Option<Duration>; 2] {
        let weather = self.weather;
        if 0 < weather.loss && random.chance(weather.loss) {
            self.packets.lost += 1;
            return [None, None];
        }
        self.packets.sent += 1;
        let first = self.delay(random);
        if weather.twice == 0 || !random.chance(weather.twice) {
            return [Some(first), None];
        }
        self.packets.twice += 1;
        [Some(first), Some(self.delay(random))]
    }

    fn delay(&mut self, random: &mut Random) -> Duration {
        let (from, to) = LATENCY_NANOS;
        let quick = Duration::from_nanos(random.between(from, to));
        if self.weather.late == 0 || !random.chance(self.weather.late) {
            return quick;
        }
        self.packets.late += 1;
        let most = self.weather.late_by.as_micros() as u64;
        quick + Duration::from_micros(random.below(most))
    }
}
