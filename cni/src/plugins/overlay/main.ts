import { runPlugin } from '../../skeleton/run-plugin.ts';
import { overlay } from './overlay.ts';

await runPlugin(overlay);
