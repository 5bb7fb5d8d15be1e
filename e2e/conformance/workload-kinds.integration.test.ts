/** Kinds that make pods, and those that watch over them. */
import { describeKind, type KindRules } from './kind-rules.ts';
import { podSpec, podTemplate, workload } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const { replicas: _, ...setSpec } = workload;
const jobTemplate = { spec: { ...podSpec, restartPolicy: 'Never' } };
const jobSpec = { suspend: true, template: jobTemplate };
const mismatch = '`selector` does not match template `labels`';

const statefulSet: KindRules = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  resource: 'statefulsets',
  minimal: {
    spec: {
      ...workload,
      serviceName: 's',
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1024Mi' } } },
        },
      ],
    },
  },
  defaults: {
    spec: {
      podManagementPolicy: 'OrderedReady',
      revisionHistoryLimit: 10,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0, maxUnavailable: 1 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      template: { spec: { dnsPolicy: 'ClusterFirst' } },
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          spec: { volumeMode: 'Filesystem', resources: { requests: { storage: '1Gi' } } },
          status: { phase: 'Pending' },
        },
      ],
    },
    status: { replicas: 0, availableReplicas: 0 },
  },
  generation: 1,
  refused: [
    [{ spec: { selector: null } }, 'spec.selector: Required value'],
    [
      { spec: { selector: { matchLabels: { app: 'y' } } } },
      `spec.template.metadata.labels: Invalid value: {"app":"x"}: ${mismatch}`,
    ],
    [
      { spec: { podManagementPolicy: 'Now' } },
      `spec.podManagementPolicy: Invalid value: "Now": must be 'OrderedReady' or 'Parallel'`,
    ],
    [
      { spec: { updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } } },
      `spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for updateStrategy 'RollingUpdate'`,
    ],
    [
      { spec: { updateStrategy: { rollingUpdate: { partition: -1 } } } },
      'spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      { spec: { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Keep' } } },
      'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Keep": supported values: "Retain", "Delete"',
    ],
    [
      { spec: { template: { spec: { ...podSpec, restartPolicy: 'Never' } } } },
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
    [{ metadata: { name: 'a.b' } }, 'metadata.name: Invalid value: "a.b": must not contain dots'],
  ],
  changes: [{ spec: { minReadySeconds: 3 } }, { spec: { replicas: 1 } }],
  immutable: [
    [
      { spec: { serviceName: 'other' } },
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ],
    [{ spec: { podManagementPolicy: 'Parallel' } }, 'spec: Forbidden: updates to statefulset spec'],
  ],
  status: {
    accepted: { replicas: 2, readyReplicas: 1, availableReplicas: 1 },
    refused: [
      [
        { replicas: 1, readyReplicas: 2 },
        'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
      ],
      [{ replicas: -1 }, 'status.replicas: Invalid value: -1: must be greater than or equal to 0'],
    ],
  },
  columns: ['Name', 'Ready', 'Age'],
};

const daemonSet: KindRules = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  resource: 'daemonsets',
  minimal: {
    spec: { ...setSpec, template: { ...setSpec.template, spec: { ...podSpec, nodeSelector: { no: 'where' } } } },
  },
  defaults: {
    metadata: { annotations: { 'deprecated.daemonset.template.generation': '1' } },
    spec: {
      revisionHistoryLimit: 10,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
    },
    status: { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 },
  },
  generation: 1,
  refused: [
    [{ spec: { selector: { matchLabels: { app: 'y' } } } }, mismatch],
    [
      { spec: { selector: { matchLabels: null } } },
      'spec.selector: Invalid value: {}: empty selector is invalid for daemonset',
    ],
    [
      { spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } } } },
      'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero',
    ],
    [
      { spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } } },
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0',
    ],
    [
      { spec: { updateStrategy: { rollingUpdate: { maxUnavailable: '110%' } } } },
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "110%": must not be greater than 100%',
    ],
    [
      { spec: { template: { spec: { activeDeadlineSeconds: 3 } } } },
      'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet is not Supported',
    ],
  ],
  changes: [{ spec: { minReadySeconds: 4 } }, { spec: { template: { metadata: { annotations: { a: 'b' } } } } }],
  immutable: [
    [
      { spec: { selector: { matchLabels: { more: 'x' } }, template: { metadata: { labels: { more: 'x' } } } } },
      'spec.selector: Invalid value: {"matchLabels":{"app":"x","more":"x"}}: field is immutable',
    ],
  ],
  status: {
    accepted: { numberReady: 1, desiredNumberScheduled: 1, currentNumberScheduled: 1, numberMisscheduled: 0 },
    refused: [[{ numberReady: -1 }, 'status.numberReady: Invalid value: -1: must be greater than or equal to 0']],
  },
  columns: ['Name', 'Desired', 'Current', 'Ready', 'Up-to-date', 'Available', 'Node Selector', 'Age'],
};

