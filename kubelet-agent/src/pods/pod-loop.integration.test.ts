import { nextTurn } from '@slipway/kit/next-turn';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigMap, Pod, Service } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { EventSink } from '@slipway/client/events';
import { kinds } from '@slipway/client/kinds';
import { createWatcher } from '@slipway/client/watcher';
import { silentLogger } from '@slipway/kit/logger';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { ContainerProbes } from '../probes/container-probes.ts';
import { RuntimeError } from '../runtime/cri.ts';
import type { Mounter } from '../volumes/mounter.ts';
import { PodVolumes } from '../volumes/pod-volumes.ts';
import { ReferencedObjects } from '../volumes/referenced-objects.ts';
import { ServiceAccountTokens } from '../volumes/service-account-tokens.ts';
import { volumeLayout } from '../volumes/volume-layout.ts';
import { PodLoop } from './pod-loop.ts';
import { aContainer, aPod, type PodShape } from './testing/a-pod.ts';
import { MemoryApi } from './testing/memory-api.ts';
import { ScriptedRuntime } from './testing/scripted-runtime.ts';

const noMounts: Mounter = {
  mountTmpfs: () => {},
  bindMount: () => {},
  isMounted: async () => false,
  unmountBelow: async () => {},
};

/** One agent's pod loop over an API and a runtime that outlive it. */
class Agent {
  readonly #stop = new AbortController();
  readonly #done: Promise<unknown>;

  constructor({ api, runtime, clock, directory }: World) {
    const log = silentLogger;
    const random = seededRandom(1);
    const shared = { transport: api, clock, random, log };
    const watch = <T extends Pod | Service>(kind: Parameters<typeof createWatcher<T>>[0]['kind']) =>
      createWatcher<T>({ ...shared, kind, cache: new ObjectCache<T>() });
    const pods = watch<Pod>(kinds.pods);
    const services = watch<Service>(kinds.services);
    const events = new EventSink(shared);
    const layout = volumeLayout(directory);
    const objects = new ReferencedObjects(shared);
    const tokens = new ServiceAccountTokens(api, clock);
    const volumes = new PodVolumes({ layout, mounter: noMounts, objects, tokens, clock, random, log });
    const probes: ContainerProbes = new ContainerProbes({
      clock,
      random,
      exec: async () => ({ exitCode: 0, output: '', timedOut: false }),
      onChange: (uid) => loop.wake(uid),
      onUnhealthy: () => {},
    });
    const node = {
      name: 'n',
      labels: {},
      hostIps: ['192.0.2.1'],
      allocatable: { cpu: '2', memory: '4Gi', pods: '10' },
      memoryCapacityBytes: 2 ** 32,
    };
    const loop: PodLoop = new PodLoop({
      ...shared,
      runtime: runtime.service,
      images: runtime.imageService,
      cgroups: { ensure: async () => {}, remove: async () => {} },
      volumes,
      objects,
      probes,
      layout,
      events: events.recorder('kubelet', 'n'),
      pods,
      services,
      node: () => node,
      dns: () => ({
        clusterDns: ['10.96.0.10'],
        clusterDomain: 'cluster.local',
        host: { servers: [], searches: [], options: [] },
      }),
      seccompRoot: '/seccomp',
      ulimitBounds: {},
      runtimeName: 'test',
    });
    const { signal } = this.#stop;
    this.#done = volumes
      .prepare()
      .then(() => Promise.all([pods, services, events, volumes, loop].map((part) => part.run(signal))))
      .finally(() => probes.close());
  }

