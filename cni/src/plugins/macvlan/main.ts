import { runPlugin } from '../../skeleton/run-plugin.ts';
import { macvlan } from './macvlan.ts';

await runPlugin(macvlan);
