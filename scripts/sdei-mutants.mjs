// `npm run sdei:mutants`
import { ROOT } from './checkout.mjs';
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run sdei:mutants
  dispatchers with one mistake each against every case of the conformance suite`,
  module: 'test/conformance/mutants-command.ts',
  run: ({ sdeiMutantsCommand }) => sdeiMutantsCommand(ROOT),
});
