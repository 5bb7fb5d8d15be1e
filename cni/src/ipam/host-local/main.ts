import { runPlugin } from '../../skeleton/run-plugin.ts';
import { hostLocal } from './host-local.ts';

await runPlugin(hostLocal);
