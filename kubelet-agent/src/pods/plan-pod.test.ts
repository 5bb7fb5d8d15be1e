import fc from 'fast-check';
import { nothingObserved, type ObservedContainer, type ObservedPod } from './observed-pod.ts';
import { planPod } from './plan-pod.ts';
import { aContainer, aPod } from './testing/a-pod.ts';
import { type ExitScript, PodModel } from './testing/pod-model.ts';

const nowMs = Date.UTC(2026, 0, 1);
const forever: ExitScript = () => undefined;

const sandbox = { id: 's', attempt: 0, state: 'ready', createdAtMs: nowMs, ips: ['10.64.0.2'] } as const;
const container = (more: Partial<ObservedContainer> = {}): ObservedContainer => ({
  id: 'c0',
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
const seen = (more: Partial<ObservedPod> = {}): ObservedPod => ({
  ...nothingObserved,
  sandboxes: [sandbox],
  volumes: 'ready',
  volumesOnDisk: true,
  filesOnDisk: true,
  ...more,
});
const names = (pod = aPod(), observed = seen(), atMs = nowMs) =>
  planPod(pod, observed, atMs).steps.map(({ step }) => step);

describe('planPod', () => {
  it('sets up volumes, sandbox and images at the same time', () => {
    expect(names(aPod(), nothingObserved)).toEqual(['setUpVolumes', 'createSandbox', 'ensureImage']);
  });

  it('starts a container when volumes, sandbox and its image are there', () => {
    const images = new Map([['c', { attempt: 0, imageRef: 'sha256:1' }]]);
    expect(planPod(aPod(), seen({ images }), nowMs).steps).toEqual([
      { step: 'startContainer', container: 'c', attempt: 0, backoffMs: 0 },
    ]);
    expect(names(aPod(), seen({ images, volumes: 'absent' }))).toEqual(['setUpVolumes']);
  });

  it('does not repeat a step in flight and waits for one that failed', () => {
    const failures = new Map([
      ['setUpVolumes', { reason: 'FailedMount', message: '', atMs: nowMs, retryAtMs: nowMs + 500 }],
    ]);
    const inFlight = new Set(['createSandbox', 'ensureImage:c']);
    expect(planPod(aPod(), { ...nothingObserved, failures, inFlight }, nowMs)).toEqual({
      steps: [],
      abortSetUp: false,
      againAtMs: nowMs + 500,
    });
  });

  it('restarts at once the first time and then waits 10 s, 20 s, up to 5 min', () => {
    const dead = (attempt: number, backoffMs: number) =>
      container({ state: 'exited', exitCode: 1, attempt, backoffMs, finishedAtMs: nowMs });
    const at = (attempt: number, backoffMs: number) =>
      planPod(aPod(), seen({ containers: [dead(attempt, backoffMs)] }), nowMs);
    expect(at(0, 0).steps).toEqual([{ step: 'ensureImage', container: 'c', attempt: 1 }]);
    expect(at(1, 10_000)).toMatchObject({ steps: [], againAtMs: nowMs + 10_000 });
    expect(at(7, 300_000)).toMatchObject({ steps: [], againAtMs: nowMs + 300_000 });
  });

  it('keeps the back-off of a container that could not even be started', () => {
    const dead = container({
      state: 'exited',
      exitCode: 127,
      attempt: 1,
      backoffMs: 10_000,
      startedAtMs: 0,
      finishedAtMs: nowMs,
    });
    expect(planPod(aPod(), seen({ containers: [dead] }), nowMs)).toMatchObject({
      steps: [],
      againAtMs: nowMs + 10_000,
    });
  });

  it('forgets the back-off of a container that ran for more than ten minutes', () => {
    const dead = container({
      state: 'exited',
      exitCode: 1,
      attempt: 4,
      backoffMs: 80_000,
      finishedAtMs: nowMs + 601_000,
    });
    expect(names(aPod(), seen({ containers: [dead] }), nowMs + 601_000)).toEqual(['ensureImage']);
  });

  it('keeps one dead attempt per container', () => {
    const containers = [2, 1, 0].map((attempt) =>
      container({
        id: `c${attempt}`,
        attempt,
        state: attempt === 2 ? 'running' : 'exited',
        exitCode: 1,
        finishedAtMs: nowMs,
      }),
    );
    expect(planPod(aPod(), seen({ containers }), nowMs).steps).toEqual([
      { step: 'removeContainer', containerId: 'c0' },
    ]);
  });

  it('stops a container whose liveness probe gave it up, with the grace of the probe', () => {
    const pod = aPod({
      spec: { containers: [aContainer('c', { livenessProbe: { terminationGracePeriodSeconds: 5 } })] },
    });
    const probes = new Map([['c0', { started: true, ready: false, failed: 'liveness' as const }]]);
    expect(planPod(pod, seen({ containers: [container()], probes }), nowMs).steps).toEqual([
      {
        step: 'stopContainer',
        containerId: 'c0',
        container: 'c',
        graceMs: 5000,
        message: 'Container c failed liveness probe, will be restarted',
      },
    ]);
  });

  it('ends a pod that is past its active deadline', () => {
    const pod = aPod({ spec: { activeDeadlineSeconds: 10 }, status: { startTime: new Date(nowMs).toISOString() } });
    expect(planPod(pod, seen({ containers: [container()] }), nowMs)).toMatchObject({
      steps: [],
      againAtMs: nowMs + 10_000,
    });
    expect(names(pod, seen({ containers: [container()] }), nowMs + 10_000)).toEqual(['stopContainer']);
  });

  it('ends sidecars after the others, the last one first', () => {
    const sidecar = (name: string) => aContainer(name, { restartPolicy: 'Always' });
    const pod = aPod({
      spec: { initContainers: [sidecar('one'), sidecar('two')] },
      metadata: { deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 },
    });
    const all = [container(), container({ id: 'x1', name: 'one' }), container({ id: 'x2', name: 'two' })];
    const stops = (containers: ObservedContainer[]) =>
      planPod(pod, seen({ containers }), nowMs).steps.map((step) =>
        step.step === 'stopContainer' ? step.container : step.step,
      );
    expect(stops(all)).toEqual(['c']);
    expect(stops(all.slice(1))).toEqual(['two']);
    expect(stops(all.slice(1, 2))).toEqual(['one']);
    expect(stops([])).toEqual(['stopSandbox']);
  });

  it('breaks off set-up before it takes a pod down', () => {
    const pod = aPod({ metadata: { deletionTimestamp: '2026-01-01T00:00:30Z' } });
    expect(planPod(pod, seen({ inFlight: new Set(['ensureImage:c']) }), nowMs)).toEqual({
      steps: [],
      abortSetUp: true,
    });
  });

  it('leaves a finished pod its containers and frees the rest', () => {
    const pod = aPod({ spec: { restartPolicy: 'Never' } });
    const model = new PodModel(pod, () => 0);
    model.settle();
    expect(model.pod.status).toMatchObject({
      phase: 'Succeeded',
      containerStatuses: [{ state: { terminated: { reason: 'Completed' } } }],
    });
    expect(model.containers).toHaveLength(1);
    expect(model.sandboxes).toMatchObject([{ state: 'notReady' }]);
    expect(model.volumesOnDisk).toBe(false);
  });

  it('makes a new sandbox when the old one died, and starts again what belongs into it', () => {
    const pod = aPod({ spec: { initContainers: [aContainer('i')] } });
    const model = new PodModel(pod, (name) => (name === 'i' ? 0 : undefined));
    model.settle();
    model.killSandbox(model.sandboxes[0]?.id ?? '');
    model.settle();
    expect(model.started).toEqual(['i#0', 'c#0', 'i#1', 'c#1']);
    expect(model.violations).toEqual([]);
  });
});

describe('planPod, for a pod whose init container failed for good', () => {
  it('ends the sidecars that ran before it, although they are to restart', () => {
    const init = [
      aContainer('s', { restartPolicy: 'Always' }),
      aContainer('t', { restartPolicy: 'Always' }),
      aContainer('i'),
    ];
    const model = new PodModel(aPod({ spec: { restartPolicy: 'Never', initContainers: init } }), (name) =>
      name === 'i' ? 1 : undefined,
    );
    model.settle();
    expect(model.started).toEqual(['s#0', 't#0', 'i#0']);
    expect(model.pod.status?.phase).toBe('Failed');
  });
});

describe('planPod, whatever happens', () => {
  const shape = fc.record({
    policy: fc.constantFrom('Always', 'OnFailure', 'Never'),
    init: fc.array(fc.boolean(), { maxLength: 3 }),
    apps: fc.integer({ min: 1, max: 3 }),
    crashes: fc.integer({ min: 0, max: 2 }),
    faults: fc.array(
      fc.tuple(fc.constantFrom('round', 'end', 'fail', 'restart', 'exit', 'sandbox', 'time'), fc.nat(20)),
      {
        maxLength: 60,
      },
    ),
  });
  const podOf = ({ policy, init, apps }: { policy: string; init: boolean[]; apps: number }) =>
    aPod({
      spec: {
        restartPolicy: policy,
        initContainers: init.map((sidecar, i) => aContainer(`i${i}`, sidecar ? { restartPolicy: 'Always' } : {})),
        containers: Array.from({ length: apps }, (_, i) => aContainer(`a${i}`)),
      },
    });
  const disturb = (model: PodModel, faults: readonly (readonly [string, number])[]) => {
    for (const [fault, pick] of faults) {
      const keys = [...model.inFlight.keys()];
      const key = keys[pick % Math.max(keys.length, 1)] ?? '';
      if (fault === 'round') model.round();
      if (fault === 'end') model.end(key);
      if (fault === 'fail') model.end(key, 'failed');
      if (fault === 'restart') model.restartAgent();
      if (fault === 'exit') model.runScripts();
      if (fault === 'sandbox' && model.sandboxes.length > 0)
        model.killSandbox(model.sandboxes[pick % model.sandboxes.length]?.id ?? '');
      if (fault === 'time') model.nowMs += pick * 1000;
    }
  };

  it('converges, starts nothing twice and keeps the order of init containers', () => {
    fc.assert(
      fc.property(shape, (input) => {
        const exits: ExitScript = (name, attempt) => {
          if (attempt < input.crashes) return 1;
          if (name.startsWith('i')) return input.init[Number(name.slice(1))] ? undefined : 0;
          return input.policy === 'Always' ? undefined : 0;
        };
        const model = new PodModel(podOf(input), exits);
        disturb(model, input.faults);
        model.settle();
        expect(model.violations).toEqual([]);
        const phase = model.pod.status?.phase;
        if (input.policy === 'Always') expect(phase).toBe('Running');
        else expect(['Succeeded', 'Failed']).toContain(phase);
      }),
      { numRuns: 300 },
    );
  });

  it('takes a pod down from any state, once, and leaves nothing', () => {
    fc.assert(
      fc.property(shape, fc.boolean(), (input, apiIsGone) => {
        const model = new PodModel(podOf(input), forever);
        disturb(model, input.faults);
        if (apiIsGone) model.gone = true;
        else model.delete(30);
        disturb(
          model,
          input.faults.filter(([fault]) => fault !== 'exit'),
        );
        model.settle();
        expect(model.violations).toEqual([]);
        expect({ ...model.observe(), images: 0, failures: 0 }).toMatchObject({
          gone: true,
          sandboxes: [],
          containers: [],
          volumesOnDisk: false,
          filesOnDisk: false,
        });
      }),
      { numRuns: 300 },
    );
  });
});
