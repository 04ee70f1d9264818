import { importTypeScript } from './transpile.mjs';
const { speedOf, LOOPS } = await importTypeScript('test/exact/speed.ts');
const H=`
        mov     x0, #3 << 20
        msr     CPACR_EL1, x0
        isb
        fmov    d0, #0.5
        fmov    d1, #1.25
        fmov    d5, #3.0
        fdiv    d0, d0, d5
        fdiv    d1, d1, d5
        fmov d7, #1.0
        fdiv d8, d7, d5
        dup v0.2d, v0.d[0]
        dup v1.2d, v1.d[0]
        dup v8.2d, v8.d[0]
`;
LOOPS.chain=H+`loop: fmadd d2,d2,d0,d1
 fmadd d2,d2,d0,d8
 fmadd d2,d2,d1,d0
 fmadd d2,d2,d0,d1
 b loop`;
LOOPS.par=H+`loop: fmadd d2,d0,d1,d8
 fmadd d3,d0,d8,d1
 fmadd d4,d1,d8,d0
 fmadd d5,d1,d1,d8
 b loop`;
LOOPS.vec=H+`loop: fmla v2.2d,v0.2d,v1.2d
 fmla v3.2d,v8.2d,v1.2d
 fmla v4.2d,v0.2d,v8.2d
 fmls v5.2d,v0.2d,v1.2d
 b loop`;
LOOPS.cmp=H+`loop: fcmp d0, d1
 b.gt loop
 fcmp d1, d0
 b.ls loop
 fcsel d3, d1, d0, gt
 b loop`;
LOOPS.mulz=H+` movi d9, #0
loop: fmul d2,d9,d1
 fadd d2,d2,d0
 scvtf d3, x1
 add x1,x1,#1
 b loop`;
const cpu=()=>{const u=process.cpuUsage();return (u.user+u.system)/1000};
for (const n of process.argv.slice(2)) { let best=0; for(let i=0;i<3;i++) best=Math.max(best,speedOf(LOOPS[n],'compiled',cpu)); console.log(n.padEnd(12), best.toFixed(0)); }
