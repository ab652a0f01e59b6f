//! A part of a device that has more qubits than a circuit can.

use std::collections::VecDeque;

use super::{DeviceProfile, GatePlace, NativeGate, Qubits};

impl DeviceProfile {
    /// The best connected part of so many qubits, in ascending order: grown from each qubit by its neighbours, the nearest first;
    /// of the largest parts the one whose qubits are read with the fewest errors, of equals that of the first qubit. All qubits if
    /// there are no more, and the best read ones if every pair is coupled.
    pub(crate) fn region(&self, most: usize) -> Vec<usize> {
        let count = self.qubits.count;
        if count <= most {
            return (0..count).collect();
        }
        let misread = |qubit: usize| self.qubit(qubit).map_or(0.0, |qubit| qubit.p1_given_0 + qubit.p0_given_1);
        let Some(edges) = &self.qubits.coupling else {
            let mut all: Vec<usize> = (0..count).collect();
            all.sort_by(|&a, &b| misread(a).total_cmp(&misread(b)));
            all.truncate(most);
            all.sort_unstable();
            return all;
        };
        let mut neighbours = vec![Vec::new(); count];
        for &[a, b] in edges {
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
        neighbours.iter_mut().for_each(|list| list.sort_unstable());
        let mut best: Option<(usize, f64, Vec<usize>)> = None;
        for start in 0..count {
            let mut part = grown(&neighbours, start, most);
            let errors: f64 = part.iter().map(|&qubit| misread(qubit)).sum();
            let better = |(size, least, _): &(usize, f64, Vec<usize>)| {
                part.len() > *size || part.len() == *size && errors < *least
            };
            if best.as_ref().is_none_or(better) {
                part.sort_unstable();
                best = Some((part.len(), errors, part));
            }
        }
        best.map_or_else(Vec::new, |(_, _, part)| part)
    }

    /// The device with these of its qubits only, numbered in this order.
    pub(crate) fn part(&self, qubits: &[usize]) -> Self {
        let mut places = vec![None; self.qubits.count];
        qubits.iter().enumerate().for_each(|(place, &qubit)| places[qubit] = Some(place));
        let pair = |&[a, b]: &[usize; 2]| Some([places[a]?, places[b]?]);
        let calibration = self.qubits.calibration.as_ref().map(|list| match &list[..] {
            [all] => vec![*all],
            list => qubits.iter().map(|&qubit| list[qubit]).collect(),
        });
        let on = |place: &GatePlace| {
            let qubits = place.qubits.iter().map(|&qubit| places[qubit]).collect::<Option<_>>()?;
            Some(GatePlace { qubits, ..place.clone() })
        };
        // A gate that is listed place by place and has none here is none of this part's.
        let gates = self.gates.iter().filter_map(|gate| {
            let at: Vec<GatePlace> = gate.at.iter().filter_map(on).collect();
            (gate.at.is_empty() || !at.is_empty()).then(|| NativeGate { at, ..gate.clone() })
        });
        Self {
            qubits: Qubits {
                count: qubits.len(),
                coupling: self.qubits.coupling.as_ref().map(|edges| edges.iter().filter_map(pair).collect()),
                calibration,
            },
            gates: gates.collect(),
            ..self.clone()
        }
    }
}

/// Qubits around `start`, the nearest first, `most` of them at most.
fn grown(neighbours: &[Vec<usize>], start: usize, most: usize) -> Vec<usize> {
    let mut known = vec![false; neighbours.len()];
    let (mut part, mut next) = (Vec::with_capacity(most), VecDeque::from([start]));
    known[start] = true;
    while let Some(qubit) = next.pop_front() {
        part.push(qubit);
        if part.len() == most {
            break;
        }
        for &neighbour in &neighbours[qubit] {
            if !std::mem::replace(&mut known[neighbour], true) {
                next.push_back(neighbour);
            }
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a line of many qubits the part is a run of it, with the calibration and the gates that belong there.
    #[test]
    fn a_part_of_a_line() {
        let mut line = DeviceProfile::shipped("manila").expect("shipped");
        let good = *line.qubit(0).expect("calibrated");
        line.qubits.count = 200;
        line.qubits.coupling = Some((1..200).map(|k| [k - 1, k]).collect());
        let errors = |k: usize| if (100..120).contains(&k) { 0.0 } else { 0.2 };
        let calibration = (0..200).map(|k| crate::QubitCalibration { p1_given_0: errors(k), ..good });
        line.qubits.calibration = Some(calibration.collect());
        let cost = |a: usize, b: usize| GatePlace { qubits: vec![a, b], error: 0.01, duration_ns: (a + b) as f64 };
        line.gates.retain(|gate| gate.name == "rz");
        line.gates[0].at.clear();
        (line.gates[0].error, line.gates[0].duration_ns) = (Some(0.0), Some(0.0));
        let at = (1..200).map(|k| cost(k - 1, k)).collect();
        line.gates.push(NativeGate { name: "cx".into(), error: None, duration_ns: None, at });
        line.check().expect("a device");

        let region = line.region(48);
        assert_eq!((region.len(), region[47] - region[0]), (48, 47));
        assert!(region[0] <= 100 && region[47] >= 119, "{region:?}");
        let part = line.part(&region);
        part.check().expect("a part is a device");
        assert_eq!(part.edges().len(), 47);
        assert_eq!(part.qubit(100 - region[0]), line.qubit(100));
        assert_eq!(part.gate("cx", &[3, 4]), line.gate("cx", &[region[3], region[4]]));
        assert_eq!(line.region(200), (0..200).collect::<Vec<_>>());
        line.qubits.coupling = None;
        assert!(line.region(20).into_iter().eq(100..120));
    }
}
