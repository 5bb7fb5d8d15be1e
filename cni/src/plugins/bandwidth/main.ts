import { runPlugin } from '../../skeleton/run-plugin.ts';
import { bandwidth } from './bandwidth.ts';

await runPlugin(bandwidth);
