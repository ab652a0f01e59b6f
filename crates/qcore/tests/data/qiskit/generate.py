"""Writes the fixtures of this folder: OpenQASM as Qiskit's exporters write it, with amplitudes from the circuit objects.

    python -m venv venv && venv/bin/pip install qiskit==2.6.2 numpy && venv/bin/python generate.py

The amplitudes never pass through OpenQASM: they come from qiskit.quantum_info.Statevector of the bound circuit.
"""
import json
import pathlib
import re

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm2, qasm3, transpile
from qiskit.circuit import Gate, Parameter, ParameterVector
from qiskit.circuit.library import (
    C3SXGate, CUGate, HGate, PauliEvolutionGate, PhaseGate, QFTGate, RXGate, RXXGate, RYYGate, RZXGate, RZZGate, RYGate,
    UGate, UnitaryGate, XGate, efficient_su2, qaoa_ansatz, real_amplitudes, zz_feature_map,
)
from qiskit.quantum_info import SparsePauliOp, Statevector, random_unitary

HERE = pathlib.Path(__file__).parent
a, b, c = Parameter("alpha"), Parameter("b"), Parameter("gamma")


def mixed(circuit):
    """A state without symmetry before the circuit under test."""
    start = circuit.copy_empty_like()
    start.global_phase = 0
    for k, q in enumerate(start.qubits):
        start.ry(0.3 + 0.4 * k, q)
        start.p(0.2 * k - 0.5, q)
    return start.compose(circuit)


def custom_gates():
    inner = QuantumCircuit(2, name="inner")
    inner.rx(a, 0)
    inner.cx(0, 1)
    inner.rz(b / 2, 1)
    outer = QuantumCircuit(3, name="outer")
    outer.append(inner.to_gate(), [2, 0])
    outer.append(inner.to_gate().inverse(), [0, 1])
    outer.ry(c, 1)
    qc = QuantumCircuit(3)
    qc.append(outer.to_gate(), [1, 2, 0])
    qc.append(inner.to_gate(), [0, 1])
    return qc


def custom_fixed_gates():
    inner = QuantumCircuit(2, name="my gate!")
    inner.h(0)
    inner.crz(0.4, 0, 1)
    inner.sxdg(1)
    qc = QuantumCircuit(3)
    qc.append(inner.to_gate(), [0, 2])
    qc.append(inner.to_gate().control(1), [1, 2, 0])
    qc.append(inner.to_gate().power(3), [2, 1])
    return qc


def nonstandard():
    qc = QuantumCircuit(4)
    qc.append(RXXGate(0.3), [0, 1])
    qc.append(RYYGate(-0.7), [1, 2])
    qc.append(RZZGate(1.1), [2, 3])
    qc.append(RZXGate(0.9), [3, 0])
    qc.iswap(0, 2)
    qc.ecr(1, 3)
    qc.dcx(2, 1)
    qc.cs(0, 1)
    qc.csx(1, 2)
    qc.csdg(3, 2)
    qc.ccz(0, 1, 2)
    qc.r(0.4, 0.2, 3)
    qc.sxdg(0)
    qc.rccx(0, 2, 3)
    qc.rcccx(3, 1, 0, 2)
    qc.append(C3SXGate(), [1, 2, 3, 0])
    qc.cu(0.1, 0.2, 0.3, 0.4, 2, 0)
    return qc


def controlled():
    qc = QuantumCircuit(4)
    qc.append(RXGate(a).control(2), [0, 1, 2])
    qc.append(XGate().control(3, ctrl_state="010"), [0, 1, 2, 3])
    qc.append(RYGate(2 * a).control(1, ctrl_state=0), [3, 1])
    qc.append(HGate().control(2, ctrl_state=1), [2, 3, 0])
    qc.append(PhaseGate(0.3).control(3), [0, 2, 1, 3])
    qc.append(UGate(0.3, 0.4, 0.5).control(2), [3, 0, 1])
    qc.append(CUGate(0.1, 0.2, 0.3, 0.4).control(1), [1, 2, 3])
    qc.mcx([0, 1, 3], 2)
    return qc


def expressions():
    qc = QuantumCircuit(2)
    qc.rx(2 * a - b / 3, 0)
    qc.ry(a * b, 1)
    qc.cx(0, 1)
    qc.rz(-(a + 1.5) * (b - c) / 2, 0)
    qc.crx(a / (c + 3), 1, 0)
    qc.p(a**2 - 0.1, 1)
    qc.cry(np.pi / 4, 0, 1)
    qc.u(a, -b, c / 7, 0)
    return qc


