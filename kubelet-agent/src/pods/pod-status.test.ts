import type { Pod } from '@slipway/api/types';
import { nothingObserved, type ObservedContainer, type ObservedPod } from './observed-pod.ts';
import { podStatus } from './pod-status.ts';
import { isPreliminary, statusPatch } from './status-patch.ts';
import { backoffEvents } from './status-events.ts';
import { aContainer, aPod } from './testing/a-pod.ts';

const nowMs = Date.UTC(2026, 0, 1);
const at = (seconds: number) => new Date(nowMs + seconds * 1000).toISOString().replace('.000', '');
const context = { hostIps: ['192.0.2.1'], runtimeName: 'slipway', nowMs };
const container = (more: Partial<ObservedContainer> = {}): ObservedContainer => ({
  id: 'id0',
  name: 'c',
  sandboxId: 's',
  attempt: 0,
  state: 'running',
  createdAtMs: nowMs,
  startedAtMs: nowMs,
  image: 'c:1',
  imageRef: 'sha256:1',
  backoffMs: 0,
  ...more,
});
const exited = (exitCode: number, more: Partial<ObservedContainer> = {}) =>
  container({
    state: 'exited',
    exitCode,
    finishedAtMs: nowMs,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    ...more,
  });
const healthy = { started: true, ready: true };
const seen = (containers: ObservedContainer[], more: Partial<ObservedPod> = {}): ObservedPod => ({
  ...nothingObserved,
  sandboxes: [{ id: 's', attempt: 0, state: 'ready', createdAtMs: nowMs, ips: ['10.64.0.2'] }],
  volumes: 'ready',
  containers,
  probes: new Map(containers.filter(({ state }) => state === 'running').map(({ id }) => [id, healthy])),
  ...more,
});
const statusOf = (pod: Pod, observed: ObservedPod, atMs = nowMs) =>
  podStatus(pod, observed, { ...context, nowMs: atMs });
const condition = (pod: Pod, observed: ObservedPod, type: string) =>
  statusOf(pod, observed).conditions?.find((each) => each.type === type);

