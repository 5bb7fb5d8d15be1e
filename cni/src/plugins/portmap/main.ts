import { runPlugin } from '../../skeleton/run-plugin.ts';
import { portmap } from './portmap.ts';

await runPlugin(portmap);
