import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';
import type { JsonObject } from '../spec/json.ts';
import type { RuntimeConfig } from '../spec/types.ts';

/** What ADD was asked and what it answered, kept until DEL: CHECK and DEL need both, also after a restart. */
export interface CachedAttachment {
  readonly kind: 'cniCacheV1';
  readonly networkName: string;
  readonly containerId: string;
  readonly ifName: string;
  readonly netns: string;
  readonly cniArgs: readonly (readonly [string, string])[];
  readonly capabilityArgs: RuntimeConfig;
  /** As the last plugin printed it; absent while ADD is still at work. */
  readonly result?: JsonObject | undefined;
}

export interface AttachmentId {
  readonly networkName: string;
  readonly containerId: string;
  readonly ifName: string;
}

export interface ResultCache {
  save(attachment: CachedAttachment): Promise<void>;
  load(id: AttachmentId): Promise<CachedAttachment | undefined>;
  remove(id: AttachmentId): Promise<void>;
  list(networkName: string): Promise<readonly CachedAttachment[]>;
}

/**
 * One file per attachment, replaced as a whole: `NETWORK-CONTAINERID-IFNAME`, the names that libcni uses. The calls block: each
 * takes microseconds, and a pod's start would wait for a thread pool.
 */
export function createResultCache(directory: string): ResultCache {
  const pathOf = ({ networkName, containerId, ifName }: AttachmentId) =>
    join(directory, `${networkName}-${containerId}-${ifName}`);
  const read = (path: string): CachedAttachment | undefined => {
    try {
      const parsed = JSON.parse(readFileSync(path, 'utf8')) as CachedAttachment;
      return parsed.kind === 'cniCacheV1' ? parsed : undefined;
    } catch (error) {
      // A torn file says nothing; DEL then works without a result, as it must be able to.
      if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
      throw error;
    }
  };
  return {
    async save(attachment) {
      mkdirSync(directory, { recursive: true });
      const path = pathOf(attachment);
      writeFileSync(`${path}.new`, JSON.stringify(attachment));
      renameSync(`${path}.new`, path);
    },
    load: async (id) => read(pathOf(id)),
    remove: async (id) => rmSync(pathOf(id), { force: true }),
    async list(networkName) {
      const names = namesIn(directory);
      const mine = names.filter((name) => name.startsWith(`${networkName}-`) && !name.endsWith('.new'));
      return mine
        .map((name) => read(join(directory, name)))
        .filter((each) => each !== undefined)
        .filter((each) => each.networkName === networkName);
    },
  };
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