  /** Ends it at once and waits until it is quiet. Containers stay. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

interface World {
  readonly api: MemoryApi;
  readonly runtime: ScriptedRuntime;
  readonly clock: VirtualClock;
  readonly directory: string;
}

describe('PodLoop', () => {
  let world: World;
  let agent: Agent;

  beforeEach(async () => {
    const clock = new VirtualClock();
    const runtime = new ScriptedRuntime(clock);
    for (const name of ['c:1', 'd:1', 'i:1', 's:1']) runtime.addImage(name);
    world = { clock, runtime, api: new MemoryApi(), directory: await mkdtemp(join(tmpdir(), 'pod-loop-')) };
    agent = new Agent(world);
  });

  afterEach(async () => {
    await agent.stop();
    await rm(world.directory, { recursive: true, force: true });
  });

  const create = (shape: PodShape = {}) =>
    world.api.put('pods', aPod({ ...shape, spec: { nodeName: 'n', ...shape.spec } }));
  const pod = (name = 'p') => world.api.get<Pod>('pods', name);
  const state = (container = 'c') =>
    [...(pod()?.status?.containerStatuses ?? []), ...(pod()?.status?.initContainerStatuses ?? [])].find(
      ({ name }) => name === container,
    );
  const isReady = () =>
    pod()?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  const reasons = () => world.api.events.map(({ reason }) => reason);
  /** Waits in real time, for real files; virtual time moves only as far as asked, every few milliseconds. */
  const until = async (condition: () => boolean, stepMs = 0) => {
    const begin = performance.now();
    for (let next = begin + 3; performance.now() - begin < 4000; ) {
      if (condition()) return;
      await nextTurn();
      if (performance.now() < next) continue;
      next = performance.now() + 3;
      await world.clock.advance(stepMs);
    }
    throw new Error(`condition not reached; ${JSON.stringify(pod()?.status)}`);
  };

  it('brings a pod to Ready without any time passing, and says what it did', async () => {
    create();
    await until(isReady);
    expect(pod()?.status).toMatchObject({
      phase: 'Running',
      podIP: '10.64.0.2',
      hostIP: '192.0.2.1',
      observedGeneration: 1,
      containerStatuses: [
        { name: 'c', ready: true, started: true, restartCount: 0, image: 'c:1', containerID: 'test://c1' },
      ],
    });
    expect(world.clock.nowMs()).toBe(Date.UTC(2026, 0, 1));
    await until(() => reasons().length === 3);
    expect(world.api.events).toMatchObject([
      {
        reason: 'Pulled',
        message: 'Container image "c:1" already present on machine',
        involvedObject: { fieldPath: 'spec.containers{c}' },
      },
      { reason: 'Created', message: 'Created container: c' },
      { reason: 'Started', message: 'Started container c' },
    ]);
    const writes = world.api.requests.filter(({ verb, path }) => verb === 'patch' && path.resource === 'pods');
    expect(writes).toHaveLength(1);
    expect(writes[0]?.cause).toMatchObject({ controller: 'kubelet', object: { kind: 'Pod', name: 'p' } });
  });

  const statusWrites = () =>
    world.api.requests.filter(({ verb, path }) => verb === 'patch' && path.resource === 'pods').length;
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('comes to rest when a status changes while an older one is being written', async () => {
    create({ spec: { restartPolicy: 'Never' } });
    await until(isReady);
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    world.api.beforeAnswer = async () => {
      await held;
      for (let i = 0; i < 5; i++) await turn();
    };
    const before = statusWrites();
    world.runtime.exit('c', 1);
    await until(() => statusWrites() === before + 1);
    // In another second, the pod looks as if it had just become unready again.
    await world.clock.advance(1_500);
    world.api.put('pods', { ...pod(), metadata: { ...pod()?.metadata, labels: { a: 'b' } } } as Pod);
    for (let i = 0; i < 20; i++) await turn();
    answer();
    for (let i = 0; i < 500; i++) await turn();
    expect(statusWrites() - before).toBeLessThan(5);
  });

  it('puts its status right when another one wrote over it', async () => {
    create();
    await until(isReady);
    const before = pod();
    const conditions = before?.status?.conditions?.map((each) =>
      each.type === 'Ready' ? { ...each, status: 'False' } : each,
    );
    world.api.put('pods', { ...before, status: { ...before?.status, conditions } } as Pod);
    expect(isReady()).toBe(false);
    await until(isReady);
  });

