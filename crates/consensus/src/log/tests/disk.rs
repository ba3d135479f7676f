//! A disk in memory that misbehaves as disks do.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::log::Disk;

/// What a power loss keeps or loses as a whole.
const SECTOR_BYTES: u64 = 64;

/// A kind of decay.
#[derive(Debug, Clone, Copy)]
pub enum Rot {
    OneBit,
    ZeroedBytes(usize),
}

#[derive(Debug, Clone, Default)]
struct FileState {
    durable: Vec<u8>,
    /// Written, not synced.
    pending: Vec<(u64, Vec<u8>)>,
}

impl FileState {
    fn seen(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (offset, written) in &self.pending {
            overwrite(&mut bytes, *offset, written);
        }
        bytes
    }
}

fn overwrite(bytes: &mut [u8], offset: u64, written: &[u8]) {
    let offset = offset as usize;
    bytes[offset..offset + written.len()].copy_from_slice(written);
}

#[derive(Debug)]
struct State {
    files: BTreeMap<String, FileState>,
    /// Removed, but the directory was not synced since.
    removed: BTreeMap<String, FileState>,
    /// So many more operations succeed.
    left: Option<u64>,
    random: u64,
}

impl State {
    /// Any sequence will do that is the same for the same seed (SplitMix64).
    fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn spend(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("the power is off")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Clones share the disk.
#[derive(Debug, Clone)]
pub struct FaultyDisk(Arc<Mutex<State>>);

impl FaultyDisk {
    pub fn new(seed: u64) -> Self {
        let (files, removed) = (BTreeMap::new(), BTreeMap::new());
        Self(Arc::new(Mutex::new(State {
            files,
            removed,
            left: None,
            random: seed,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// While the guard lives, nobody gets at the disk.
    pub fn pause(&self) -> impl Drop + '_ {
        self.state()
    }

    /// The power fails during the operation after so many more.
    pub fn fail_after(&self, operations: u64) {
        self.state().left = Some(operations);
    }

    /// The system goes on; nothing is lost yet.
    pub fn restart_daemon(&self) {
        self.state().left = None;
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        let file = FileState {
            durable: bytes.to_vec(),
            pending: Vec::new(),
        };
        self.state().files.insert(name.to_owned(), file);
    }

    pub fn names(&self) -> Vec<String> {
        self.state().files.keys().cloned().collect()
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.state().files[name].seen()
    }

    pub fn flip(&self, name: &str, at: usize) {
        let mut bytes = self.bytes(name);
        bytes[at] ^= 0x10;
        self.put(name, &bytes);
    }

    /// What the next start finds: of what was not synced, any sectors, and a removed file
    /// may be back.
    pub fn after_power_loss(&self) -> Self {
        let mut state = self.state();
        let mut files = state.files.clone();
        for (name, file) in state.removed.clone() {
            if state.draw(2) == 0 {
                files.entry(name).or_insert(file);
            }
        }
        for file in files.values_mut() {
            for (offset, bytes) in std::mem::take(&mut file.pending) {
                survive(&mut state, &mut file.durable, offset, &bytes);
            }
        }
        let random = state.draw(u64::MAX);
        let (removed, left) = (BTreeMap::new(), None);
        Self(Arc::new(Mutex::new(State {
            files,
            removed,
            left,
            random,
        })))
    }

    /// A copy in which something has decayed.
    pub fn with_rot(&self, seed: u64, rot: Rot) -> Self {
        let files = self.state().files.clone();
        let mut state = State {
            files,
            removed: BTreeMap::new(),
            left: None,
            random: seed,
        };
        let which = state.draw(state.files.len() as u64) as usize;
        let length = state.files.values().nth(which).unwrap().durable.len() as u64;
        let (at, bit) = (state.draw(length) as usize, state.draw(8));
        let file = state.files.values_mut().nth(which).unwrap();
        file.durable = file.seen();
        file.pending.clear();
        match rot {
            Rot::OneBit => file.durable[at] ^= 1 << bit,
            Rot::ZeroedBytes(count) => {
                file.durable
                    .iter_mut()
                    .skip(at)
                    .take(count)
                    .for_each(|byte| *byte = 0);
            }
        }
        Self(Arc::new(Mutex::new(state)))
    }
}

/// Each sector of a write survives or not; one in eight survives up to some byte.
fn survive(state: &mut State, durable: &mut [u8], offset: u64, bytes: &[u8]) {
    let everything = state.draw(4);
    let mut at = 0;
    while at < bytes.len() {
        let place = offset + at as u64;
        let until = (at as u64 + SECTOR_BYTES - place % SECTOR_BYTES).min(bytes.len() as u64);
        let sector = &bytes[at..until as usize];
        match (everything, state.draw(8)) {
            (0, _) | (_, 0..=3) => overwrite(durable, place, sector),
            (_, 4) => {
                let torn = state.draw(sector.len() as u64 + 1) as usize;
                overwrite(durable, place, &sector[..torn]);
            }
            (_, _) => {}
        }
        at = until as usize;
    }
}

impl Disk for FaultyDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        Ok(self.bytes(name))
    }

    fn create(&mut self, name: &str, contents: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let spent = state.spend();
        if spent.is_ok() || state.draw(2) == 0 {
            let file = FileState {
                durable: contents.to_vec(),
                pending: Vec::new(),
            };
            state.files.insert(name.to_owned(), file);
            if spent.is_ok() {
                state.removed.clear();
            }
        }
        spent
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let spent = state.spend();
        let length = match spent {
            Ok(()) => bytes.len(),
            Err(_) => state.draw(bytes.len() as u64 + 1) as usize,
        };
        let file = state.files.get_mut(name).unwrap();
        file.pending.push((offset, bytes[..length].to_vec()));
        spent
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.spend()?;
        let file = state.files.get_mut(name).unwrap();
        file.durable = file.seen();
        file.pending.clear();
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.spend()?;
        if let Some(file) = state.files.remove(name) {
            state.removed.insert(name.to_owned(), file);
        }
        Ok(())
    }
}