describe('podStatus', () => {
  it('begins as Pending with containers being created', () => {
    const status = statusOf(aPod(), nothingObserved);
    expect(status).toMatchObject({
      phase: 'Pending',
      startTime: at(0),
      observedGeneration: 1,
      containerStatuses: [
        { state: { waiting: { reason: 'ContainerCreating' } }, ready: false, started: false, imageID: '' },
      ],
    });
    expect(status.conditions).toEqual([
      { type: 'PodReadyToStartContainers', status: 'False', observedGeneration: 1, lastTransitionTime: at(0) },
      { type: 'Initialized', status: 'True', observedGeneration: 1, lastTransitionTime: at(0) },
      {
        type: 'Ready',
        status: 'False',
        observedGeneration: 1,
        lastTransitionTime: at(0),
        reason: 'ContainersNotReady',
        message: 'containers with unready status: [c]',
      },
      {
        type: 'ContainersReady',
        status: 'False',
        observedGeneration: 1,
        lastTransitionTime: at(0),
        reason: 'ContainersNotReady',
        message: 'containers with unready status: [c]',
      },
      { type: 'PodScheduled', status: 'True', observedGeneration: 1, lastTransitionTime: at(0) },
    ]);
    expect(isPreliminary(status)).toBe(true);
  });

  it('keeps the time of a transition until the next one', () => {
    const first = aPod();
    const told = { ...first, status: statusOf(first, seen([container()])) };
    const later = statusOf(told, seen([container()]), nowMs + 60_000);
    expect(later.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'True',
      lastTransitionTime: at(0),
    });
    const unready = seen([container()], { probes: new Map([['id0', { started: true, ready: false }]]) });
    expect(statusOf(told, unready, nowMs + 60_000).conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'False',
      lastTransitionTime: at(60),
    });
  });

  it('is ready without the containers that need not go on, once they have begun', () => {
    const containers = [aContainer('c'), aContainer('migrate')];
    const annotations = { 'slipway.dev/containers': '{"c": {"essential": true}, "migrate": {}}' };
    const pod = aPod({ spec: { restartPolicy: 'Never', containers }, metadata: { annotations } });
    const migrate = (exitCode: number) => exited(exitCode, { id: 'id1', name: 'migrate' });
    const ready = (...all: ObservedContainer[]) => condition(pod, seen(all), 'Ready');
    expect(ready(container())).toMatchObject({ status: 'False', message: 'containers with unready status: [migrate]' });
    for (const exitCode of [0, 1]) expect(ready(container(), migrate(exitCode))).toMatchObject({ status: 'True' });
    expect(ready(container({ state: 'created' }), migrate(0))).toMatchObject({
      message: 'containers with unready status: [c]',
    });
    const plain = aPod({ spec: { restartPolicy: 'Never', containers } });
    expect(condition(plain, seen([container(), migrate(0)]), 'Ready')).toMatchObject({ status: 'False' });
  });

  it.each([
    ['Always', [exited(0)], 'Running'],
    ['OnFailure', [exited(1)], 'Running'],
    ['OnFailure', [exited(0)], 'Succeeded'],
    ['Never', [exited(0)], 'Succeeded'],
    ['Never', [exited(2)], 'Failed'],
    ['Never', [container()], 'Running'],
  ])('with restart policy %s', (restartPolicy, containers, phase) => {
    expect(statusOf(aPod({ spec: { restartPolicy } }), seen(containers)).phase).toBe(phase);
  });

  it('is Failed only when none of several containers runs any more', () => {
    const pod = aPod({ spec: { restartPolicy: 'Never', containers: [aContainer('c'), aContainer('d')] } });
    expect(statusOf(pod, seen([exited(1), container({ id: 'id1', name: 'd' })])).phase).toBe('Running');
    expect(statusOf(pod, seen([exited(1), exited(0, { id: 'id1', name: 'd' })])).phase).toBe('Failed');
  });

  it('shows the state before the last restart', () => {
    const status = statusOf(aPod(), seen([container({ id: 'id1', attempt: 1 }), exited(137, { reason: 'OOMKilled' })]));
    expect(status.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      containerID: 'slipway://id1',
      state: { running: { startedAt: at(0) } },
      lastState: { terminated: { exitCode: 137, reason: 'OOMKilled', containerID: 'slipway://id0' } },
    });
  });

  it('shows back-off with its length', () => {
    const state = (backoffMs: number) =>
      statusOf(aPod(), seen([exited(1, { attempt: 2, backoffMs })])).containerStatuses?.[0]?.state?.waiting?.message;
    expect(state(10_000)).toBe('back-off 10s restarting failed container=c pod=p_ns(uid-1)');
    expect(state(80_000)).toBe('back-off 1m20s restarting failed container=c pod=p_ns(uid-1)');
    expect(state(300_000)).toBe('back-off 5m0s restarting failed container=c pod=p_ns(uid-1)');
  });

  it('ends with the deadline', () => {
    const pod = aPod({ spec: { activeDeadlineSeconds: 5 }, status: { startTime: at(-5) } });
    expect(statusOf(pod, seen([exited(143)]))).toMatchObject({
      phase: 'Failed',
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    });
  });

  it('waits for init containers, and stays Failed when one failed for good', () => {
    const pod = aPod({ spec: { restartPolicy: 'Never', initContainers: [aContainer('i'), aContainer('j')] } });
    const first = statusOf(pod, seen([container({ name: 'i' })]));
    expect(first).toMatchObject({
      phase: 'Pending',
      initContainerStatuses: [
        { state: { running: {} }, ready: false },
        { state: { waiting: { reason: 'PodInitializing' } } },
      ],
      containerStatuses: [{ state: { waiting: { reason: 'PodInitializing' } } }],
    });
    expect(condition(pod, seen([container({ name: 'i' })]), 'Initialized')).toMatchObject({
      reason: 'ContainersNotInitialized',
      message: 'containers with incomplete status: [i j]',
    });
    expect(statusOf(pod, seen([exited(1, { name: 'i' })])).phase).toBe('Failed');
  });

  it('counts sidecars for readiness', () => {
    const pod = aPod({ spec: { initContainers: [aContainer('s', { restartPolicy: 'Always' })] } });
    const both = [container(), container({ id: 'id1', name: 's' })];
    expect(condition(pod, seen(both), 'Ready')?.status).toBe('True');
    const probes = new Map([
      ['id0', healthy],
      ['id1', { started: true, ready: false }],
    ]);
    expect(condition(pod, seen(both, { probes }), 'Ready')).toMatchObject({
      message: 'containers with unready status: [s]',
    });
  });

  it('asks readiness gates too', () => {
    const pod = aPod({ spec: { readinessGates: [{ conditionType: 'example.com/gate' }] } });
    expect(condition(pod, seen([container()]), 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ReadinessGatesNotReady',
      message: 'corresponding condition of pod readiness gate "example.com/gate" does not exist.',
    });
    const open = { ...pod, status: { conditions: [{ type: 'example.com/gate', status: 'True' }] } };
    expect(condition(open, seen([container()]), 'Ready')?.status).toBe('True');
    expect(statusOf(open, seen([container()])).conditions).toContainEqual({ type: 'example.com/gate', status: 'True' });
  });

  it('never leaves a final phase and keeps what the runtime has forgotten', () => {
    const pod = aPod({ spec: { restartPolicy: 'Never' } });
    const told = { ...pod, status: statusOf(pod, seen([exited(0)])) };
    const after = statusOf(told, { ...nothingObserved });
    expect(after).toMatchObject({
      phase: 'Succeeded',
      podIP: '10.64.0.2',
      containerStatuses: [{ state: { terminated: { exitCode: 0 } } }],
    });
  });

  it('takes the host address for pods in its network', () => {
    expect(statusOf(aPod({ spec: { hostNetwork: true } }), seen([container()]))).toMatchObject({ podIP: '192.0.2.1' });
  });
});

describe('statusPatch', () => {
  it('sends what differs, and null for what went away', () => {
    const before = { phase: 'Pending', reason: 'x', qosClass: 'BestEffort', hostIP: '192.0.2.1' };
    expect(statusPatch('u', before, { phase: 'Running', hostIP: '192.0.2.1' })).toEqual({
      metadata: { uid: 'u' },
      status: { phase: 'Running', reason: null },
    });
  });

  it('sends conditions that differ and takes back what they no longer say', () => {
    const same = { type: 'PodScheduled', status: 'True' };
    const before = {
      conditions: [same, { type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'x' }],
    };
    expect(statusPatch('u', before, { conditions: [same, { type: 'Ready', status: 'True' }] })).toEqual({
      metadata: { uid: 'u' },
      status: { conditions: [{ type: 'Ready', status: 'True', reason: null, message: null }] },
    });
  });
});

describe('backoffEvents', () => {
  it('tells once that a container waits', () => {
    const pod = aPod();
    const waiting = statusOf(pod, seen([exited(1, { attempt: 1, backoffMs: 10_000 })]));
    expect(backoffEvents(pod, undefined, waiting)).toEqual([
      { container: 'c', message: 'Back-off restarting failed container c in pod p_ns(uid-1)' },
    ]);
    expect(backoffEvents(pod, waiting, waiting)).toEqual([]);
  });
});