const job: KindRules = {
  apiVersion: 'batch/v1',
  kind: 'Job',
  resource: 'jobs',
  minimal: { spec: jobSpec },
  defaults: {
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      manualSelector: false,
      podReplacementPolicy: 'TerminatingOrFailed',
    },
    status: {},
  },
  generation: 1,
  refused: [
    [
      { spec: { template: { spec: { restartPolicy: null } } } },
      'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ],
    [{ spec: { parallelism: -1 } }, 'spec.parallelism: Invalid value: -1: must be greater than or equal to 0'],
    [
      { spec: { completionMode: 'Indexed', parallelism: 1 } },
      'spec.completions: Required value: when completion mode is Indexed',
    ],
    [
      { spec: { completionMode: 'Some' } },
      'spec.completionMode: Unsupported value: "Some": supported values: "NonIndexed", "Indexed"',
    ],
    [
      { spec: { backoffLimitPerIndex: 1 } },
      'spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode',
    ],
    [{ spec: { selector: { matchLabels: { a: 'b' } } } }, '`selector` not auto-generated'],
    [
      { spec: { template: { metadata: { labels: { 'controller-uid': 'mine' } } } } },
      'spec.template.metadata.labels[controller-uid]: Invalid value',
    ],
    [{ spec: { manualSelector: true } }, 'spec.selector: Required value'],
    [
      { spec: { podFailurePolicy: { rules: [{ action: 'FailJob' }] } } },
      'spec.podFailurePolicy.rules[0]: Invalid value: specifying one of OnExitCodes and OnPodConditions is required',
    ],
    [
      { spec: { podFailurePolicy: { rules: [{ action: 'Ignore', onExitCodes: { operator: 'In', values: [0] } }] } } },
      'spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator',
    ],
    [{ spec: { successPolicy: { rules: [{ succeededCount: 1 }] } } }, 'requires indexed completion mode'],
    [
      { spec: { podReplacementPolicy: 'Never' } },
      'spec.podReplacementPolicy: Unsupported value: "Never": supported values: "Failed", "TerminatingOrFailed"',
    ],
    [
      { spec: { managedBy: 'me' } },
      'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
  ],
  changes: [{ spec: { parallelism: 2 } }, { spec: { template: { spec: { nodeSelector: { a: 'b' } } } } }],
  immutable: [
    [{ spec: { completions: 2 } }, 'spec.completions: Invalid value: 2: field is immutable'],
    [{ spec: { template: { spec: { hostNetwork: true } } } }, 'spec.template: Invalid value: '],
    [{ spec: { completionMode: 'Indexed' } }, 'spec.completionMode: Invalid value: "Indexed": field is immutable'],
  ],
  status: {
    accepted: { active: 1 },
    refused: [
      [{ active: -1 }, 'status.active: Invalid value: -1: must be greater than or equal to 0'],
      [
        { active: null, conditions: [{ type: 'Complete', status: 'True' }] },
        'status.completionTime: Required value: completionTime is required for Complete jobs',
      ],
    ],
  },
  columns: ['Name', 'Status', 'Completions', 'Duration', 'Age'],
};

const cronJob: KindRules = {
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  resource: 'cronjobs',
  minimal: { spec: { schedule: '*/5 * * * *', suspend: true, jobTemplate: { spec: { template: jobTemplate } } } },
  defaults: {
    spec: { concurrencyPolicy: 'Allow', successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 },
    status: {},
  },
  generation: 1,
  refused: [
    [{ spec: { schedule: null } }, 'spec.schedule: Required value'],
    [{ spec: { schedule: '* *' } }, 'spec.schedule: Invalid value: "* *": expected exactly 5 fields, found 2: [* *]'],
    [
      { spec: { schedule: 'TZ=UTC 0 * * * *' } },
      'spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
    ],
    [{ spec: { timeZone: 'Mars/Base' } }, 'spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base'],
    [
      { spec: { concurrencyPolicy: 'Maybe' } },
      'spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"',
    ],
    [
      { spec: { jobTemplate: { spec: { selector: { matchLabels: { a: 'b' } } } } } },
      'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated',
    ],
    [{ metadata: { name: 'x'.repeat(53) } }, 'must be no more than 52 characters'],
    [
      { spec: { jobTemplate: { spec: { template: { spec: { restartPolicy: 'Always' } } } } } },
      'spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ],
  ],
  changes: [{ spec: { schedule: '@daily', timeZone: 'Europe/Berlin' } }],
  status: { accepted: { lastScheduleTime: '2026-01-01T00:00:00Z' } },
  columns: ['Name', 'Schedule', 'Timezone', 'Suspend', 'Active', 'Last Schedule', 'Age'],
};

const replicationController: KindRules = {
  apiVersion: 'v1',
  kind: 'ReplicationController',
  resource: 'replicationcontrollers',
  minimal: { spec: { replicas: 0, template: workload.template } },
  defaults: { spec: { selector: { app: 'x' } }, status: { replicas: 0 } },
  generation: 1,
  refused: [
    [{ spec: { template: null, selector: { a: 'b' } } }, 'spec.template: Required value'],
    [{ spec: { template: { metadata: null } } }, 'spec.selector: Required value'],
    [{ spec: { selector: { a: 'b' } } }, mismatch],
    [{ spec: { replicas: -1 } }, 'spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
  ],
  changes: [{ spec: { minReadySeconds: 2 } }],
  status: {
    accepted: { replicas: 2, readyReplicas: 1 },
    refused: [[{ replicas: 0 }, 'status.readyReplicas: Invalid value: 1: cannot be greater than status.replicas']],
  },
  columns: ['Name', 'Desired', 'Current', 'Ready', 'Age'],
};

const podTemplateKind: KindRules = {
  apiVersion: 'v1',
  kind: 'PodTemplate',
  resource: 'podtemplates',
  minimal: { template: podTemplate({ app: 'x' }) },
  defaults: { template: { spec: { restartPolicy: 'Always', dnsPolicy: 'ClusterFirst' } } },
  generation: 1,
  refused: [[{ template: { spec: { containers: [] } } }, 'template.spec.containers: Required value']],
  changes: [{ template: { spec: { restartPolicy: 'Never' } } }],
  columns: ['Name', 'Containers', 'Images', 'Pod Labels'],
};

const controllerRevision: KindRules = {
  apiVersion: 'apps/v1',
  kind: 'ControllerRevision',
  resource: 'controllerrevisions',
  minimal: { revision: 1, data: { spec: { any: ['thing'] } } },
  defaults: { data: { spec: { any: ['thing'] } } },
  refused: [
    [{ revision: -1 }, 'revision: Invalid value: -1: must be greater than or equal to 0'],
    [{ data: null }, 'data: Required value: data is mandatory'],
  ],
  changes: [{ revision: 2 }],
  immutable: [[{ data: { spec: { any: [] } } }, 'field is immutable']],
  columns: ['Name', 'Controller', 'Revision', 'Age'],
};

const podDisruptionBudget: KindRules = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  resource: 'poddisruptionbudgets',
  minimal: { spec: { minAvailable: '50%', selector: { matchLabels: { app: 'nobody' } } } },
  defaults: { status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 } },
  generation: 1,
  refused: [
    [{ spec: { maxUnavailable: 1 } }, 'minAvailable and maxUnavailable cannot be both set'],
    [{ spec: { minAvailable: '101%' } }, 'spec.minAvailable: Invalid value: "101%": must not be greater than 100%'],
    [{ spec: { minAvailable: -1 } }, 'spec.minAvailable: Invalid value: -1: must be greater than or equal to 0'],
    [
      { spec: { unhealthyPodEvictionPolicy: 'Never' } },
      'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"',
    ],
  ],
  changes: [{ spec: { minAvailable: 2 } }],
  status: {
    accepted: { disruptionsAllowed: 1, currentHealthy: 3, desiredHealthy: 2, expectedPods: 3 },
    refused: [
      [{ expectedPods: -1 }, 'status.expectedPods: Invalid value: -1: must be greater than or equal to 0'],
      [
        {
          conditions: [
            {
              type: 'DisruptionAllowed',
              status: 'Perhaps',
              reason: 'R',
              message: '',
              lastTransitionTime: '2026-01-01T00:00:00Z',
            },
          ],
        },
        'status.conditions[0].status: Unsupported value: "Perhaps": supported values: "False", "True", "Unknown"',
      ],
    ],
  },
  columns: ['Name', 'Min Available', 'Max Unavailable', 'Allowed Disruptions', 'Age'],
};

const autoscalerColumns = ['Name', 'Reference', 'Targets', 'MinPods', 'MaxPods', 'Replicas', 'Age'];
const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'absent' };
const autoscaler: KindRules = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  resource: 'horizontalpodautoscalers',
  minimal: { spec: { scaleTargetRef, maxReplicas: 3, behavior: { scaleDown: { stabilizationWindowSeconds: 60 } } } },
  defaults: {
    spec: {
      minReplicas: 1,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
      ],
      behavior: {
        scaleDown: {
          stabilizationWindowSeconds: 60,
          selectPolicy: 'Max',
          policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
        },
        scaleUp: {
          stabilizationWindowSeconds: 0,
          selectPolicy: 'Max',
          policies: [
            { type: 'Pods', value: 4 },
            { type: 'Percent', value: 100 },
          ],
        },
      },
    },
  },
  refused: [
    [{ spec: { maxReplicas: 0 } }, 'spec.maxReplicas: Invalid value: 0: must be greater than 0'],
    [
      { spec: { minReplicas: 4 } },
      'spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`',
    ],
    [{ spec: { scaleTargetRef: { name: null } } }, 'spec.scaleTargetRef.name: Required value'],
    [
      { spec: { metrics: [{ type: 'Pods' }] } },
      'spec.metrics[0].pods: Required value: must populate information for the given metric source',
    ],
    [
      { spec: { metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } }] } },
      'spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization',
    ],
    [
      { spec: { behavior: { scaleUp: { policies: [{ type: 'Pods', value: 0, periodSeconds: 15 }] } } } },
      'spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
    ],
    [
      { spec: { behavior: { scaleUp: { policies: [{ type: 'Some', value: 1, periodSeconds: 15 }] } } } },
      'spec.behavior.scaleUp.policies[0].type: Unsupported value: "Some": supported values: "Percent", "Pods"',
    ],
    [
      { spec: { metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { averageUtilization: 1 } } }] } },
      'spec.metrics[0].resource.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue',
    ],
    [
      { spec: { behavior: { scaleDown: { stabilizationWindowSeconds: 3601 } } } },
      'spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600',
    ],
  ],
  changes: [{ spec: { maxReplicas: 5 } }],
  status: {
    accepted: { desiredReplicas: 2, currentReplicas: 1 },
    refused: [[{ desiredReplicas: -1 }, 'status.desiredReplicas: Invalid value: -1']],
  },
  columns: autoscalerColumns,
};

