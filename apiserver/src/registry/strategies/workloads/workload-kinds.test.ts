import type { Deployment, Pod } from '@slipway/api/types';
import { fieldErrorText } from '@slipway/api/validation/field-error';
import { deploymentStrategy } from './deployment.ts';
import { podStrategy } from './pod.ts';
import { replicaSetStrategy } from './replica-set.ts';
import { context, create, draftOf, type Given, update } from '../strategy-line.fixture.ts';

const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
const workload = { selector: { matchLabels: { app: 'a' } }, template };
const aPod = (spec: object = {}): Given<Pod> => ({ spec: { containers: [{ name: 'c', image: 'i:1' }], ...spec } });

describe('podStrategy', () => {
  it('makes a pending pod of the first generation', () => {
    const { object, errors } = create(podStrategy, { ...aPod(), status: { phase: 'Running' } });
    expect(errors).toEqual([]);
    expect(object.status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' });
    expect(object.metadata.generation).toBe(1);
  });

  it('says that a gated pod waits', () => {
    const { object } = create(podStrategy, aPod({ schedulingGates: [{ name: 'wait' }] }));
    expect(object.status?.conditions?.[0]).toMatchObject({
      type: 'PodScheduled',
      status: 'False',
      reason: 'SchedulingGated',
      lastTransitionTime: '2026-01-02T03:04:05Z',
    });
  });

  it.each<[string, Given<Pod>, string]>([
    ['nothing at all', {}, 'spec.containers: Required value'],
    [
      'ephemeral containers from the start',
      aPod({ ephemeralContainers: [{ name: 'e', image: 'i:1' }] }),
      'spec.ephemeralContainers: Forbidden: cannot be set on create',
    ],
    [
      'a mirror pod without node',
      { ...aPod(), metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } },
      'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set',
    ],
    [
      'a cost that is no number',
      { ...aPod(), metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '+0' } } },
      'metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "+0": must be a 32bit integer',
    ],
  ])('refuses %s', (_what, given, text) => {
    expect(create(podStrategy, given).errors).toEqual([text]);
  });

  const stored = () => create(podStrategy, aPod({ nodeName: 'n', tolerations: [{ operator: 'Exists' }] })).object;

  it('lets an image change and counts it', () => {
    const { object, errors } = update(podStrategy, stored(), (draft) => {
      for (const container of draft.spec.containers) container.image = 'i:2';
      draft.status = { phase: 'Failed' };
    });
    expect(errors).toEqual([]);
    expect(object.metadata.generation).toBe(2);
    expect(object.status?.phase).toBe('Pending');
  });

  it.each<[string, (draft: Pod) => void, string]>([
    [
      'another node',
      (draft) => {
        draft.spec.nodeName = 'm';
      },
      'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n  spec.nodeName: "n" -> "m"',
    ],
    [
      'one more container',
      (draft) => {
        draft.spec.containers.push({ name: 'd', image: 'i:1' });
      },
      'spec.containers: Forbidden: pod updates may not add or remove containers',
    ],
    [
      'one toleration less',
      (draft) => {
        draft.spec.tolerations = [];
      },
      'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    ],
    [
      'a new gate',
      (draft) => {
        draft.spec.schedulingGates = [{ name: 'wait' }];
      },
      "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'wait'",
    ],
  ])('refuses %s', (_what, change, text) => {
    expect(update(podStrategy, stored(), change).errors).toContain(text);
  });

  it('takes a deadline that shrinks and none that grows', () => {
    const old = create(podStrategy, aPod({ activeDeadlineSeconds: 10 })).object;
    const set = (seconds: number | undefined) => (draft: Pod) => {
      draft.spec.activeDeadlineSeconds = seconds;
    };
    expect(update(podStrategy, old, set(5)).errors).toEqual([]);
    expect(update(podStrategy, old, set(20)).errors).toEqual([
      'spec.activeDeadlineSeconds: Invalid value: 20: must be less than or equal to previous value',
    ]);
    expect(update(podStrategy, old, set(undefined)).errors).toEqual([
      'spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value',
    ]);
  });

  const rule = (operator: string) => ({ action: 'Restart', exitCodes: { operator, values: [3] } });
  const forbiddenStart =
    'status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state';

  it.each([
    ['what has no policy of its own', {}, [forbiddenStart]],
    ['what its rule leaves out', { restartPolicy: 'Never', restartPolicyRules: [rule('NotIn')] }, [forbiddenStart]],
    ['not what its rule starts again', { restartPolicy: 'Never', restartPolicyRules: [rule('In')] }, []],
    ['not what always starts again', { restartPolicy: 'Always' }, []],
  ])('keeps ended %s', (_what, policy, expected) => {
    const old = create(podStrategy, aPod({ restartPolicy: 'Never' })).object;
    for (const container of old.spec.containers) Object.assign(container, policy);
    old.status = {
      ...old.status,
      containerStatuses: [
        { name: 'c', image: 'i', imageID: '', ready: false, restartCount: 0, state: { terminated: { exitCode: 3 } } },
      ],
    };
    const draft = structuredClone(old);
    for (const status of draft.status?.containerStatuses ?? []) status.state = { running: {} };
    const errors = podStrategy.status?.validateUpdate?.(draft, old, context) ?? [];
    expect(errors.map(fieldErrorText)).toEqual(expected);
  });

  it.each([
    [{}, undefined, undefined, 0],
    [{ nodeName: 'n' }, undefined, undefined, 30],
    [{ nodeName: 'n' }, undefined, 5, 5],
    [{ nodeName: 'n' }, undefined, 0, 0],
    [{ nodeName: 'n' }, undefined, -1, 1],
    [{ nodeName: 'n', terminationGracePeriodSeconds: -5 }, undefined, undefined, 1],
    [{ nodeName: 'n' }, 'Succeeded', 5, 0],
    [{}, undefined, 5, 0],
  ])('waits for a pod of %j in phase %p, asked for %p: %p', (spec, phase, asked, expected) => {
    const draft = draftOf(podStrategy, { ...aPod(spec), status: { phase } });
    podStrategy.defaults?.(draft);
    expect(podStrategy.gracePeriodSeconds?.(draft, asked)).toBe(expected);
  });

  it('can be selected by what schedulers and node agents watch', () => {
    const pod = stored();
    const read = (field: string) => podStrategy.selectableFields?.[field]?.(pod);
    expect([read('spec.nodeName'), read('status.phase'), read('spec.hostNetwork')]).toEqual(['n', 'Pending', 'false']);
  });
});

