OPENQASM 3.0;
include "stdgates.inc";
input float[64] alpha;
input float[64] b;
input float[64] gamma;
gate inner(alpha, b) _gate_q_0, _gate_q_1 {
  rx(alpha) _gate_q_0;
  cx _gate_q_0, _gate_q_1;
  rz(b/2) _gate_q_1;
}
gate inner_dg(alpha, b) _gate_q_0, _gate_q_1 {
  rz(b/(-2)) _gate_q_1;
  cx _gate_q_0, _gate_q_1;
  rx(-alpha) _gate_q_0;
}
gate outer(alpha, b, gamma) _gate_q_0, _gate_q_1, _gate_q_2 {
  inner(alpha, b) _gate_q_2, _gate_q_0;
  inner_dg(alpha, b) _gate_q_0, _gate_q_1;
  ry(gamma) _gate_q_1;
}
qubit[3] q;
ry(0.3) q[0];
p(-0.5) q[0];
ry(0.7) q[1];
p(-0.3) q[1];
ry(1.1) q[2];
p(-0.09999999999999998) q[2];
outer(alpha, b, gamma) q[1], q[2], q[0];
inner(alpha, b) q[0], q[1];

