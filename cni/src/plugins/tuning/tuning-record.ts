import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';
import type { Attachment } from '../../spec/types.ts';

/** What was there before, as far as it was changed. */
export interface TunedBefore {
  readonly sysctl: Readonly<Record<string, string>>;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  readonly txQLen?: number | undefined;
  readonly promisc?: boolean | undefined;
  readonly allmulti?: boolean | undefined;
}

/** One file per attachment in the folder of its network: `CONTAINERID:IFNAME`. */
export interface TuningRecord {
  save(attachment: Attachment, before: TunedBefore): void;
  load(attachment: Attachment): TunedBefore | undefined;
  remove(attachment: Attachment): void;
  attachments(): readonly Attachment[];
}

export function createTuningRecord(dataDir: string, network: string): TuningRecord {
  const directory = join(dataDir, network);
  const pathOf = ({ containerID, ifname }: Attachment) => join(directory, `${containerID}:${ifname}`);
  return {
    save(attachment, before) {
      mkdirSync(directory, { recursive: true });
      writeFileSync(`${pathOf(attachment)}.new`, JSON.stringify(before));
      renameSync(`${pathOf(attachment)}.new`, pathOf(attachment));
    },
    load(attachment) {
      try {
        return JSON.parse(readFileSync(pathOf(attachment), 'utf8')) as TunedBefore;
      } catch (error) {
        if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
        throw error;
      }
    },
    remove: (attachment) => rmSync(pathOf(attachment), { force: true }),
    attachments: () =>
      entries(directory)
        .filter((name) => !name.endsWith('.new'))
        .map((name) => {
          const at = name.lastIndexOf(':');
          return { containerID: name.slice(0, at), ifname: name.slice(at + 1) };
        }),
  };
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
