import type { Pod } from '@slipway/api/types';
import { seededRandom } from '@slipway/kit/random';
import { afterStage, currentLife, isOver, nextStage, type PodLife } from './pod-life.ts';
import { simulatedPodStatus } from './simulated-pod-status.ts';
import { exitCodeAnnotation, holdAnnotation, runForAnnotation, stageSets } from './stage.ts';

const random = seededRandom(1);
const fast = stageSets.fast ?? [];
const startMs = Date.UTC(2026, 0, 1);

const aPod = (spec: Partial<Pod['spec']> = {}, annotations: Record<string, string> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'shop', name: 'p', uid: 'u', annotations },
  spec: { restartPolicy: 'Always', containers: [{ name: 'c', image: 'x' }], ...spec },
  status: { phase: 'Pending' },
});

/** Takes the pod through its stages until none is left, or `states` of them are seen; what the API would show goes back into the pod. */
function live(pod: Pod, states: number, stages = fast) {
  let shown = pod;
  let nowMs = startMs;
  let life: PodLife = currentLife(shown, nowMs);
  const seen: { readonly state: string; readonly afterMs: number; readonly phase: string | undefined }[] = [];
  while (seen.length < states) {
    const next = nextStage(stages, shown, life, random);
    if (!next) break;
    nowMs = Math.max(nowMs, life.sinceMs + next.delayMs);
    life = afterStage(next.stage, shown, life, nowMs);
    const context = { hostIp: '10.0.0.1', podIp: '10.1.0.2', restartAfterMs: 10_000, nowMs };
    shown = { ...shown, status: simulatedPodStatus(shown, life, context) };
    seen.push({ state: life.state, afterMs: nowMs - startMs, phase: shown.status?.phase });
  }
  return { pod: shown, life, seen, nowMs };
}

describe('the life of a simulated pod', () => {
  it('comes up and stays', () => {
    const { pod, seen } = live(aPod(), 10);
    expect(seen.map(({ state }) => state)).toEqual(['running', 'ready']);
    expect(pod.status).toMatchObject({ phase: 'Running', podIP: '10.1.0.2', hostIP: '10.0.0.1' });
    expect(pod.status?.conditions?.map(({ type, status }) => `${type}=${status}`)).toEqual([
      'PodReadyToStartContainers=True',
      'Initialized=True',
      'Ready=True',
      'ContainersReady=True',
      'PodScheduled=True',
    ]);
  });

  it('ends a pod of a Job after a while, and one that says how long it runs when it says', () => {
    const owned = aPod({ restartPolicy: 'Never' });
    const job = { apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'j', controller: true };
    const ofJob = { ...owned, metadata: { ...owned.metadata, ownerReferences: [job] } };
    expect(live(ofJob, 10).seen.at(-1)).toEqual({ state: 'exited', afterMs: 5000, phase: 'Succeeded' });
    const told = aPod({ restartPolicy: 'Never' }, { [runForAnnotation]: '1m', [exitCodeAnnotation]: '3' });
    const { seen, pod, life } = live(told, 10);
    expect(seen.at(-1)).toEqual({ state: 'exited', afterMs: 60_000, phase: 'Failed' });
    expect(pod.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
    expect(isOver(pod, life)).toBe(true);
  });

  it('starts again what the restart policy starts again, each time later', () => {
    const { seen, pod } = live(aPod({}, { [runForAnnotation]: '1s', [exitCodeAnnotation]: '1' }), 9);
    expect(seen.map(({ state, afterMs }) => `${state} ${afterMs / 1000}`)).toEqual([
      ...['running 0', 'ready 0', 'exited 1'],
      ...['running 11', 'ready 11', 'exited 12'],
      ...['running 32', 'ready 32', 'exited 33'],
    ]);
    expect(pod.status?.phase).toBe('Running');
    expect(pod.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 2,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
    });
  });

  it('stays where the annotation holds it', () => {
    const held = aPod({}, { [holdAnnotation]: 'running' });
    expect(live(held, 10).seen.map(({ state }) => state)).toEqual(['running']);
  });

  it('shows init containers as done and sidecars as running', () => {
    const { pod } = live(aPod({ initContainers: [{ name: 'i' }, { name: 's', restartPolicy: 'Always' }] }), 2);
    expect(
      pod.status?.initContainerStatuses?.map(({ name, state, ready }) => [name, Object.keys(state ?? {}), ready]),
    ).toEqual([
      ['i', ['terminated'], true],
      ['s', ['running'], true],
    ]);
    expect(pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
  });

  it('ends at the deadline of the pod', () => {
    const { seen, pod } = live(aPod({ activeDeadlineSeconds: 30 }), 10);
    expect(seen.at(-1)).toEqual({ state: 'exited', afterMs: 30_000, phase: 'Failed' });
    expect(pod.status?.reason).toBe('DeadlineExceeded');
  });

  it('takes no longer to go than the grace period', () => {
    const slow = [{ ...(fast.find(({ to }) => to === 'gone') ?? fast[0]), delayMs: 60_000 }] as typeof fast;
    const leaving = aPod();
    const metadata = { ...leaving.metadata, deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 5 };
    expect(live({ ...leaving, metadata }, 10, slow).seen).toEqual([{ state: 'gone', afterMs: 5000, phase: 'Failed' }]);
  });
});

describe('currentLife', () => {
  it.each([1, 2, 3, 4])('reads from the status what the pod has come to (after %d stages)', (states) => {
    const { pod, life, nowMs } = live(aPod({}, { [runForAnnotation]: '1s' }), states);
    const { state, restarts, exitCode } = currentLife(pod, nowMs);
    expect({ state, restarts, exitCode }).toEqual({
      state: life.state,
      restarts: life.restarts,
      exitCode: life.exitCode,
    });
  });

  it('takes the time of a pod that runs from its status, so that a restart does not make it run longer', () => {
    const { pod, life, nowMs } = live(aPod({}, { [runForAnnotation]: '1m' }), 2);
    expect(currentLife(pod, nowMs + 30_000).sinceMs).toBe(life.sinceMs);
  });

  it('knows a pod that nothing is told of, and one that leaves', () => {
    expect(currentLife(aPod(), 5)).toEqual({ state: 'pending', sinceMs: 5, restarts: 0 });
    const { pod } = live(aPod(), 2);
    const leaving = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    expect(currentLife(leaving, 7)).toMatchObject({ state: 'terminating', sinceMs: 7 });
  });
});
