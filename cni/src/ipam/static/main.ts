import { runPlugin } from '../../skeleton/run-plugin.ts';
import { staticAddresses } from './static.ts';

await runPlugin(staticAddresses);