def unitaries():
    qc = QuantumCircuit(3)
    qc.append(UnitaryGate(random_unitary(2, seed=1)), [1])
    qc.append(UnitaryGate(random_unitary(4, seed=2)), [2, 0])
    return qc


def global_phase():
    qc = QuantumCircuit(2, global_phase=0.7)
    qc.h(0)
    inner = QuantumCircuit(1, global_phase=a, name="phased")
    inner.rx(0.3, 0)
    qc.append(inner.to_gate(), [1])
    qc.append(inner.to_gate().control(1), [0, 1])
    return qc


def evolution():
    operator = SparsePauliOp(["XYZ", "ZZI", "IXX"], [0.3, -0.7, 0.2])
    qc = QuantumCircuit(3)
    qc.append(PauliEvolutionGate(operator, time=b), range(3))
    return qc.decompose()


def registers():
    qc = QuantumCircuit(QuantumRegister(2, "left"), QuantumRegister(1, "x"), ClassicalRegister(2, "c"))
    qc.h(0)
    qc.cx(0, 2)
    qc.barrier()
    qc.u(0.1, 0.2, 0.3, 1)
    qc.swap(1, 2)
    qc.measure([0, 1], [0, 1])
    return qc


def physical():
    qc = QuantumCircuit(3)
    qc.h(0)
    qc.ccx(0, 1, 2)
    qc.rx(a, 1)
    return transpile(mixed(qc), basis_gates=["rz", "sx", "cx"], coupling_map=[[0, 1], [1, 2]], initial_layout=[0, 1, 2],
                     seed_transpiler=5, optimization_level=1)


QASM3 = {
    "efficient_su2": lambda: efficient_su2(3, reps=1),
    "real_amplitudes": lambda: real_amplitudes(4, reps=2, entanglement="circular"),
    "zz_feature_map": lambda: zz_feature_map(3, reps=1),
    "qaoa": lambda: qaoa_ansatz(SparsePauliOp(["ZZI", "IZZ", "ZIZ", "IIZ"], [1.0, -0.5, 0.3, 0.2]), reps=2).decompose(reps=2),
    "qft": lambda: QuantumCircuit(3).compose(QFTGate(3), range(3)),
    "custom_gates": custom_gates,
    "custom_fixed_gates": custom_fixed_gates,
    "nonstandard": nonstandard,
    "controlled": controlled,
    "expressions": expressions,
    "unitaries": unitaries,
    "global_phase": global_phase,
    "evolution": evolution,
    "registers": registers,
    "physical": physical,
}
QASM2 = {
    "nonstandard": nonstandard,
    "custom_fixed_gates": custom_fixed_gates,
    "unitaries": unitaries,
    "registers": registers,
    "controlled": lambda: controlled().assign_parameters({a: 0.6}),
}


def emit(name, circuit, text):
    names = re.findall(r"^input float\[64\] (\S+);", text, re.M)
    assert len(names) == len(circuit.parameters), name
    by_name = {p.name: p for p in circuit.parameters}
    # The exporter escapes names such as x[0] to _x_0_.
    escaped = {re.sub(r"\W", "_", n): p for n, p in by_name.items()} | by_name
    parameters = [escaped.get(n) or escaped.get(n.removeprefix("_")) for n in names]
    assert None not in parameters, (name, names, list(by_name))
    values = [round(0.37 + 0.61 * k, 2) * (-1) ** k for k in range(len(names))]
    bound = circuit.assign_parameters(dict(zip(parameters, values))).remove_final_measurements(inplace=False)
    amplitudes = Statevector(bound).data
    record = {
        "qubits": circuit.num_qubits,
        "parameter_names": names,
        "parameters": values,
        "amplitudes": [[float(z.real), float(z.imag)] for z in amplitudes],
    }
    (HERE / f"{name}.qasm").write_text(text)
    (HERE / f"{name}.json").write_text(json.dumps(record) + "\n")


for name, make in QASM3.items():
    circuit = make() if name == "physical" else mixed(make())
    emit(f"v3_{name}", circuit, qasm3.dumps(circuit) + "\n")
for name, make in QASM2.items():
    circuit = mixed(make())
    emit(f"v2_{name}", circuit, qasm2.dumps(circuit) + "\n")