  it('gives the container its hosts file, log directory and environment', async () => {
    create({
      spec: {
        hostAliases: [{ ip: '192.0.2.9', hostnames: ['db'] }],
        containers: [aContainer('c', { env: [{ name: 'A', value: 'x' }], args: ['$(A)'] })],
      },
    });
    await until(isReady);
    const { config } = world.runtime.find('c') ?? {};
    expect(config).toMatchObject({ args: ['x'], envs: [{ key: 'A', value: 'x' }], logPath: 'c/0.log' });
    const hosts = config?.mounts.find(({ containerPath }) => containerPath === '/etc/hosts');
    expect(await readFile(hosts?.hostPath ?? '', 'utf8')).toMatch(/^10\.64\.0\.2\tp$[\s\S]*192\.0\.2\.9\tdb/m);
  });

  it('restarts a container that crashes, with the back-off in the status', async () => {
    create();
    await until(isReady);
    world.runtime.exit('c', 1);
    await until(() => state()?.restartCount === 1 && isReady());
    world.runtime.exit('c', 1);
    await until(() => state()?.state?.waiting?.reason === 'CrashLoopBackOff');
    expect(state()).toMatchObject({
      ready: false,
      state: { waiting: { message: 'back-off 10s restarting failed container=c pod=p_ns(uid-1)' } },
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    });
    await until(() => reasons().includes('BackOff'));
    await world.clock.advance(9_000);
    expect(world.runtime.starts).toEqual(['c#0', 'c#1']);
    await until(() => state()?.restartCount === 2, 200);
    expect(world.runtime.starts).toEqual(['c#0', 'c#1', 'c#2']);
  });

  it('runs init containers in order and sidecars beside the others', async () => {
    create({ spec: { initContainers: [aContainer('s', { restartPolicy: 'Always' }), aContainer('i')] } });
    await until(() => world.runtime.starts.includes('i#0'));
    await until(() => state('i')?.state?.running !== undefined, 100);
    expect(state('c')?.state?.waiting?.reason).toBe('PodInitializing');
    expect(pod()?.status?.conditions?.find(({ type }) => type === 'Initialized')).toMatchObject({
      status: 'False',
      message: 'containers with incomplete status: [i]',
    });
    world.runtime.exit('i', 0);
    await until(isReady);
    expect(world.runtime.starts).toEqual(['s#0', 'i#0', 'c#0']);
  });

