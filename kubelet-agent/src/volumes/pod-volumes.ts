import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Pod, Volume } from '@slipway/api/types';
import type { Clock } from '@slipway/kit/clock';
import { messageOf } from '@slipway/kit/errors';
import { KeyedQueue } from '@slipway/kit/keyed-queue';
import type { Logger } from '@slipway/kit/logger';
import type { Random } from '@slipway/kit/random';
import type { PodFacts } from './field-reference.ts';
import { emptyDirVolume, hostPathVolume } from './host-volumes.ts';
import type { Mounter } from './mounter.ts';
import { configMapVolume, downwardApiVolume, projectedVolume, secretVolume } from './payload-volumes.ts';
import type { ReferencedObjects } from './referenced-objects.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import { mountSubPath } from './sub-path.ts';
import type { VolumeLayout } from './volume-layout.ts';
import { type VolumeContext, VolumeError, type VolumePlugin } from './volume-plugin.ts';

const volumePlugins: readonly VolumePlugin[] = [
  projectedVolume,
  configMapVolume,
  secretVolume,
  emptyDirVolume,
  hostPathVolume,
  downwardApiVolume,
];

/** Plugins whose files follow the objects that they show. */
const livePlugins: ReadonlySet<VolumePlugin> = new Set([
  projectedVolume,
  configMapVolume,
  secretVolume,
  downwardApiVolume,
]);

export interface PodVolumesDeps {
  readonly layout: VolumeLayout;
  readonly mounter: Mounter;
  readonly objects: ReferencedObjects;
  readonly tokens: ServiceAccountTokens;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface SubPathMount {
  readonly volume: string;
  readonly container: string;
  /** Index of the mount in the container. */
  readonly index: number;
  readonly subPath: string;
}

/** Several updates at a time, so that one slow answer does not hold up the others. */
const refreshWorkers = 4;
const refreshRetryMs = 5_000;

/** Volumes of the node's pods. Set-up and tear-down are idempotent; what is set up is kept current while `run` runs. */
export class PodVolumes {
  readonly #deps: PodVolumesDeps;
  readonly #queue: KeyedQueue;
  readonly #live = new Map<string, PodFacts>();

