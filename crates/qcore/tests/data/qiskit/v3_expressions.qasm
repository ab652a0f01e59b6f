OPENQASM 3.0;
include "stdgates.inc";
input float[64] alpha;
input float[64] b;
input float[64] gamma;
qubit[2] q;
ry(0.3) q[0];
p(-0.5) q[0];
ry(0.7) q[1];
p(-0.3) q[1];
rx(2*alpha - b/3) q[0];
ry(alpha*b) q[1];
cx q[0], q[1];
rz((-1.5 - alpha)*(b - gamma)/2) q[0];
crx(alpha/(3 + gamma)) q[1], q[0];
p(-0.1 + alpha**2) q[1];
cry(pi/4) q[0], q[1];
U(alpha, -b, gamma/7) q[0];

