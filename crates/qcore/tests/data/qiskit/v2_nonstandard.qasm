OPENQASM 2.0;
include "qelib1.inc";
gate ryy(param0) q0,q1 { sxdg q0; sxdg q1; cx q0,q1; rz(param0) q1; cx q0,q1; sx q0; sx q1; }
gate rzx(param0) q0,q1 { h q1; cx q0,q1; rz(param0) q1; cx q0,q1; h q1; }
gate iswap q0,q1 { s q0; s q1; h q0; cx q0,q1; cx q1,q0; h q1; }
gate ecr q0,q1 { s q0; sx q1; cx q0,q1; x q0; }
gate dcx q0,q1 { cx q0,q1; cx q1,q0; }
gate cs q0,q1 { t q0; cx q0,q1; tdg q1; cx q0,q1; t q1; }
gate csdg q0,q1 { tdg q0; cx q0,q1; t q1; cx q0,q1; tdg q1; }
gate ccz q0,q1,q2 { h q2; ccx q0,q1,q2; h q2; }
gate r(param0,param1) q0 { u(param0,-pi/2 + param1,pi/2 - param1) q0; }
gate rcccx q0,q1,q2,q3 { h q3; t q3; cx q2,q3; tdg q3; h q3; cx q0,q3; t q3; cx q1,q3; tdg q3; cx q0,q3; t q3; cx q1,q3; tdg q3; h q3; t q3; cx q2,q3; tdg q3; h q3; }
qreg q[4];
ry(0.3) q[0];
p(-0.5) q[0];
ry(0.7) q[1];
p(-0.3) q[1];
ry(1.1) q[2];
p(-0.09999999999999998) q[2];
ry(1.5000000000000002) q[3];
p(0.10000000000000009) q[3];
rxx(0.3) q[0],q[1];
ryy(-0.7) q[1],q[2];
rzz(1.1) q[2],q[3];
rzx(0.9) q[3],q[0];
iswap q[0],q[2];
ecr q[1],q[3];
dcx q[2],q[1];
cs q[0],q[1];
csx q[1],q[2];
csdg q[3],q[2];
ccz q[0],q[1],q[2];
r(0.4,0.2) q[3];
sxdg q[0];
rccx q[0],q[2],q[3];
rcccx q[3],q[1],q[0],q[2];
c3sqrtx q[1],q[2],q[3],q[0];
cu(0.1,0.2,0.3,0.4) q[2],q[0];
