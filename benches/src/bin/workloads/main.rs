//! Times the peer workloads: one line per measurement, and with `--json` one object per line in a file.
//!
//! `w1` is an exact energy after ten layers of a hardware-efficient circuit, `w1s` the evolution alone, `w2` all its derivatives,
//! `w3` derivatives from shots (`--layers` for other depths), `w4` the gradient of a classifier over 128 samples (`--samples`), `w5` one derivative of each of 100 random
//! circuits, `w6` a million shots from a state of 20 qubits, `w7` an energy under noise. `bricks`, `fourier`, `grid`, `chain` and
//! `ring` are the exact energies of circuits that nothing was tuned for (`chain` and `ring`: with lines and rings of CX), `chain-gradient`
//! and `ring-gradient` all their derivatives. `hessian`, `hvp`, `line`, `curvature`, `metric`, `metric-layers` and
//! `metric-diagonal` are second derivatives and metrics of a circuit with about 96 parameters, `gradient` the gradient of that circuit; `value-z0`, `gradient-z0` and `shots-z0` (and the same with `-z`) are of
//! one output of the circuit of `w4` (of all of them).
#![forbid(unsafe_code)]

mod beyond;
mod cases;
mod measure;

use std::error::Error;
use std::io::Write;

use benches::{brickwork, chain, fourier, grid, hardware_efficient, ring};
use cases::Measured;
use clap::Parser;
use qcore::Level;
use qgrad::Blocks;
use serde_json::json;

/// Times the peer workloads.
#[derive(Parser)]
struct Args {
    /// Workloads, separated by commas: w1, w1s, w2, w3, w4, w5, w6, w7, bricks, fourier, grid, chain, ring, hessian, hvp and others.
    #[arg(long, value_delimiter = ',', default_value = "w1")]
    workload: Vec<String>,
    /// Register widths; each workload has a default.
    #[arg(long, value_delimiter = ',')]
    qubits: Vec<usize>,
    /// Numbers of threads.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    threads: Vec<usize>,
    /// Layers of w3.
    #[arg(long, default_value_t = 4)]
    layers: usize,
    /// Samples of w4.
    #[arg(long, default_value_t = 128)]
    samples: usize,
    /// Kernel level; by default the best one.
    #[arg(long)]
    level: Option<String>,
    /// Appended to the name "upslope" in the rows.
    #[arg(long, default_value = "")]
    tag: String,
    /// Seconds per measurement, about.
    #[arg(long, default_value_t = 30.0)]
    limit: f64,
    /// Appends one JSON object per measurement to this file.
    #[arg(long)]
    json: Option<std::path::PathBuf>,
}

fn run(workload: &str, n: usize, level: Level, args: &Args) -> Measured {
    let limit = args.limit;
    match workload {
        "w1" | "w1s" => cases::energy(&hardware_efficient(n, 10)?, level, limit, workload == "w1s"),
        "w2" => cases::gradient(&hardware_efficient(n, 10)?, level, limit),
        "w3" => cases::shot_gradient(n, args.layers, level, limit),
        "w4" => cases::batch_gradient(n, args.samples, level, limit),
        "w5" => cases::plateau_scan(n, level, limit),
        "w6" => cases::shots(n, level, limit),
        "w7" => cases::noisy_energy(n, level, limit),
        "bricks" => cases::energy(&brickwork(n, 10)?, level, limit, false),
        "fourier" => cases::energy(&fourier(n)?, level, limit, false),
        "grid" => cases::energy(&grid(n, 10)?, level, limit, false),
        "chain" => cases::energy(&chain(n, 10)?, level, limit, false),
        "ring" => cases::energy(&ring(n, 10)?, level, limit, false),
        "chain-gradient" => cases::gradient(&chain(n, 10)?, level, limit),
        "ring-gradient" => cases::gradient(&ring(n, 10)?, level, limit),
        "hessian" | "hvp" | "line" | "curvature" | "gradient" => beyond::second_order(n, workload, level, limit),
        "metric" => beyond::metric(n, &Blocks::Full, level, limit),
        "metric-layers" => beyond::metric(n, &Blocks::Layers, level, limit),
        "metric-diagonal" => beyond::metric(n, &Blocks::Diagonal, level, limit),
        "value-z0" | "gradient-z0" | "shots-z0" | "value-z" | "gradient-z" | "shots-z" => {
            let (what, observable) = workload.split_once('-').unwrap_or_default();
            beyond::local(n, what, observable == "z0", level, limit)
        }
        other => Err(format!("no workload {other}").into()),
    }
}

/// The sizes of a workload that are measured if none are given.
fn sizes(workload: &str) -> &'static [usize] {
    match workload {
        "w2" | "w5" | "chain-gradient" | "ring-gradient" => &[4, 8, 12, 16],
        "w3" | "w4" => &[4, 6, 8, 10, 12],
        "hessian" | "hvp" | "line" | "curvature" | "gradient" | "metric" | "metric-layers" | "metric-diagonal" => {
            &[4, 8, 12]
        }
        "w6" => &[20],
        "w7" => &[8],
        _ => &[4, 8, 12, 16, 20],
    }
}

fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1024)
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let level = match &args.level {
        None => Level::best(),
        Some(name) => Level::by_name(name).ok_or("this processor does not have that level")?,
    };
    for workload in &args.workload {
        let qubits = if args.qubits.is_empty() { sizes(workload) } else { &args.qubits };
        for &n in qubits {
            for &threads in &args.threads {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
                let measured = pool.install(|| run(workload, n, level, &args).map_err(|error| error.to_string()));
                let (times, answer) = measured?;
                let tag = if args.tag.is_empty() { String::new() } else { format!("-{}", args.tag) };
                let mut row = json!({
                    "workload": workload, "peer": format!("upslope{tag}"), "n": n, "threads": threads,
                    "median_s": times.median, "min_s": times.min, "reps": times.reps, "first_s": times.first,
                    "peak_mib": peak_mib(), "level": level.name(),
                });
                println!(
                    "{workload:8} n={n:<3} threads={threads}  median {:.3e} s  min {:.3e} s  x{}  {answer}",
                    times.median, times.min, times.reps
                );
                if !answer.is_null() {
                    row["answer"] = answer;
                }
                if let Some(path) = &args.json {
                    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
                    writeln!(file, "{row}")?;
                }
            }
        }
    }
    Ok(())
}
