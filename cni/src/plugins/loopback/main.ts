import { runPlugin } from '../../skeleton/run-plugin.ts';
import { loopback } from './loopback.ts';

await runPlugin(loopback);
