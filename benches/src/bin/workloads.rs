//! Times the peer workloads: one line per measurement, and with `--json` one object per line in a file.
//!
//! `w1` is an exact energy after ten layers of a hardware-efficient circuit, `w1s` the evolution alone, `w6` a million shots from
//! a state of 20 qubits. `bricks`, `fourier` and `grid` are the exact energies of three circuits that nothing was tuned for.
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use benches::{brickwork, fourier, grid, hardware_efficient, ising, theta};
use clap::Parser;
use qcore::{Binding, Circuit, Level, Program, StateVector, multinomial_into};
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use serde_json::{Value, json};

/// Times the peer workloads.
#[derive(Parser)]
struct Args {
    /// Workloads, separated by commas.
    #[arg(long, value_delimiter = ',', default_value = "w1")]
    workload: Vec<String>,
    /// Register widths; each workload has a default.
    #[arg(long, value_delimiter = ',')]
    qubits: Vec<usize>,
    /// Numbers of threads.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    threads: Vec<usize>,
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

struct Times {
    median: f64,
    min: f64,
    first: f64,
    reps: usize,
}

/// One call to warm up, then at least five and a second of them, or as many as fit into the limit.
fn measure<T>(limit: f64, mut call: impl FnMut() -> T) -> (Times, T) {
    let timed = |call: &mut dyn FnMut() -> T| {
        let start = Instant::now();
        let result = call();
        (start.elapsed().as_secs_f64(), result)
    };
    let (first, mut result) = timed(&mut call);
    let (mut times, mut total) = (Vec::new(), 0.0);
    while (times.len() < 5 || total < 1.0) && (times.is_empty() || total + first < limit) {
        let (time, latest) = timed(&mut call);
        result = latest;
        times.push(time);
        total += time;
    }
    times.sort_by(f64::total_cmp);
    let half = times.len() / 2;
    let median = if times.len() % 2 == 1 { times[half] } else { f64::midpoint(times[half - 1], times[half]) };
    (Times { median, min: times[0], first, reps: times.len() }, result)
}

fn energy(circuit: &Circuit, level: Level, limit: f64, state_only: bool) -> Result<(Times, Value), Box<dyn Error>> {
    let program = Program::compile(circuit);
    let mut binding = Binding::new(&program);
    let parameters = theta(program.num_parameters());
    let observable = ising(program.num_qubits())?;
    let mut state = StateVector::zero(program.num_qubits())?.with_level(level);
    let (times, result) = measure(limit, || -> Result<f64, qcore::Error> {
        program.bind(&parameters, &mut binding)?;
        state.run(&program, &binding)?;
        if state_only { Ok(0.0) } else { state.expectation(&observable) }
    });
    let result = result?;
    Ok((times, if state_only { Value::Null } else { json!({ "energy": result }) }))
}

fn shots(qubits: usize, level: Level, limit: f64) -> Result<(Times, Value), Box<dyn Error>> {
    let program = Program::compile(&hardware_efficient(qubits, 10)?);
    let mut binding = Binding::new(&program);
    program.bind(&theta(program.num_parameters()), &mut binding)?;
    let mut state = StateVector::zero(qubits)?.with_level(level);
    state.run(&program, &binding)?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut probabilities = Vec::new();
    let mut counts = vec![0; 1 << qubits];
    let (times, result) = measure(limit, || {
        state.probabilities_into(&mut probabilities);
        multinomial_into(&probabilities, 1_000_000, &mut rng, &mut counts)
    });
    result?;
    let bonds = qubits as u32 - 1;
    let energy_of = |k: usize| f64::from(2 * ((k ^ k >> 1) & ((1 << bonds) - 1)).count_ones()) - f64::from(bonds);
    let total: u64 = counts.iter().sum();
    let sum: f64 = counts.iter().enumerate().map(|(k, &count)| energy_of(k) * count as f64).sum();
    Ok((times, json!({ "shots": total, "zz_energy": sum / total as f64 })))
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
        let qubits = match (args.qubits.as_slice(), workload.as_str()) {
            ([], "w6") => vec![20],
            ([], _) => vec![4, 8, 12, 16, 20],
            (some, _) => some.to_vec(),
        };
        for n in qubits {
            for &threads in &args.threads {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
                let measured = pool.install(|| -> Result<(Times, Value), String> {
                    let text = |error: Box<dyn Error>| error.to_string();
                    let circuit = |circuit: Result<Circuit, qcore::Error>| circuit.map_err(|e| e.to_string());
                    match workload.as_str() {
                        "w1" | "w1s" => {
                            let circuit = circuit(hardware_efficient(n, 10))?;
                            energy(&circuit, level, args.limit, workload == "w1s").map_err(text)
                        }
                        "bricks" => energy(&circuit(brickwork(n, 10))?, level, args.limit, false).map_err(text),
                        "fourier" => energy(&circuit(fourier(n))?, level, args.limit, false).map_err(text),
                        "grid" => energy(&circuit(grid(n, 10))?, level, args.limit, false).map_err(text),
                        "w6" => shots(n, level, args.limit).map_err(text),
                        other => Err(format!("no workload {other}")),
                    }
                });
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
