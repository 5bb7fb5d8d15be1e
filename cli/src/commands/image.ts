import { stat } from 'node:fs/promises';
import type { ImageStore } from '@slipway/kubelet-agent/images';
import type { CommandContext, RunCommand } from '../command.ts';
import { openImageStore } from '../compose/image-store.ts';
import { CommandError, UsageError } from '../usage-error.ts';

const usage = 'usage: slipway image load FILE | pull REF | ls | rm REF';

export const image: RunCommand = async (context) => {
  const [verb = '', ...operands] = context.operands;
  const action = Object.hasOwn(actions, verb) ? actions[verb] : undefined;
  if (!action || operands.length !== action.operands) throw new UsageError(usage);
  if (action.unpacks && process.getuid?.() !== 0)
    throw new CommandError(`image ${verb}: layers keep the owners of their files, which needs root; run as root`);
  await action.run(await openImageStore(context.config, context), operands[0] ?? '', context);
};

interface Action {
  readonly operands: number;
  readonly unpacks?: true;
  run(store: ImageStore, operand: string, context: CommandContext): Promise<void>;
}

const actions: Readonly<Record<string, Action>> = {
  load: {
    operands: 1,
    unpacks: true,
    run: async (store, file, { signal, print }) => {
      const found = await stat(file).catch(() => undefined);
      if (!found) throw new CommandError(`image load: there is no file ${file}`);
      if (found.isDirectory())
        throw new CommandError(`image load: ${file} is a directory; give a tarball (tar -C ${file} -cf IMAGE.tar .)`);
      for (const loaded of await store.load(file, {}, signal))
        print(`loaded ${loaded.repoTags.join(', ') || loaded.id}`);
    },
  },
  pull: {
    operands: 1,
    unpacks: true,
    run: async (store, reference, { signal, print }) => {
      print(`pulled ${await store.pullImage({ image: reference }, undefined, signal)}`);
    },
  },
  ls: {
    operands: 0,
    run: async (store, _, { signal, print }) => {
      const images = await store.listImages({}, signal);
      const rows = images.flatMap(({ repoTags, repoDigests, id, size }) => {
        const names = repoTags.length > 0 ? repoTags : repoDigests.length > 0 ? repoDigests : ['<none>'];
        return names.map((name) => [name, id.replace('sha256:', '').slice(0, 12), `${(size / 1e6).toFixed(1)}MB`]);
      });
      const table = [['NAME', 'IMAGE ID', 'SIZE'], ...rows];
      const width = (column: number) => Math.max(...table.map((row) => row[column]?.length ?? 0));
      for (const row of table)
        print(row.map((cell, column) => (column === 2 ? cell : cell.padEnd(width(column) + 3))).join(''));
    },
  },
  rm: {
    operands: 1,
    run: async (store, reference, { signal, print }) => {
      const known = await store.imageStatus({ image: reference }, signal);
      if (!known) throw new CommandError(`image rm: no image ${reference} in the store; 'slipway image ls' lists them`);
      await store.removeImage({ image: reference }, signal);
      print(`removed ${reference}`);
    },
  },
};
