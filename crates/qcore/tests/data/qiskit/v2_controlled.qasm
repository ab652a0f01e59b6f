OPENQASM 2.0;
include "qelib1.inc";
gate ccrx(param0) q0,q1,q2 { cu(0.3,-pi/2,pi/2,0) q1,q2; cx q1,q0; cu(-0.3,-pi/2,pi/2,0) q0,q2; cx q1,q0; cu(0.3,-pi/2,pi/2,0) q0,q2; }
gate mcx q0,q1,q2,q3 { h q3; p(pi/8) q0; p(pi/8) q1; p(pi/8) q2; p(pi/8) q3; cx q0,q1; p(-pi/8) q1; cx q0,q1; cx q1,q2; p(-pi/8) q2; cx q0,q2; p(pi/8) q2; cx q1,q2; p(-pi/8) q2; cx q0,q2; cx q2,q3; p(-pi/8) q3; cx q1,q3; p(pi/8) q3; cx q2,q3; p(-pi/8) q3; cx q0,q3; p(pi/8) q3; cx q2,q3; p(-pi/8) q3; cx q1,q3; p(pi/8) q3; cx q2,q3; p(-pi/8) q3; cx q0,q3; h q3; }
gate mcx_o2 q0,q1,q2,q3 { x q0; x q2; mcx q0,q1,q2,q3; x q0; x q2; }
gate cry_o0(param0) q0,q1 { x q0; cry(1.2) q0,q1; x q0; }
gate cch q0,q1,q2 { s q2; h q2; t q2; ccx q0,q1,q2; tdg q2; h q2; sdg q2; }
gate cch_o1 q0,q1,q2 { x q1; cch q0,q1,q2; x q1; }
gate mcphase(param0) q0,q1,q2,q3 { h q3; cx q1,q3; tdg q3; cx q0,q3; t q3; cx q1,q3; tdg q3; cx q0,q3; t q1; t q3; h q3; cx q0,q1; t q0; tdg q1; cx q0,q1; rz(-0.075) q3; cx q2,q3; rz(0.075) q3; h q3; cx q1,q3; tdg q3; cx q0,q3; t q3; cx q1,q3; tdg q3; cx q0,q3; t q1; t q3; h q3; cx q0,q1; t q0; tdg q1; cx q0,q1; rz(-0.075) q3; cx q2,q3; rz(0.075) q3; cx q0,q2; rz(-0.0375) q2; cx q1,q2; rz(0.0375) q2; cx q0,q2; rz(-0.0375) q2; cx q1,q2; rz(0.0375) q2; crz(0.075) q0,q1; p(0.0375) q0; }
gate mcphase_139720049078224(param0) q0,q1 { cp(0.45) q0,q1; }
gate ccu(param0,param1,param2) q0,q1,q2 { cx q0,q2; rz(-0.125) q2; cx q1,q2; rz(0.125) q2; cx q0,q2; rz(-0.125) q2; cx q1,q2; rz(0.125) q2; ry(0.15) q2; ccx q0,q1,q2; ry(-0.15) q2; ccx q0,q1,q2; cx q0,q2; rz(-0.1) q2; cx q1,q2; rz(0.1) q2; cx q0,q2; rz(-0.1) q2; cx q1,q2; rz(0.1) q2; mcphase_139720049078224(0.45) q1,q0; }
gate mcphase_139720049074704(param0) q0,q1 { cp(0.4) q0,q1; }
gate mcphase_139720049075920(param0) q0,q1 { cp(0.25) q0,q1; }
gate mcphase_139720049072720(param0) q0,q1 { cp(0.04999999999999999) q0,q1; }
gate ccu_139720047076048(param0,param1,param2,param3) q0,q1,q2 { mcphase_139720049074704(0.4) q0,q1; mcphase_139720049075920(0.25) q0,q1; mcphase_139720049072720(0.04999999999999999) q0,q2; ccx q0,q1,q2; cu(-0.05,0,-0.25,0) q0,q2; ccx q0,q1,q2; cu(0.05,0.2,0,0) q0,q2; }
qreg q[4];
ry(0.3) q[0];
p(-0.5) q[0];
ry(0.7) q[1];
p(-0.3) q[1];
ry(1.1) q[2];
p(-0.09999999999999998) q[2];
ry(1.5000000000000002) q[3];
p(0.10000000000000009) q[3];
ccrx(0.6) q[0],q[1],q[2];
mcx_o2 q[0],q[1],q[2],q[3];
cry_o0(1.2) q[3],q[1];
cch_o1 q[2],q[3],q[0];
mcphase(0.3) q[0],q[2],q[1],q[3];
ccu(0.3,0.4,0.5) q[3],q[0],q[1];
ccu_139720047076048(0.1,0.2,0.3,0.4) q[1],q[2],q[3];
mcx q[0],q[1],q[3],q[2];
