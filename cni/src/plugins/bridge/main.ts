import { runPlugin } from '../../skeleton/run-plugin.ts';
import { bridge } from './bridge.ts';

await runPlugin(bridge);
