import { runPlugin } from '../../skeleton/run-plugin.ts';
import { ipvlan } from './ipvlan.ts';

await runPlugin(ipvlan);
