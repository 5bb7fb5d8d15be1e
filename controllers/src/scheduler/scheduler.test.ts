import { StatusError } from '@slipway/api/status-error';
import type { Node, Pod } from '@slipway/api/types';
import { Client } from '@slipway/client/client';
import { silentLogger } from '@slipway/kit/logger';
import { seededRandom } from '@slipway/kit/random';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { parseSchedulerConfiguration } from './configuration/parse-configuration.ts';
import { Scheduler, type SchedulerDeps } from './scheduler.ts';
import { ClusterDouble } from './testing/cluster-double.ts';
import { aNode, aPod, type PodTraits } from './testing/small-cluster.ts';

describe('Scheduler', () => {
  let clock: VirtualClock;
  let double: ClusterDouble;
  let events: string[];
  let stop: () => Promise<void>;

  beforeEach(() => {
    clock = new VirtualClock();
    double = new ClusterDouble();
    events = [];
    stop = async () => {};
  });
  afterEach(() => stop());

  function start(extra: Partial<SchedulerDeps> = {}): void {
    const stopping = new AbortController();
    const scheduler = new Scheduler({
      sources: double.sources,
      client: new Client(double),
      recordEvent: (about, _type, reason, message) => events.push(`${about.metadata.name} ${reason}: ${message}`),
      clock,
      random: seededRandom(1),
      log: silentLogger,
      ...extra,
    });
    const running = scheduler.run(stopping.signal);
    stop = async () => {
      stopping.abort();
      await running;
    };
  }
  const pass = async (ms = 0) => {
    for (let i = 0; i < 4; i++) await clock.advance(ms / 4);
  };
  const add = (traits: PodTraits): Pod => {
    const pod = aPod(traits);
    double.addPods([pod]);
    return pod;
  };
  const nodes = (...names: string[]): Node[] => names.map((name) => aNode(name));
  const podNamed = (name: string) => double.sources.pods.get(`default/${name}`);
  const nodeOf = (name: string) => podNamed(name)?.spec.nodeName;

  it('binds what fits, and tells', async () => {
    double.addNodes(nodes('a'));
    start();
    add({ name: 'p' });
    await pass();
    expect(nodeOf('p')).toBe('a');
    expect(events).toEqual(['p Scheduled: Successfully assigned default/p to a']);
  });

  it('gives assumed room to nobody else, and back when binding fails', async () => {
    double.addNodes(nodes('a'));
    let isRefusing = true;
    double.refuse = ({ path }) => (isRefusing && path.subresource === 'binding' ? new Error('broken') : undefined);
    start();
    add({ name: 'first', cpu: '2', priority: 1 });
    await pass();
    expect(nodeOf('first')).toBeUndefined();
    isRefusing = false;
    add({ name: 'second', cpu: '2', preemptionPolicy: 'Never' });
    await pass();
    expect(nodeOf('second')).toBe('a');
    double.removePods([podNamed('second')].filter((pod) => pod !== undefined));
    await pass(2_000);
    expect(nodeOf('first')).toBe('a');
  });

  it('does not take back a node that the server gave although the answer was lost', async () => {
    double.addNodes(nodes('a'));
    double.refuse = ({ path }) => {
      const pod = podNamed('p');
      if (path.subresource !== 'binding' || !pod || pod.spec.nodeName) return undefined;
      double.addPods([{ ...pod, spec: { ...pod.spec, nodeName: 'a' } }]);
      return new Error('connection lost');
    };
    start();
    add({ name: 'p', cpu: '2' });
    await pass();
    add({ name: 'q', cpu: '2' });
    await pass(20_000);
    expect([nodeOf('p'), nodeOf('q')]).toEqual(['a', undefined]);
  });

  it('waits for permits, and tries again when one refuses', async () => {
    double.addNodes(nodes('a'));
    const answers = ['refused', 'allowed'] as const;
    let asked = 0;
    start({ permits: [{ name: 'test', permit: async () => answers[asked++] ?? 'allowed' }] });
    add({ name: 'p' });
    await pass();
    expect(nodeOf('p')).toBeUndefined();
    await pass(1_000);
    expect(nodeOf('p')).toBe('a');
  });

  it('serves each pod by its profile, and leaves those of other schedulers alone', async () => {
    const configuration = parseSchedulerConfiguration({
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      profiles: [
        { schedulerName: 'default-scheduler' },
        { schedulerName: 'careless', plugins: { filter: { disabled: [{ name: 'TaintToleration' }] } } },
      ],
    });
    double.addNodes([aNode('a', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } })]);
    start({ configuration });
    for (const schedulerName of ['default-scheduler', 'careless', 'another'])
      add({ name: schedulerName, schedulerName });
    await pass();
    expect(nodeOf('careless')).toBe('a');
    expect(nodeOf('default-scheduler')).toBeUndefined();
    expect(events.map((event) => event.split(' ').slice(0, 2).join(' '))).toEqual([
      'default-scheduler FailedScheduling:',
      'careless Scheduled:',
    ]);
  });

  it('makes room for the more important, and keeps it for them', async () => {
    double.addNodes(nodes('a'));
    start();
    add({ name: 'low', cpu: '2' });
    await pass();
    add({ name: 'high', cpu: '2', priority: 10 });
    add({ name: 'other', cpu: '2', priority: 5 });
    await pass(1_000);
    expect(podNamed('low')).toBeUndefined();
    expect([nodeOf('high'), nodeOf('other')]).toEqual(['a', undefined]);
    expect(podNamed('high')?.status?.nominatedNodeName).toBe('a');
    expect(events).toContain('low Preempted: Preempted by pod uid-default-high on node a');
  });

  it('ends while bindings hang, and with as many as there may be', async () => {
    double.addNodes(Array.from({ length: 30 }, (_, i) => aNode(`n${i}`)));
    const hanging = {
      name: 'hangs',
      bind: (_pod: unknown, _node: string, _client: unknown, signal: AbortSignal) =>
        new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    };
    start({ binders: [hanging] });
    double.addPods(Array.from({ length: 200 }, () => aPod({ cpu: '1m' })));
    await pass();
    expect(double.bindings).toBe(0);
    await stop();
  });

  it('frees room that was kept for a pod which found another place', async () => {
    double.addNodes(nodes('a'));
    start();
    // Its finalizer keeps the victim: the room on `a` is promised, not free.
    double.refuse = ({ verb }) => (verb === 'delete' ? new StatusError('Conflict', 'not now') : undefined);
    add({ name: 'low', cpu: '2' });
    await pass();
    add({ name: 'high', cpu: '2', priority: 10 });
    await pass();
    expect(nodeOf('high')).toBeUndefined();
    double.addNodes(nodes('b'));
    await pass(1_000);
    expect(nodeOf('high')).toBe('b');
    double.removePods([podNamed('low')].filter((pod) => pod !== undefined));
    add({ name: 'next', cpu: '2' });
    await pass(1_000);
    expect(nodeOf('next')).toBe('a');
  });

  it('tries again when victims could not be ended', async () => {
    double.addNodes(nodes('a'));
    let failures = 2;
    double.refuse = ({ verb }) => (verb === 'delete' && failures-- > 0 ? new Error('broken') : undefined);
    start();
    add({ name: 'low', cpu: '2' });
    await pass();
    add({ name: 'high', cpu: '2', priority: 10 });
    await pass(10_000);
    expect(nodeOf('high')).toBe('a');
  });

  it('says the same to pods that are alike, and binds them all when there is room', async () => {
    start();
    for (let i = 0; i < 50; i++) add({ name: `p${i}`, cpu: '1' });
    await pass();
    expect(new Set(events.map((event) => event.replace(/^\S+/, '')))).toEqual(
      new Set([' FailedScheduling: no nodes available to schedule pods']),
    );
    double.addNodes(Array.from({ length: 25 }, (_, i) => aNode(`n${i}`)));
    await pass(12_000);
    expect(double.sources.pods.list().filter(({ spec }) => !spec.nodeName)).toEqual([]);
  });

  it('rests when nothing can be done', async () => {
    double.addNodes(nodes('a'));
    start();
    add({ name: 'huge', cpu: '100' });
    await pass(10_000);
    const told = events.length;
    await pass(60_000);
    expect(events.length).toBe(told);
    const [timerMs = 0] = [clock.nextTimerMs()];
    expect(timerMs - clock.nowMs()).toBeGreaterThan(60_000);
  });
});
