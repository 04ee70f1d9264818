import { linuxSuite } from './suite.ts';

linuxSuite('full');
