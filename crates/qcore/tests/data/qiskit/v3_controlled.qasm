OPENQASM 3.0;
include "stdgates.inc";
input float[64] alpha;
gate ccrx(alpha) _gate_q_0, _gate_q_1, _gate_q_2 {
  cu(0.5*alpha, -pi/2, pi/2, 0) _gate_q_1, _gate_q_2;
  cx _gate_q_1, _gate_q_0;
  cu((-0.5)*alpha, -pi/2, pi/2, 0) _gate_q_0, _gate_q_2;
  cx _gate_q_1, _gate_q_0;
  cu(0.5*alpha, -pi/2, pi/2, 0) _gate_q_0, _gate_q_2;
}
gate mcx _gate_q_0, _gate_q_1, _gate_q_2, _gate_q_3 {
  h _gate_q_3;
  p(pi/8) _gate_q_0;
  p(pi/8) _gate_q_1;
  p(pi/8) _gate_q_2;
  p(pi/8) _gate_q_3;
  cx _gate_q_0, _gate_q_1;
  p(-pi/8) _gate_q_1;
  cx _gate_q_0, _gate_q_1;
  cx _gate_q_1, _gate_q_2;
  p(-pi/8) _gate_q_2;
  cx _gate_q_0, _gate_q_2;
  p(pi/8) _gate_q_2;
  cx _gate_q_1, _gate_q_2;
  p(-pi/8) _gate_q_2;
  cx _gate_q_0, _gate_q_2;
  cx _gate_q_2, _gate_q_3;
  p(-pi/8) _gate_q_3;
  cx _gate_q_1, _gate_q_3;
  p(pi/8) _gate_q_3;
  cx _gate_q_2, _gate_q_3;
  p(-pi/8) _gate_q_3;
  cx _gate_q_0, _gate_q_3;
  p(pi/8) _gate_q_3;
  cx _gate_q_2, _gate_q_3;
  p(-pi/8) _gate_q_3;
  cx _gate_q_1, _gate_q_3;
  p(pi/8) _gate_q_3;
  cx _gate_q_2, _gate_q_3;
  p(-pi/8) _gate_q_3;
  cx _gate_q_0, _gate_q_3;
  h _gate_q_3;
}
gate mcx_o2 _gate_q_0, _gate_q_1, _gate_q_2, _gate_q_3 {
  x _gate_q_0;
  x _gate_q_2;
  mcx _gate_q_0, _gate_q_1, _gate_q_2, _gate_q_3;
  x _gate_q_0;
  x _gate_q_2;
}
gate cry_o0(p0) _gate_q_0, _gate_q_1 {
  x _gate_q_0;
  cry(p0) _gate_q_0, _gate_q_1;
  x _gate_q_0;
}
gate cch _gate_q_0, _gate_q_1, _gate_q_2 {
  s _gate_q_2;
  h _gate_q_2;
  t _gate_q_2;
  ccx _gate_q_0, _gate_q_1, _gate_q_2;
  tdg _gate_q_2;
  h _gate_q_2;
  sdg _gate_q_2;
}
gate cch_o1 _gate_q_0, _gate_q_1, _gate_q_2 {
  x _gate_q_1;
  cch _gate_q_0, _gate_q_1, _gate_q_2;
  x _gate_q_1;
}
gate mcphase(_gate_p_0) _gate_q_0, _gate_q_1, _gate_q_2, _gate_q_3 {
  h _gate_q_3;
  cx _gate_q_1, _gate_q_3;
  tdg _gate_q_3;
  cx _gate_q_0, _gate_q_3;
  t _gate_q_3;
  cx _gate_q_1, _gate_q_3;
  tdg _gate_q_3;
  cx _gate_q_0, _gate_q_3;
  t _gate_q_1;
  t _gate_q_3;
  h _gate_q_3;
  cx _gate_q_0, _gate_q_1;
  t _gate_q_0;
  tdg _gate_q_1;
  cx _gate_q_0, _gate_q_1;
  rz(-0.075) _gate_q_3;
  cx _gate_q_2, _gate_q_3;
  rz(0.075) _gate_q_3;
  h _gate_q_3;
  cx _gate_q_1, _gate_q_3;
  tdg _gate_q_3;
  cx _gate_q_0, _gate_q_3;
  t _gate_q_3;
  cx _gate_q_1, _gate_q_3;
  tdg _gate_q_3;
  cx _gate_q_0, _gate_q_3;
  t _gate_q_1;
  t _gate_q_3;
  h _gate_q_3;
  cx _gate_q_0, _gate_q_1;
  t _gate_q_0;
  tdg _gate_q_1;
  cx _gate_q_0, _gate_q_1;
  rz(-0.075) _gate_q_3;
  cx _gate_q_2, _gate_q_3;
  rz(0.075) _gate_q_3;
  cx _gate_q_0, _gate_q_2;
  rz(-0.0375) _gate_q_2;
  cx _gate_q_1, _gate_q_2;
  rz(0.0375) _gate_q_2;
  cx _gate_q_0, _gate_q_2;
  rz(-0.0375) _gate_q_2;
  cx _gate_q_1, _gate_q_2;
  rz(0.0375) _gate_q_2;
  crz(0.075) _gate_q_0, _gate_q_1;
  p(0.0375) _gate_q_0;
}
gate mcphase_0(_gate_p_0) _gate_q_0, _gate_q_1 {
  cp(0.45) _gate_q_0, _gate_q_1;
}
gate ccu(_gate_p_0, _gate_p_1, _gate_p_2) _gate_q_0, _gate_q_1, _gate_q_2 {
  cx _gate_q_0, _gate_q_2;
  rz(-0.125) _gate_q_2;
  cx _gate_q_1, _gate_q_2;
  rz(0.125) _gate_q_2;
  cx _gate_q_0, _gate_q_2;
  rz(-0.125) _gate_q_2;
  cx _gate_q_1, _gate_q_2;
  rz(0.125) _gate_q_2;
  ry(0.15) _gate_q_2;
  ccx _gate_q_0, _gate_q_1, _gate_q_2;
  ry(-0.15) _gate_q_2;
  ccx _gate_q_0, _gate_q_1, _gate_q_2;
  cx _gate_q_0, _gate_q_2;
  rz(-0.1) _gate_q_2;
  cx _gate_q_1, _gate_q_2;
  rz(0.1) _gate_q_2;
  cx _gate_q_0, _gate_q_2;
  rz(-0.1) _gate_q_2;
  cx _gate_q_1, _gate_q_2;
  rz(0.1) _gate_q_2;
  mcphase_0(0.45) _gate_q_1, _gate_q_0;
}
gate mcphase_1(_gate_p_0) _gate_q_0, _gate_q_1 {
  cp(0.4) _gate_q_0, _gate_q_1;
}
gate mcphase_2(_gate_p_0) _gate_q_0, _gate_q_1 {
  cp(0.25) _gate_q_0, _gate_q_1;
}
gate mcphase_3(_gate_p_0) _gate_q_0, _gate_q_1 {
  cp(0.04999999999999999) _gate_q_0, _gate_q_1;
}
gate ccu_0(_gate_p_0, _gate_p_1, _gate_p_2, _gate_p_3) _gate_q_0, _gate_q_1, _gate_q_2 {
  mcphase_1(0.4) _gate_q_0, _gate_q_1;
  mcphase_2(0.25) _gate_q_0, _gate_q_1;
  mcphase_3(0.04999999999999999) _gate_q_0, _gate_q_2;
  ccx _gate_q_0, _gate_q_1, _gate_q_2;
  cu(-0.05, 0, -0.25, 0) _gate_q_0, _gate_q_2;
  ccx _gate_q_0, _gate_q_1, _gate_q_2;
  cu(0.05, 0.2, 0, 0) _gate_q_0, _gate_q_2;
}
qubit[4] q;
ry(0.3) q[0];
p(-0.5) q[0];
ry(0.7) q[1];
p(-0.3) q[1];
ry(1.1) q[2];
p(-0.09999999999999998) q[2];
ry(1.5000000000000002) q[3];
p(0.10000000000000009) q[3];
ccrx(alpha) q[0], q[1], q[2];
mcx_o2 q[0], q[1], q[2], q[3];
cry_o0(2*alpha) q[3], q[1];
cch_o1 q[2], q[3], q[0];
mcphase(0.3) q[0], q[2], q[1], q[3];
ccu(0.3, 0.4, 0.5) q[3], q[0], q[1];
ccu_0(0.1, 0.2, 0.3, 0.4) q[1], q[2], q[3];
mcx q[0], q[1], q[3], q[2];

