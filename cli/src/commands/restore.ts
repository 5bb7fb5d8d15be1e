import { restoreStore } from '@slipway/apiserver';
import type { CommandContext, RunCommand } from '../command.ts';
import { storePlace } from '../compose/storage.ts';
import { runningProcesses } from '../process-record.ts';
import { CommandError, UsageError } from '../usage-error.ts';

/** With etcd every revision that is left out costs a write; the embedded store just counts on. */
const bumpDefaults = { embedded: 1_000_000, etcd: 1_000 } as const;

export const restore: RunCommand = async (context) => {
  const { config, operands, clock, signal, print } = context;
  const [file, ...rest] = operands;
  if (!file || rest.length > 0) throw new UsageError('usage: slipway restore FILE');
  await checkStopped(context);
  const bump = BigInt(config.bumpRevision ?? bumpDefaults[config.etcd ? 'etcd' : 'embedded']);
  const options = { clock, signal, bump, replace: config.force };
  const restored = await restoreStore(await storePlace(config), file, options).catch((error: unknown) => {
    if (!isNotEmpty(error)) throw error;
    throw new CommandError(`${error.message}; restore with --force to replace what it holds`);
  });
  const revisions = restored.keepsRevisions
    ? ''
    : ', with new resourceVersions, since the etcd was beyond the old ones';
  print(`restored ${restored.entries} objects; the store is at revision ${restored.revision}${revisions}`);
};

/** The lock of the embedded store would say so too, but only after the file was read. */
async function checkStopped({ config }: CommandContext): Promise<void> {
  const server = (await runningProcesses(config.dataDir)).find(
    ({ command }) => command === 'up' || command === 'apiserver',
  );
  if (!server) return;
  throw new CommandError(
    `process ${server.pid} (slipway ${server.command}) uses ${config.dataDir}; stop it, restore, then start it again`,
  );
}

function isNotEmpty(error: unknown): error is Error {
  return error instanceof Error && 'reason' in error && error.reason === 'notEmpty';
}
