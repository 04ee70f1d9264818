import { importTypeScript } from './transpile.mjs';
const { LinuxGuest } = await importTypeScript('test/linux/guest.ts');
const cpu = process.argv[2];
const out = [];
for (const engine of ['compiled','interpreter']) {
  const g = new LinuxGuest({ cpu, machine: { engine } });
  g.untilPrompt();
  const boot = [g.machine.steps, g.machine.digest()];
  const t0 = Date.now();
  const a = g.command(`awk 'BEGIN{s=0;x=0.1;for(i=0;i<150000;i++){s+=i*0.1/3;x=x*x*0.25+0.5-s/1e9};printf "%.17g %.17g\\n",s,x}'`);
  out.push(JSON.stringify([...boot, g.machine.steps, g.machine.digest(), a].map(String)));
  console.log(engine, out.at(-1), Date.now()-t0, 'ms');
}
console.log(out[0]===out[1] ? 'EQUAL' : 'DIFFERENT');
