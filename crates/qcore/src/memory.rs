//! Blocks for states, with an error instead of an abort where memory is short.

use crate::Error;
use crate::kernel::{Block, LANE_QUBITS, prefer_small_pages};

/// Blocks of a state of `qubits` qubits.
pub(crate) fn blocks_for(qubits: usize) -> usize {
    1 << qubits.saturating_sub(LANE_QUBITS)
}

/// Zeroed blocks for a state of `qubits` qubits.
pub(crate) fn allocate(qubits: usize) -> Result<Vec<Block>, Error> {
    allocate_blocks(qubits, blocks_for(qubits))
}

/// Zeroed blocks for `groups` groups of four states of `qubits` qubits.
pub(crate) fn allocate_groups(qubits: usize, groups: usize) -> Result<Vec<Block>, Error> {
    allocate_blocks(qubits, groups.saturating_mul(1 << qubits))
}

fn allocate_blocks(qubits: usize, blocks: usize) -> Result<Vec<Block>, Error> {
    let needed_bytes = (blocks as u64).saturating_mul(size_of::<Block>() as u64);
    let refused = |available_bytes| Error::Memory { qubits, needed_bytes, available_bytes };
    // Small states are not worth a look at the system: it costs more than the state.
    if needed_bytes > 1 << 26
        && let Some(available) = available_bytes()
        && needed_bytes > available
    {
        return Err(refused(available));
    }
    let mut state = Vec::new();
    state.try_reserve_exact(blocks).map_err(|_| refused(available_bytes().unwrap_or(0)))?;
    if needed_bytes >= 1 << 22 {
        prefer_small_pages(&mut state);
    }
    state.resize(blocks, Block::default());
    Ok(state)
}

/// What the operating system says can be had without swapping; `None` where it is not known how to ask.
///
/// An allocator that overcommits says yes to sizes that are not there, and the process is killed when it touches them; hence
/// the question.
#[cfg(target_os = "linux")]
fn available_bytes() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo")?
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok())?
        * 1024;
    let number = |path: &str| read(path)?.trim().parse::<u64>().ok();
    let group = number("/sys/fs/cgroup/memory.max")
        .map(|limit| limit.saturating_sub(number("/sys/fs/cgroup/memory.current").unwrap_or(0)));
    Some(group.map_or(machine, |group| group.min(machine)))
}

/// Elsewhere the allocator's own word must do.
#[cfg(not(target_os = "linux"))]
fn available_bytes() -> Option<u64> {
    None
}