describe('deploymentStrategy', () => {
  it('fills in what upstream does', () => {
    const { object, errors } = create(deploymentStrategy, { spec: workload, metadata: { generation: 7 } });
    expect(errors).toEqual([]);
    expect(object).toEqual({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'x', namespace: 'default', generation: 1 },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'a' } },
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
        template: {
          metadata: { labels: { app: 'a' } },
          spec: {
            restartPolicy: 'Always',
            dnsPolicy: 'ClusterFirst',
            schedulerName: 'default-scheduler',
            terminationGracePeriodSeconds: 30,
            securityContext: {},
            containers: [
              {
                name: 'c',
                image: 'i:1',
                imagePullPolicy: 'IfNotPresent',
                terminationMessagePath: '/dev/termination-log',
                terminationMessagePolicy: 'File',
                resources: {},
              },
            ],
          },
        },
      },
      status: {},
    });
  });

  const rolling = (rollingUpdate: object) => ({ spec: { ...workload, strategy: { rollingUpdate } } });

  it.each<[string, Given<Deployment>, string[]]>([
    ['no spec', {}, ['spec.selector: Required value', 'spec.template: Required value']],
    [
      'a selector for other pods',
      { spec: { ...workload, selector: { matchLabels: { app: 'b' } } } },
      ['spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`'],
    ],
    [
      'a selector for all pods',
      { spec: { ...workload, selector: {} } },
      ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    ],
    [
      'a template that ends',
      { spec: { ...workload, template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } } },
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      'fewer than none',
      { spec: { ...workload, replicas: -1 } },
      ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'a roll-out that cannot move',
      rolling({ maxUnavailable: 0, maxSurge: '0%' }),
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
    ],
    [
      'more than all',
      rolling({ maxUnavailable: '150%' }),
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "150%": must not be greater than 100%'],
    ],
    [
      'a part of no form',
      rolling({ maxSurge: 'half' }),
      [
        `spec.strategy.rollingUpdate.maxSurge: Invalid value: "half": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
      ],
    ],
    [
      'parameters of another strategy',
      { spec: { ...workload, strategy: { type: 'Recreate', rollingUpdate: {} } } },
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      'a strategy that is none',
      { spec: { ...workload, strategy: { type: 'Hope' } } },
      ['spec.strategy.type: Unsupported value: "Hope": supported values: "Recreate", "RollingUpdate"'],
    ],
    [
      'a deadline before the pods count',
      { spec: { ...workload, minReadySeconds: 600 } },
      ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
    ],
    [
      'a container without image',
      { spec: { ...workload, template: { ...template, spec: { containers: [{ name: 'c' }] } } } },
      ['spec.template.spec.containers[0].image: Required value'],
    ],
  ])('refuses %s', (_what, given, texts) => {
    expect(create(deploymentStrategy, given).errors).toEqual(texts);
  });

  it('counts changes of spec and annotations, not of labels', () => {
    const old = create(deploymentStrategy, { spec: workload }).object;
    const generationAfter = (change: (draft: Deployment) => void) =>
      update(deploymentStrategy, old, change).object.metadata.generation;
    expect(generationAfter(() => {})).toBe(1);
    expect(generationAfter(({ metadata }) => Object.assign(metadata, { labels: { a: 'b' } }))).toBe(1);
    expect(generationAfter(({ metadata }) => Object.assign(metadata, { annotations: { a: 'b' } }))).toBe(2);
    expect(generationAfter(({ spec }) => Object.assign(spec, { replicas: 3 }))).toBe(2);
  });

  it('keeps its selector', () => {
    const old = create(deploymentStrategy, { spec: workload }).object;
    const { errors } = update(deploymentStrategy, old, ({ spec }) => {
      spec.selector = { matchLabels: { app: 'a', tier: 'b' } };
      spec.template.metadata = { labels: { app: 'a', tier: 'b' } };
    });
    expect(errors).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"a","tier":"b"}}: field is immutable',
    ]);
  });

  it('can be scaled', () => {
    const { object } = create(deploymentStrategy, { spec: workload });
    expect(deploymentStrategy.scale?.replicas(object)).toEqual({ spec: 1, status: 0, selector: 'app=a' });
    deploymentStrategy.scale?.setReplicas(object, 4);
    expect(object.spec.replicas).toBe(4);
  });

  it('warns of a name that is no label', () => {
    const draft = draftOf(deploymentStrategy, { spec: workload, metadata: { name: 'a.b' } });
    expect(deploymentStrategy.warnings?.(draft, undefined)).toEqual([
      'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]',
    ]);
  });
});

describe('replicaSetStrategy', () => {
  it('has one replica unless told, and no status', () => {
    const { object, errors } = create(replicaSetStrategy, { spec: workload, status: { replicas: 3 } });
    expect(errors).toEqual([]);
    expect([object.spec.replicas, object.status]).toEqual([1, { replicas: 0 }]);
    expect(replicaSetStrategy.selectableFields?.['status.replicas']?.(object)).toBe('0');
  });

  it('refuses a status that does not add up', () => {
    const old = create(replicaSetStrategy, { spec: workload }).object;
    const draft = { ...old, status: { replicas: 1, readyReplicas: 2, availableReplicas: 2 } };
    const errors = replicaSetStrategy.status?.validateUpdate?.(draft, old, context) ?? [];
    expect(errors.map(fieldErrorText)).toEqual([
      'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
      'status.availableReplicas: Invalid value: 2: cannot be greater than status.replicas',
    ]);
  });
});