const oldAutoscaler: KindRules = {
  ...autoscaler,
  apiVersion: 'autoscaling/v1',
  minimal: { spec: { scaleTargetRef, maxReplicas: 3 } },
  defaults: { apiVersion: 'autoscaling/v1', spec: { minReplicas: 1, targetCPUUtilizationPercentage: 80 } },
  refused: [[{ spec: { maxReplicas: 0 } }, 'spec.maxReplicas: Invalid value: 0: must be greater than 0']],
  changes: [{ spec: { targetCPUUtilizationPercentage: 50 } }],
};

for (const rules of [
  statefulSet,
  daemonSet,
  job,
  cronJob,
  replicationController,
  podTemplateKind,
  controllerRevision,
  podDisruptionBudget,
  autoscaler,
  oldAutoscaler,
]) {
  describeKind(target, rules);
}

describe('a job', () => {
  const jobs = () => `/apis/batch/v1/namespaces/${target.namespace}/jobs`;

  it('finds its pods by its own uid', async () => {
    const { metadata, spec } = await target.admin.made(jobs(), { metadata: { generateName: 'own-' }, spec: jobSpec });
    const labels = {
      'batch.kubernetes.io/controller-uid': metadata.uid,
      'batch.kubernetes.io/job-name': metadata.name,
      'controller-uid': metadata.uid,
      'job-name': metadata.name,
    };
    expect(spec).toMatchObject({
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': metadata.uid } },
      template: { metadata: { labels } },
    });
  });

  it('may be found by a selector of the user', async () => {
    const template = { ...jobTemplate, metadata: { labels: { mine: 'x' } } };
    const selector = { matchLabels: { mine: 'x' } };
    const { spec } = await target.admin.made(jobs(), {
      metadata: { name: 'manual' },
      spec: { suspend: true, manualSelector: true, selector, template },
    });
    expect(spec).toMatchObject({ selector, template: { metadata: { labels: { mine: 'x' } } } });
  });

  it('keeps its pods when nobody says otherwise', async () => {
    const metadata = { name: 'orphaning', finalizers: ['example.com/hold'] };
    await target.admin.made(jobs(), { metadata, spec: jobSpec });
    await target.admin.delete(`${jobs()}/orphaning`);
    expect((await target.admin.read(`${jobs()}/orphaning`)).metadata.finalizers).toContain('orphan');
    await target.admin.merge(`${jobs()}/orphaning`, { metadata: { finalizers: null } });
  });

  it('is selected by how many pods succeeded', async () => {
    await target.admin.made(jobs(), { metadata: { name: 'counted' }, spec: jobSpec });
    await target.admin.merge(`${jobs()}/counted/status`, { status: { succeeded: 7 } });
    const { items } = await target.admin.read(`${jobs()}?fieldSelector=status.successful%3D7`);
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['counted']);
  });

  it('moves and starts only while it is suspended', async () => {
    await target.admin.made(jobs(), { metadata: { name: 'moved' }, spec: jobSpec });
    const resumed = await target.admin.merge(`${jobs()}/moved`, { spec: { suspend: false, parallelism: 0 } });
    expect(resumed.code).toBe(200);
    const moved = { spec: { template: { spec: { nodeSelector: { a: 'b' } } } } };
    expect((await target.admin.merge(`${jobs()}/moved`, moved)).body.message).toContain('field is immutable');
  });
});