  constructor(deps: PodVolumesDeps) {
    this.#deps = deps;
    this.#queue = new KeyedQueue(deps.clock);
    deps.objects.onChange((podUids) => {
      for (const uid of podUids) if (this.#live.has(uid)) this.#queue.add(uid);
    });
  }

  /** Makes the places that all pods share. To be called once before anything else. */
  async prepare(): Promise<void> {
    const { layout, mounter } = this.#deps;
    await mkdir(layout.podsDirectory, { recursive: true, mode: 0o750 });
    await mkdir(layout.logsDirectory, { recursive: true, mode: 0o755 });
    await mkdir(layout.memoryDirectory, { recursive: true, mode: 0o711 });
    if (!(await mounter.isMounted(layout.memoryDirectory))) {
      mounter.mountTmpfs(layout.memoryDirectory, { mode: 0o711 });
    }
  }

  /** Throws `VolumeError`, or `StatusError` when the API server does not give what a volume shows. */
  async setUp(facts: PodFacts, signal: AbortSignal): Promise<void> {
    const uid = facts.pod.metadata.uid ?? '';
    await mkdir(this.#deps.layout.podDirectory(uid), { recursive: true, mode: 0o750 });
    await Promise.all((facts.pod.spec.volumes ?? []).map((volume) => this.#setUpOne(volume, facts, signal)));
    this.#live.set(uid, facts);
    this.#planRefresh(uid);
  }

  /** The pod's labels or annotations may have changed. */
  podChanged(facts: PodFacts): void {
    const uid = facts.pod.metadata.uid ?? '';
    const before = this.#live.get(uid);
    if (!before) return;
    this.#live.set(uid, facts);
    const shown = ({ pod: { metadata } }: PodFacts) => [metadata.labels, metadata.annotations];
    if (isDeepStrictEqual(shown(before), shown(facts))) return;
    const showsItself = (facts.pod.spec.volumes ?? []).some(
      ({ downwardAPI, projected }) => downwardAPI || projected?.sources?.some((source) => source.downwardAPI),
    );
    if (showsItself) this.#queue.add(uid);
  }

  /** The path on the host that a mount of this volume shows. The volume has been set up. */
  async hostPath(facts: PodFacts, name: string, sub?: SubPathMount): Promise<string> {
    const volume = facts.pod.spec.volumes?.find((candidate) => candidate.name === name);
    if (!volume) throw new VolumeError(`volume "${name}" is not defined in the pod`);
    const root = pluginOf(volume).hostPath(volume, this.#context(facts));
    if (!sub) return root;
    const uid = facts.pod.metadata.uid ?? '';
    const target = join(this.#deps.layout.subPathsDirectory(uid), sub.volume, sub.container, String(sub.index));
    const create = !livePlugins.has(pluginOf(volume));
    await mountSubPath({ root, subPath: sub.subPath, target, mounter: this.#deps.mounter, create });
    return target;
  }

  /** Something of the pod's volumes is there, from whichever run of the agent. */
  isOnDisk(uid: string): boolean {
    const { layout } = this.#deps;
    return (
      existsSync(layout.volumesDirectory(uid)) ||
      existsSync(layout.podMemoryDirectory(uid)) ||
      existsSync(layout.subPathsDirectory(uid))
    );
  }

  /** Takes the volumes away; the pod's other files stay. */
  async tearDown(uid: string): Promise<void> {
    const { layout, mounter, tokens, objects } = this.#deps;
    this.#live.delete(uid);
    this.#queue.forget(uid);
    tokens.forget(uid);
    objects.release(uid);
    // Nothing is removed below a mount: what is mounted there is not ours.
    await mounter.unmountBelow(layout.podDirectory(uid));
    for (const directory of [
      layout.subPathsDirectory(uid),
      layout.volumesDirectory(uid),
      layout.podMemoryDirectory(uid),
    ]) {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** UIDs of all pods that have files here. */
  async podsOnDisk(): Promise<string[]> {
    const { layout } = this.#deps;
    const lists = [layout.podsDirectory, layout.memoryDirectory].map((path) => readdir(path).catch(() => []));
    return [...new Set((await Promise.all(lists)).flat())];
  }

  /** Follows changed objects and renews tokens until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#queue.run(refreshWorkers, (uid) => this.#refresh(uid, signal), signal);
    } finally {
      this.#deps.objects.close();
    }
  }

  async #refresh(uid: string, signal: AbortSignal): Promise<void> {
    const facts = this.#live.get(uid);
    if (!facts) return;
    try {
      const volumes = (facts.pod.spec.volumes ?? []).filter((volume) => livePlugins.has(pluginOf(volume)));
      await Promise.all(volumes.map((volume) => this.#setUpOne(volume, facts, signal)));
      this.#planRefresh(uid);
    } catch (error) {
      if (signal.aborted) return;
      // The files stay as they are: an object that went away does not take the volume from a running pod.
      this.#deps.log.warn({ podUid: uid, error: messageOf(error) }, 'volume not updated, trying again');
      this.#queue.addAfter(uid, refreshRetryMs);
    }
  }

  #planRefresh(uid: string): void {
    const atMs = this.#deps.tokens.refreshAtMs(uid);
    if (atMs !== undefined) this.#queue.addAfter(uid, Math.max(atMs - this.#deps.clock.nowMs(), 1000));
  }

  async #setUpOne(volume: Volume, facts: PodFacts, signal: AbortSignal): Promise<void> {
    try {
      await pluginOf(volume).setUp(volume, this.#context(facts), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  #context(facts: PodFacts): VolumeContext {
    const { layout, mounter, objects, tokens, clock, random } = this.#deps;
    return {
      pod: facts.pod,
      facts,
      layout,
      mounter,
      objects: {
        configMap: (namespace, name, signal) => objects.configMap(namespace, name, signal),
        secret: (namespace, name, signal) => objects.secret(namespace, name, signal),
        token: (pod: Pod, spec, signal) => tokens.token(pod, spec, signal),
      },
      version: () => `${new Date(clock.nowMs()).toISOString().slice(0, 19).replace(/[-T:]/g, '_')}.${random.suffix(9)}`,
    };
  }
}

function pluginOf(volume: Volume): VolumePlugin {
  const plugin = volumePlugins.find((candidate) => candidate.appliesTo(volume));
  if (plugin) return plugin;
  const type = Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
  throw new VolumeError(`volume type ${type} is not supported by this node`);
}