  it('tells the end of the containers before it takes the pod out of the API', async () => {
    create();
    await until(isReady);
    world.runtime.stopMs = 5_000;
    const current = pod() as Pod;
    const metadata = { ...current.metadata, deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 };
    world.api.put('pods', { ...current, metadata });
    await until(() => pod() === undefined, 500);
    const last = world.api.requests.filter(({ path, verb }) => path.resource === 'pods' && verb !== 'list').slice(-2);
    expect(last).toMatchObject([
      {
        verb: 'patch',
        body: { status: { phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 143 } } }] } },
      },
      { verb: 'delete', body: { gracePeriodSeconds: 0, preconditions: { uid: 'uid-1' } } },
    ]);
    await until(() => world.runtime.sandboxes.size === 0);
    expect(reasons()).toContain('Killing');
  });

  it('kills at once what was deleted without grace', async () => {
    create();
    await until(isReady);
    world.runtime.stopMs = 60_000;
    const current = pod() as Pod;
    world.api.put('pods', {
      ...current,
      metadata: { ...current.metadata, deletionTimestamp: 'x', deletionGracePeriodSeconds: 30 },
    });
    await until(() => reasons().includes('Killing'));
    world.api.put('pods', {
      ...current,
      metadata: { ...current.metadata, deletionTimestamp: 'x', deletionGracePeriodSeconds: 0 },
    });
    const beginMs = world.clock.nowMs();
    await until(() => pod() === undefined, 100);
    expect(world.clock.nowMs() - beginMs).toBeLessThan(5_000);
  });

  it('adopts what runs after it was killed, and takes down what was deleted meanwhile', async () => {
    create();
    create({ name: 'q', uid: 'uid-2' });
    await until(() => isReady() && pod('q')?.status?.phase === 'Running');
    await agent.stop();
    world.api.remove('pods', 'q');
    agent = new Agent(world);
    await until(() => [...world.runtime.sandboxes.values()].length === 1, 100);
    expect(world.runtime.starts).toEqual(['c#0', 'c#0']);
    expect([...world.runtime.sandboxes.values()][0]?.config.metadata.name).toBe('p');
    expect(isReady()).toBe(true);
  });

  it('waits for a config map in the words of upstream and goes on when it is there', async () => {
    create({ spec: { containers: [aContainer('c', { envFrom: [{ configMapRef: { name: 'settings' } }] })] } });
    await until(() => state()?.state?.waiting?.reason === 'CreateContainerConfigError');
    expect(state()?.state?.waiting?.message).toBe('configmap "settings" not found');
    const settings: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'ns' },
      data: { MODE: 'fast' },
    };
    world.api.put('configmaps', settings);
    await until(isReady);
    expect(world.runtime.find('c')?.config.envs).toContainEqual({ key: 'MODE', value: 'fast' });
  });

  it('shows a pull that failed, and then that it waits', async () => {
    create({ spec: { containers: [aContainer('c', { image: 'nowhere:1' })] } });
    await until(() => state()?.state?.waiting?.reason === 'ErrImagePull');
    await until(() => state()?.state?.waiting?.reason === 'ImagePullBackOff', 100);
    expect(state()?.state?.waiting?.message).toBe(
      'Back-off pulling image "nowhere:1": ErrImagePull: nowhere:1: not found',
    );
  });

  it('goes on soon after an image came by another way', async () => {
    create({ spec: { containers: [aContainer('c', { image: 'loaded:1' })] } });
    const createdMs = world.clock.nowMs();
    await until(() => state()?.state?.waiting?.reason === 'ErrImagePull');
    // The second try is after 10 s, the third one 20 s later.
    await until(() => world.clock.nowMs() - createdMs > 12_000, 500);
    const beganMs = world.clock.nowMs();
    world.runtime.addImage('loaded:1');
    await until(isReady, 200);
    expect(world.clock.nowMs() - beganMs).toBeLessThan(5_000);
  });

  it('shows a command that does not exist, and tries it again with back-off', async () => {
    world.runtime.startError = new RuntimeError('commandNotFound', 'exec: "nope": executable file not found in $PATH');
    create();
    await until(() => state()?.state?.waiting?.reason === 'RunContainerError');
    await until(() => state()?.state?.waiting?.reason === 'CrashLoopBackOff', 500);
    expect(state()?.lastState?.terminated).toMatchObject({ exitCode: 127, reason: 'StartError' });
  });

  it('refuses what does not fit', async () => {
    create({ spec: { containers: [aContainer('c', { resources: { requests: { cpu: '3' } } })] } });
    await until(() => pod()?.status?.phase === 'Failed');
    expect(pod()?.status).toMatchObject({
      reason: 'OutOfcpu',
      message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000",
    });
    expect(world.runtime.sandboxes.size).toBe(0);
  });

  it('ends a pod whose work is done and keeps its container for the log', async () => {
    create({ spec: { restartPolicy: 'Never' } });
    await until(isReady);
    world.runtime.exit('c', 0);
    await until(() => pod()?.status?.phase === 'Succeeded');
    await until(() => [...world.runtime.sandboxes.values()].every(({ status }) => status.state === 'SANDBOX_NOTREADY'));
    expect(world.runtime.containers.size).toBe(1);
    expect(pod()?.status).toMatchObject({
      podIP: '10.64.0.2',
      containerStatuses: [{ state: { terminated: { reason: 'Completed' } } }],
    });
  });
});
