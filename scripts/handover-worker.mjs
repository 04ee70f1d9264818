// A worker of `npm run handover`: it answers a sweep with what came of it.
import { parentPort } from 'node:worker_threads';
import { importTypeScript } from './transpile.mjs';

const { runHandoverJob } = await importTypeScript('src/experiments/hyp-campaign.ts');
parentPort.on('message', (job) => parentPort.postMessage(runHandoverJob(job)));
