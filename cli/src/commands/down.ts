import { access, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandContext, RunCommand } from '../command.ts';
import { removeNode } from '../compose/node.ts';
import { isAlive, type ProcessRecord, runningProcesses } from '../process-record.ts';
import { CommandError } from '../usage-error.ts';

/** Time for a process to drain before it is killed. */
const drainMs = 20_000;
const lookMs = 50;

export const down: RunCommand = async (context) => {
  const { config, clock, random, log, signal, print } = context;
  if (!(await exists(config.dataDir))) return print(`nothing to remove: there is no ${config.dataDir}`);
  for (const record of await runningProcesses(config.dataDir)) await stopProcess(record, context);
  if (process.getuid?.() === 0 && (await hadNode(config.dataDir))) {
    const failures = await removeNode(config, { clock, random, log }, signal);
    if (failures.length > 0)
      throw new CommandError(`not everything could be removed: ${failures.join('; ')}; run 'slipway down' again`);
  }
  if (config.purge) await rm(config.dataDir, { recursive: true, force: true });
  print(config.purge ? `removed, with ${config.dataDir}` : `removed; the state is kept in ${config.dataDir}`);
};

async function stopProcess(record: ProcessRecord, { clock, signal }: CommandContext): Promise<void> {
  process.kill(record.pid, 'SIGTERM');
  const untilMs = clock.monotonicMs() + drainMs;
  while (await isAlive(record)) {
    if (clock.monotonicMs() > untilMs) process.kill(record.pid, 'SIGKILL');
    await clock.sleep(lookMs, signal);
  }
}

/** A control plane alone leaves nothing on the machine outside its data directory. */
async function hadNode(dataDir: string): Promise<boolean> {
  const signs = ['network', 'runtime', 'images', 'pods'];
  const found = await Promise.all(signs.map((name) => exists(join(dataDir, name))));
  return found.includes(true);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
