OPENQASM 3.0;
include "stdgates.inc";
input float[64] alpha;
gate phased(alpha) _gate_q_0 {
  rx(0.3) _gate_q_0;
}
gate cphased(alpha) _gate_q_0, _gate_q_1 {
  cu(0.3, -pi/2, pi/2, 0) _gate_q_0, _gate_q_1;
  p(alpha) _gate_q_0;
}
qubit[2] q;
ry(0.3) q[0];
p(-0.5) q[0];
ry(0.7) q[1];
p(-0.3) q[1];
h q[0];
phased(alpha) q[1];
cphased(alpha) q[0], q[1];

