OPENQASM 3.0;
include "stdgates.inc";
gate sxdg _gate_q_0 {
  s _gate_q_0;
  h _gate_q_0;
  s _gate_q_0;
}
gate _my_gate_ _gate_q_0, _gate_q_1 {
  h _gate_q_0;
  crz(0.4) _gate_q_0, _gate_q_1;
  sxdg _gate_q_1;
}
gate mcphase(_gate_p_0) _gate_q_0, _gate_q_1 {
  cp(3*pi/2) _gate_q_0, _gate_q_1;
}
gate _cmy_gate_ _gate_q_0, _gate_q_1, _gate_q_2 {
  s _gate_q_1;
  h _gate_q_1;
  t _gate_q_1;
  cx _gate_q_0, _gate_q_1;
  tdg _gate_q_1;
  h _gate_q_1;
  sdg _gate_q_1;
  crz(0.2) _gate_q_0, _gate_q_2;
  ccx _gate_q_0, _gate_q_1, _gate_q_2;
  crz(-0.2) _gate_q_0, _gate_q_2;
  ccx _gate_q_0, _gate_q_1, _gate_q_2;
  h _gate_q_2;
  mcphase(3*pi/2) _gate_q_0, _gate_q_2;
  h _gate_q_2;
}
gate unitary _gate_q_0, _gate_q_1 {
  U(pi, 1.8468933461903259, 1.84689334619034) _gate_q_0;
  U(2.351405868289757, 1.4326163440068918, 1.6732443115796514) _gate_q_1;
  cx _gate_q_0, _gate_q_1;
  U(3.101922376224312, -pi, -pi/2) _gate_q_0;
  U(1.5807632028894076, 1.7117500155205043, -1.7117500155205043) _gate_q_1;
  cx _gate_q_0, _gate_q_1;
  U(pi/2, 0, -pi/2) _gate_q_0;
  U(0.7858891587345213, -1.4679078864318478, -1.8540436496343644) _gate_q_1;
}
qubit[3] q;
ry(0.3) q[0];
p(-0.5) q[0];
ry(0.7) q[1];
p(-0.3) q[1];
ry(1.1) q[2];
p(-0.09999999999999998) q[2];
_my_gate_ q[0], q[2];
_cmy_gate_ q[1], q[2], q[0];
unitary q[2], q[1];

