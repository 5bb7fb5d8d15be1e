import type { Command } from './command.ts';
import { agent } from './commands/agent.ts';
import { apiserver } from './commands/apiserver.ts';
import { cni } from './commands/cni.ts';
import { controllers } from './commands/controllers.ts';
import { down } from './commands/down.ts';
import { image } from './commands/image.ts';
import { up } from './commands/up.ts';
import { version } from './commands/version.ts';
import { why } from './commands/why.ts';

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [up, apiserver, controllers, agent, down, image, why, cni, version];
