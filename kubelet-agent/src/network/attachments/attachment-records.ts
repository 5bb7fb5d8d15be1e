/**
 * What was done for each pod that asks for more than the cluster network, written before it is done: with it pods can be disconnected when
 * the API server is away, the Network is gone, or this process has died in the middle.
 *
 *     DIRECTORY/SANDBOXID.json
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NetworkConfigList, RuntimeConfig } from '@slipway/cni';
import { errnoOf } from '@slipway/kit/errors';
import type { PodIdentity } from './network-objects.ts';

export interface RecordedAttachment {
  /** As `network-status` calls it. */
  readonly name: string;
  readonly ifName: string;
  readonly list: NetworkConfigList;
  readonly capabilityArgs: RuntimeConfig;
  readonly args: readonly (readonly [string, string])[];
}

export interface AttachmentRecord {
  readonly sandboxId: string;
  readonly pod: PodIdentity;
  readonly netnsPath: string;
  /** In the order of set-up. */
  readonly attachments: readonly RecordedAttachment[];
  /** What the pod's annotation should say, as long as the API server has not been told. */
  readonly unpublished?: string | undefined;
}

export class AttachmentRecords {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  save(record: AttachmentRecord): void {
    mkdirSync(this.#directory, { recursive: true });
    const path = this.#pathOf(record.sandboxId);
    writeFileSync(`${path}.new`, JSON.stringify(record));
    renameSync(`${path}.new`, path);
  }

  load(sandboxId: string): AttachmentRecord | undefined {
    try {
      return JSON.parse(readFileSync(this.#pathOf(sandboxId), 'utf8')) as AttachmentRecord;
    } catch (error) {
      // A machine that lost its power may have torn it; the network namespaces are gone then, too.
      if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  remove(sandboxId: string): void {
    rmSync(this.#pathOf(sandboxId), { force: true });
  }

  list(): readonly AttachmentRecord[] {
    return this.#names().flatMap((name) => this.load(name.slice(0, -'.json'.length)) ?? []);
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.#directory).filter((name) => name.endsWith('.json'));
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  }

  #pathOf(sandboxId: string): string {
    return join(this.#directory, `${sandboxId}.json`);
  }
}
