import { linuxSuite } from './suite.ts';

linuxSuite('cortex-a57');
