"""Reference numbers of Qiskit Aer's noise models for the same calibration snapshots.

    pip install qiskit==2.6.2 qiskit-aer==0.18.2 qiskit-ibm-runtime==0.51.0
    python generate.py > aer.json

Channels are given in the Pauli basis, row-major: R_ij = tr(P_i L(P_j)) / 2^n, Pauli strings in the order I X Y Z, the gate's first
qubit the fastest digit. Circuits are native; their qubit k is the device's qubit `layout[k]`.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
from qiskit.circuit.library import CXGate, RZGate, SXGate, XGate
from qiskit.quantum_info import PTM, DensityMatrix, SparsePauliOp, SuperOp, average_gate_fidelity
from qiskit.transpiler import InstructionProperties
from qiskit_aer.noise import NoiseModel
from qiskit_ibm_runtime.fake_provider import (
    FakeGuadalupeV2, FakeKolkataV2, FakeLagosV2, FakeManilaV2, FakePerth, FakeQuitoV2)

warnings.simplefilter("ignore")
BACKENDS = {"manila": FakeManilaV2, "quito": FakeQuitoV2, "lagos": FakeLagosV2, "perth": FakePerth,
            "guadalupe": FakeGuadalupeV2, "kolkata": FakeKolkataV2}


def snapshot(name):
    return json.loads((pathlib.Path(__file__).parent / f"../devices/{name}.json").read_text())


def backend(name):
    """The backend with the durations of the snapshot, which are rounded to a picosecond."""
    backend = BACKENDS[name]()
    for gate in snapshot(name)["gates"]:
        if gate["name"] == "reset":
            continue
        qubits = tuple(gate["qubits"])
        known = backend.target[gate["name"]][qubits]
        assert known.error == gate["error"] and abs(known.duration * 1e9 - gate["duration_ns"]) < 1e-3
        properties = InstructionProperties(duration=gate["duration_ns"] * 1e-9, error=gate["error"])
        backend.target.update_instruction_properties(gate["name"], qubits, properties)
    for qubit, known in zip(snapshot(name)["qubits"], backend.target.qubit_properties):
        known.t1, known.t2 = qubit["t1_us"] * 1e-6, qubit["t2_us"] * 1e-6
    return backend


def transfer(error):
    """Qiskit's PTM is normalized by 2^n and orders strings with the last qubit first."""
    return np.real(PTM(error.to_quantumchannel()).data)


def channels(model, places):
    found = []
    for gate, qubits in places:
        error = model._local_quantum_errors[gate][tuple(qubits)]
        found.append({"gate": gate, "qubits": list(qubits),
                      "transfer": [float(f"{x:.17g}") for x in transfer(error).flatten()]})
    return found


def all_infidelities(model):
    return [{"gate": gate, "qubits": list(qubits), "infidelity": 1 - average_gate_fidelity(error)}
            for gate, places in sorted(model._local_quantum_errors.items()) if gate != "reset"
            for qubits, error in sorted(places.items())]


def native(layout, pairs, seed, depth):
    """Operations of a random native circuit, by position in `layout`."""
    rng = np.random.default_rng(seed)
    operations = []
    for _ in range(depth):
        for k in range(len(layout)):
            operations.append(["rz", [k], round(float(rng.uniform(-3, 3)), 6)])
            operations.append([["sx", "x"][int(rng.integers(2))] if rng.uniform() < 0.3 else "sx", [k], None])
        for a, b in pairs:
            operations.append(["cx", [a, b] if rng.uniform() < 0.5 else [b, a], None])
    return operations


def run(snapshot, model, layout, operations, observables):
    """Aer's channels applied by qiskit.quantum_info. (Aer's own density-matrix run rounds channels to about 1e-10.)"""
    gates = {"rz": RZGate, "sx": SXGate, "x": XGate, "cx": CXGate}
    rho = DensityMatrix.from_int(0, 2 ** len(layout))
    for gate, qubits, angle in operations:
        rho = rho.evolve(gates[gate](*([angle] if angle is not None else [])), qargs=qubits)
        error = model._local_quantum_errors.get(gate, {}).get(tuple(layout[k] for k in qubits))
        if error is not None:
            rho = rho.evolve(SuperOp(error.to_quantumchannel()), qargs=qubits)
    values = [float(np.real(rho.expectation_value(SparsePauliOp(text)))) for text in observables]
    probabilities = rho.probabilities()
    for k, qubit in enumerate(layout):
        # From a Target Aer takes the mean of the two conditional probabilities for both; the snapshot has both.
        known = snapshot["qubits"][qubit]
        error = [[1 - known["p1_given_0"], known["p1_given_0"]], [known["p0_given_1"], 1 - known["p0_given_1"]]]
        aer = model._local_readout_errors[(qubit,)].probabilities
        mean = (known["p1_given_0"] + known["p0_given_1"]) / 2
        assert np.allclose(aer, [[1 - mean, mean], [mean, 1 - mean]], atol=1e-12)
        shape = probabilities.reshape(-1, 2, 2**k)
        probabilities = np.einsum("atb,tr->arb", shape, error).reshape(-1)
    return values, [float(x) for x in probabilities]


CASES = [("manila", [0, 1, 2], [(0, 1), (1, 2)]), ("quito", [1, 3, 4], [(0, 1), (1, 2)]), ("lagos", [0, 1, 3], [(0, 1), (1, 2)]),
         ("perth", [1, 3, 5], [(0, 1), (1, 2)]), ("guadalupe", [12, 10, 7], [(0, 1), (1, 2)]),
         ("kolkata", [0, 1, 4], [(0, 1), (1, 2)])]
out = {"source": "qiskit-aer 0.18.2, qiskit 2.6.2, qiskit-ibm-runtime 0.51.0", "devices": []}
for seed, (name, layout, pairs) in enumerate(CASES):
    model = NoiseModel.from_backend(backend(name))
    a, b = layout[0], layout[1]
    places = [("sx", [a]), ("x", [b]), ("cx", [a, b]), ("cx", [b, a])]
    operations = native(layout, pairs, 7 + seed, 4)
    texts = ["IIZ", "IZI", "ZII", "ZZZ", "XIY", "YXI"]
    values, probabilities = run(snapshot(name), model, layout, operations, texts)
    observables = [" ".join(f"{p}{k}" for k, p in enumerate(reversed(t)) if p != "I") for t in texts]
    out["devices"].append({"name": name, "channels": channels(model, places), "infidelities": all_infidelities(model),
                           "circuit": {"layout": layout, "operations": operations, "observables": observables,
                                       "values": values, "read_probabilities": probabilities}})
json.dump(out, sys.stdout, indent=None, separators=(",", ":"))
