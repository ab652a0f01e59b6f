OPENQASM 3.0;
include "stdgates.inc";
input float[64] b;
gate sxdg _gate_q_0 {
  s _gate_q_0;
  h _gate_q_0;
  s _gate_q_0;
}
gate rzz(p0) _gate_q_0, _gate_q_1 {
  cx _gate_q_0, _gate_q_1;
  rz(p0) _gate_q_1;
  cx _gate_q_0, _gate_q_1;
}
gate rxx(p0) _gate_q_0, _gate_q_1 {
  h _gate_q_0;
  h _gate_q_1;
  cx _gate_q_0, _gate_q_1;
  rz(p0) _gate_q_1;
  cx _gate_q_0, _gate_q_1;
  h _gate_q_1;
  h _gate_q_0;
}
qubit[3] q;
ry(0.3) q[0];
p(-0.5) q[0];
ry(0.7) q[1];
p(-0.3) q[1];
ry(1.1) q[2];
p(-0.09999999999999998) q[2];
sx q[1];
h q[2];
cx q[2], q[1];
cx q[1], q[0];
rz(0.6*b) q[0];
cx q[1], q[0];
cx q[2], q[1];
sxdg q[1];
h q[2];
rzz((-1.4)*b) q[1], q[2];
rxx(0.4*b) q[0], q[1];

