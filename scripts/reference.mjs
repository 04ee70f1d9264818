// `npm run reference`
import { ROOT } from './checkout.mjs';
import { runCommand } from './command.mjs';

await runCommand({
  usage: `npm run reference
  writes docs/reference from the tables of the sources`,
  module: 'test/reference/pages.ts',
  run: ({ referenceCommand }) => referenceCommand(ROOT),
});
