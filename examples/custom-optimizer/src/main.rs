//! An optimizer of one's own, in the same trial table as the shipped ones.
//!
//! `cargo run --release -p custom-optimizer` prints the table. The crate uses public API only; nothing is registered anywhere.
#![forbid(unsafe_code)]

use qbench::tasks::{GroundState, Readout};
use qbench::{Methods, Trials, summary};
use qopt::{StepContext, UpdateRule};

/// Sign descent with a rate that shrinks as the budget is used up: `u_k = rate * remaining * sign(g_k)`, but no step where the
/// gradient is within its standard error.
struct CautiousSigns {
    rate: f64,
}

impl UpdateRule for CautiousSigns {
    fn step(&mut self, context: &StepContext<'_>, step: &mut [f64]) {
        let rate = self.rate * context.remaining.unwrap_or(1.0);
        let errors = context.gradient_std_errors.iter().chain(std::iter::repeat(&0.0));
        for ((u, g), error) in step.iter_mut().zip(context.gradient).zip(errors) {
            *u = if g.abs() > *error { rate * g.signum() } else { 0.0 };
        }
    }
}

/// The tables of a trial with `seeds` paired seeds on a small device.
fn tables(seeds: u64) -> Result<String, qbench::Error> {
    let methods = Methods::shipped()
        .only(|name| ["sgd", "adam", "nlr-probe-adam", "kick-probe-adam"].contains(&name))
        .with("mine", |setup| setup.descent(CautiousSigns { rate: setup.rate }));
    let trials = Trials {
        tasks: vec![Box::new(GroundState::ising(4, 1.0, 0.8, 2)?)],
        readouts: vec![Readout::device("sensor-node", 25)?],
        methods: methods.clone(),
        rates: Vec::new(), // each method's own grid
        seeds,
        exact_iterations: 100,
    };
    let conditions = summary::conditions(&trials.run_all(7)?, &methods)?;
    Ok(conditions.iter().map(|condition| format!("{}\n", summary::table(condition))).collect())
}

fn main() -> Result<(), qbench::Error> {
    print!("{}", tables(10)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    /// The suite that every optimizer should pass before it is compared with others.
    #[test]
    fn the_own_optimizer_conforms() {
        let report = qopt::conformance::check_rule(|| Ok::<_, qopt::ConfigError>(super::CautiousSigns { rate: 0.1 }));
        assert!(report.is_clean(), "{report}");
    }

    #[test]
    fn the_own_optimizer_stands_in_the_table_beside_the_shipped_ones() {
        let table = super::tables(2).expect("runs");
        for name in ["sgd", "adam", "nlr-probe-adam", "kick-probe-adam", "mine"] {
            assert!(
                table.lines().any(|line| line.split_whitespace().next() == Some(name)),
                "{name} is missing:\n{table}"
            );
        }
    }
}
