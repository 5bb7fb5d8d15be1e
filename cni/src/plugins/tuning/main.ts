import { runPlugin } from '../../skeleton/run-plugin.ts';
import { tuning } from './tuning.ts';

await runPlugin(tuning);