describe('scale', () => {
  it.each([
    ['apis/apps/v1', 'statefulsets', statefulSet.minimal, 'app=x'],
    ['api/v1', 'replicationcontrollers', replicationController.minimal, 'app=x'],
  ])('of %s %s', async (root, resource, minimal, selector) => {
    const path = `/${root}/namespaces/${target.namespace}/${resource}`;
    await target.admin.made(path, { metadata: { name: 'scaled' }, ...minimal });
    const reply = await target.admin.merge(`${path}/scaled/scale`, { spec: { replicas: 3 } });
    expect(reply.body).toMatchObject({ kind: 'Scale', spec: { replicas: 3 }, status: { selector } });
    expect((await target.admin.read(`${path}/scaled`)).spec).toMatchObject({ replicas: 3 });
    await target.admin.merge(`${path}/scaled/scale`, { spec: { replicas: 0 } });
  });
});

describe('an autoscaler', () => {
  it('shows as autoscaling/v1 in annotations what that has no fields for', async () => {
    const path = (version: string) =>
      `/apis/autoscaling/${version}/namespaces/${target.namespace}/horizontalpodautoscalers`;
    const metrics = [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
      { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } } },
      { type: 'Pods', pods: { metric: { name: 'rate' }, target: { type: 'AverageValue', averageValue: '5' } } },
    ];
    await target.admin.made(path('v2'), {
      metadata: { name: 'both' },
      spec: { scaleTargetRef, maxReplicas: 3, metrics },
    });
    const old = await target.admin.read(`${path('v1')}/both`);
    expect(old.spec).toEqual({ scaleTargetRef, maxReplicas: 3, minReplicas: 1, targetCPUUtilizationPercentage: 70 });
    expect(JSON.parse(old.metadata.annotations?.['autoscaling.alpha.kubernetes.io/metrics'] ?? '')).toEqual([
      { type: 'Resource', resource: { name: 'memory', targetAverageValue: '1Gi' } },
      { type: 'Pods', pods: { metricName: 'rate', targetAverageValue: '5' } },
    ]);
    const changed = await target.admin.put(`${path('v1')}/both`, { ...old, spec: { ...old.spec, maxReplicas: 4 } });
    expect(changed.code).toBe(200);
    expect((await target.admin.read(`${path('v2')}/both`)).spec).toMatchObject({ maxReplicas: 4, metrics });
  });
});
