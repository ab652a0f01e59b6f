OPENQASM 2.0;
include "qelib1.inc";
gate my_gate_ q0,q1 { h q0; crz(0.4) q0,q1; sxdg q1; }
gate mcphase(param0) q0,q1 { cp(3*pi/2) q0,q1; }
gate cmy_gate_ q0,q1,q2 { s q1; h q1; t q1; cx q0,q1; tdg q1; h q1; sdg q1; crz(0.2) q0,q2; ccx q0,q1,q2; crz(-0.2) q0,q2; ccx q0,q1,q2; h q2; mcphase(3*pi/2) q0,q2; h q2; }
gate unitary q0,q1 { u(pi,1.8468933461903259,1.84689334619034) q0; u(2.351405868289757,1.4326163440068918,1.6732443115796514) q1; cx q0,q1; u(3.101922376224312,-pi,-pi/2) q0; u(1.5807632028894076,1.7117500155205043,-1.7117500155205043) q1; cx q0,q1; u(pi/2,0,-pi/2) q0; u(0.7858891587345213,-1.4679078864318478,-1.8540436496343644) q1; }
qreg q[3];
ry(0.3) q[0];
p(-0.5) q[0];
ry(0.7) q[1];
p(-0.3) q[1];
ry(1.1) q[2];
p(-0.09999999999999998) q[2];
my_gate_ q[0],q[2];
cmy_gate_ q[1],q[2],q[0];
unitary q[2],q[1];
