/** Kinds that limit, count and rank what runs. */
import { describeKind, type KindRules } from './kind-rules.ts';
import { useTarget } from './target.ts';

const target = useTarget();

const limitRange: KindRules = {
  apiVersion: 'v1',
  kind: 'LimitRange',
  resource: 'limitranges',
  minimal: { spec: { limits: [{ type: 'Container', max: { cpu: '2000m' }, min: { memory: '1024Ki' } }] } },
  defaults: {
    spec: { limits: [{ default: { cpu: '2' }, defaultRequest: { cpu: '2', memory: '1Mi' }, max: { cpu: '2' } }] },
  },
  refused: [
    [
      { spec: { limits: [{ type: 'Container', min: { cpu: '2' }, max: { cpu: '1' } }] } },
      'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
    ],
    [{ spec: { limits: [{ type: 'Pod' }, { type: 'Pod' }] } }, 'spec.limits[1].type: Duplicate value: "Pod"'],
    [
      { spec: { limits: [{ type: 'Pod', default: { cpu: '1' } }] } },
      "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
    ],
    [
      { spec: { limits: [{ type: 'Box' }] } },
      'spec.limits[0].type: Invalid value: "Box": must be a standard limit type or fully qualified',
    ],
    [
      { spec: { limits: [{ type: 'PersistentVolumeClaim' }] } },
      'spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided',
    ],
    [
      { spec: { limits: [{ type: 'Container', maxLimitRequestRatio: { cpu: '800m' } }] } },
      'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "800m": ratio 800m is less than 1',
    ],
    [
      { spec: { limits: [{ type: 'Container', max: { wood: '1' } }] } },
      'spec.limits[0].max[wood]: Invalid value: "wood": must be a standard resource for containers',
    ],
  ],
  changes: [{ spec: { limits: [{ type: 'Pod', max: { cpu: '3' } }] } }],
  columns: ['Name', 'Created At'],
};

const resourceQuota: KindRules = {
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  resource: 'resourcequotas',
  minimal: { spec: { hard: { 'requests.cpu': '1000m', 'count/widgets.example.com': '1' }, scopes: ['NotBestEffort'] } },
  defaults: { spec: { hard: { 'requests.cpu': '1' } }, status: {} },
  refused: [
    [
      { spec: { hard: { 'requests.cpu': '-1' } } },
      'spec.hard[requests.cpu]: Invalid value: "-1": must be greater than or equal to 0',
    ],
    [{ spec: { hard: { pods: '500m' } } }, 'spec.hard[pods]: Invalid value: "500m": must be an integer'],
    [
      { spec: { hard: { wood: '1' } } },
      'spec.hard[wood]: Invalid value: "wood": must be a standard resource for quota',
    ],
    [{ spec: { scopes: ['Some'] } }, 'spec.scopes: Invalid value: ["Some"]: unsupported scope'],
    [
      { spec: { hard: null, scopes: ['BestEffort', 'NotBestEffort'] } },
      'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes',
    ],
    [
      { spec: { scopes: ['BestEffort'] } },
      'spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource',
    ],
    [
      { spec: { scopeSelector: { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In' }] } } },
      "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
    ],
  ],
  changes: [{ spec: { hard: { 'requests.cpu': '2' } } }],
  immutable: [
    [{ spec: { scopes: ['PriorityClass'] } }, 'spec.scopes: Invalid value: ["PriorityClass"]: field is immutable'],
  ],
  status: {
    accepted: { hard: { pods: '2' }, used: { pods: '1' } },
    refused: [[{ used: { pods: '-1' } }, 'status.used[pods]: Invalid value: "-1": must be greater than or equal to 0']],
  },
  columns: ['Name', 'Request', 'Limit', 'Age'],
};

const priorityClass: KindRules = {
  apiVersion: 'scheduling.k8s.io/v1',
  kind: 'PriorityClass',
  resource: 'priorityclasses',
  namespaced: false,
  minimal: { value: 10 },
  defaults: { preemptionPolicy: 'PreemptLowerPriority' },
  generation: 1,
  refused: [
    [{ value: 1_000_000_001 }, 'value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
    [
      { preemptionPolicy: 'Sometimes' },
      'preemptionPolicy: Unsupported value: "Sometimes": supported values: "PreemptLowerPriority", "Never"',
    ],
    [
      { metadata: { name: 'system-mine' } },
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
    ],
  ],
  immutable: [
    [{ value: 11 }, 'value: Forbidden: may not be changed in an update.'],
    [{ preemptionPolicy: 'Never' }, 'preemptionPolicy: Invalid value: "Never": field is immutable'],
  ],
  columns: ['Name', 'Value', 'Global-Default', 'Age', 'PreemptionPolicy'],
};

const runtimeClass: KindRules = {
  apiVersion: 'node.k8s.io/v1',
  kind: 'RuntimeClass',
  resource: 'runtimeclasses',
  namespaced: false,
  minimal: { handler: 'fast', overhead: { podFixed: { cpu: '1000m' } } },
  defaults: { overhead: { podFixed: { cpu: '1' } } },
  refused: [
    [{ handler: 'Not Good' }, 'handler: Invalid value: "Not Good": a lowercase RFC 1123 label must consist of'],
    [{ handler: '' }, 'handler: Invalid value: "": a lowercase RFC 1123 label must consist of'],
    [
      {
        scheduling: {
          tolerations: [
            { key: 'a', operator: 'Exists' },
            { key: 'a', operator: 'Exists' },
          ],
        },
      },
      'scheduling.tolerations[1]: Duplicate value',
    ],
  ],
  changes: [{ scheduling: { nodeSelector: { a: 'b' } } }],
  immutable: [[{ handler: 'slow' }, 'handler: Invalid value: "slow": field is immutable']],
  columns: ['Name', 'Handler', 'Age'],
};

for (const rules of [limitRange, resourceQuota, priorityClass, runtimeClass]) describeKind(target, rules);
