OPENQASM 3.0;
include "stdgates.inc";
bit[2] c;
qubit[2] left;
qubit[1] x_0;
ry(0.3) left[0];
p(-0.5) left[0];
ry(0.7) left[1];
p(-0.3) left[1];
ry(1.1) x_0[0];
p(-0.09999999999999998) x_0[0];
h left[0];
cx left[0], x_0[0];
barrier left[0], left[1], x_0[0];
U(0.1, 0.2, 0.3) left[1];
swap left[1], x_0[0];
c[0] = measure left[0];
c[1] = measure left[1];

