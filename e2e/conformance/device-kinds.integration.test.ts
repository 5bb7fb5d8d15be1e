/** Devices that pods may claim, and how requests to the server are ranked. */
import { describeKind, type KindRules } from './kind-rules.ts';
import { useTarget } from './target.ts';

const target = useTarget();
const request = { name: 'gpu', exactly: { deviceClassName: 'nobody' } };
const withRequest = (change: object) => ({ spec: { devices: { requests: [{ ...request, ...change }] } } });

const withConstraint = (constraint: object) => ({
  spec: { devices: { requests: [request], constraints: [constraint] } },
});
const result = { request: 'gpu', driver: 'd', pool: 'p', device: 'x' };

const deviceClass: KindRules = {
  apiVersion: 'resource.k8s.io/v1',
  kind: 'DeviceClass',
  resource: 'deviceclasses',
  namespaced: false,
  minimal: { spec: { selectors: [{ cel: { expression: 'true' } }] } },
  generation: 1,
  refused: [
    [{ spec: { selectors: [{}] } }, 'spec.selectors[0].cel: Required value'],
    [{ spec: { config: [{ opaque: { driver: 'd' } }] } }, 'spec.config[0].opaque.parameters: Required value'],
  ],
  changes: [{ spec: { selectors: [] } }],
  columns: ['Name', 'Age'],
};

const resourceClaim: KindRules = {
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaim',
  resource: 'resourceclaims',
  minimal: { spec: { devices: { requests: [request] } } },
  defaults: { spec: { devices: { requests: [{ exactly: { allocationMode: 'ExactCount', count: 1 } }] } }, status: {} },
  refused: [
    [
      withRequest({ exactly: null }),
      'spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required',
    ],
    [withRequest({ exactly: {} }), 'spec.devices.requests[0].exactly.deviceClassName: Required value'],
    [withRequest({ name: 'A' }), 'spec.devices.requests[0].name: Invalid value: "A"'],
    [{ spec: { devices: { requests: [request, request] } } }, 'spec.devices.requests[1]: Duplicate value: "gpu"'],
    [
      withConstraint({ requests: ['other'], matchAttribute: 'example.com/a' }),
      'spec.devices.constraints[0].requests[0]: Invalid value: "other": must be the name of a request in the claim or',
    ],
    [
      withConstraint({ matchAttribute: 'a' }),
      'spec.devices.constraints[0].matchAttribute: Invalid value: "a": a fully qualified name must be a domain and a name',
    ],
    [
      withRequest({ exactly: { deviceClassName: 'nobody', tolerations: [{ operator: 'Exists', value: 'v' }] } }),
      'spec.devices.requests[0].exactly.tolerations[0].value: Invalid value: "v": must be empty for operator `Exists`',
    ],
    [
      { spec: { devices: { requests: [request], config: [{ opaque: { driver: 'd', parameters: [] } }] } } },
      'spec.devices.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
    ],
    [
      withRequest({ exactly: { deviceClassName: 'nobody', allocationMode: 'Some' } }),
      'spec.devices.requests[0].exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"',
    ],
  ],
  immutable: [[withRequest({ name: 'other' }), 'spec: Invalid value: ']],
  status: {
    accepted: { allocation: { devices: { results: [result] } } },
    refused: [
      [
        { devices: [{ driver: 'd', pool: 'p', device: 'y' }] },
        'status.devices[0]: Invalid value: "d/p/y": must be an allocated device in the claim',
      ],
      [
        { devices: [{ driver: 'd', pool: 'p', device: 'x', networkData: { ips: ['10.0.0.1'] } }] },
        'status.devices[0].networkData.ips[0]: Invalid value: "10.0.0.1": must be a valid address in CIDR form',
      ],
      [{ devices: [{ driver: 'd', pool: 'p', device: 'x', data: 1 }] }, 'status.devices[0].data: Invalid value: '],
      [
        { allocation: { devices: { results: [{ ...result, device: 'y' }] } } },
        'status.allocation: Invalid value: {"devices":',
      ],
      [
        { allocation: null, reservedFor: [{ resource: 'pods', name: 'p', uid: 'u' }] },
        'status.reservedFor: Forbidden: may not be specified when `allocated` is not set',
      ],
      [{ reservedFor: [{ resource: 'pods', uid: 'u' }] }, 'status.reservedFor[0].name: Required value'],
    ],
  },
  columns: ['Name', 'State', 'Age'],
};

const claimTemplate: KindRules = {
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaimTemplate',
  resource: 'resourceclaimtemplates',
  minimal: { spec: { spec: { devices: { requests: [request] } } } },
  defaults: { spec: { spec: { devices: { requests: [{ exactly: { count: 1 } }] } } } },
  refused: [
    [{ spec: { spec: { devices: { requests: [{ name: 'x' }] } } } }, 'spec.spec.devices.requests[0]: Required value'],
  ],
  immutable: [[{ spec: { metadata: { labels: { a: 'b' } } } }, 'spec: Invalid value: ']],
  columns: ['Name', 'Age'],
};

const resourceSlice: KindRules = {
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceSlice',
  resource: 'resourceslices',
  namespaced: false,
  minimal: {
    spec: {
      driver: 'd.example.com',
      allNodes: true,
      pool: { name: 'p', generation: 1, resourceSliceCount: 1 },
      devices: [{ name: 'x' }],
    },
  },
  generation: 1,
  refused: [
    [{ spec: { driver: '' } }, 'spec.driver: Required value'],
    [
      { spec: { allNodes: null } },
      'spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required',
    ],
    [
      { spec: { pool: { resourceSliceCount: 0 } } },
      'spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero',
    ],
    [{ spec: { devices: [{ name: 'x' }, { name: 'x' }] } }, 'spec.devices[1].name: Duplicate value: "x"'],
    [
      { spec: { devices: [{ name: 'x', attributes: { a: {} } }] } },
      'spec.devices[0].attributes[a]: Required value: exactly one value must be specified',
    ],
    [
      { spec: { devices: [{ name: 'x', attributes: { 'example.com/a': { version: '1.2' } } }] } },
      'spec.devices[0].attributes[example.com/a].version: Invalid value: "1.2": must be a string compatible with semver.org spec 2.0.0',
    ],
    [
      { spec: { devices: [{ name: 'x', attributes: { 'a-b': { int: 1 } } }] } },
      'spec.devices[0].attributes: Invalid value: "a-b": a valid C identifier must start with',
    ],
    [
      { spec: { devices: [{ name: 'x', taints: [{ key: 'k', effect: 'Some' }] }] } },
      'spec.devices[0].taints[0].effect: Unsupported value: "Some"',
    ],
    [
      { spec: { devices: [{ name: 'x', allNodes: true }] } },
      'can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec',
    ],
    [
      { spec: { allNodes: null, perDeviceNodeSelection: true, devices: [{ name: 'x' }] } },
      'spec.devices[0]: Required value: exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required',
    ],
  ],
  changes: [{ spec: { pool: { generation: 2 } } }],
  immutable: [
    [{ spec: { driver: 'other.example.com' } }, 'spec.driver: Invalid value: "other.example.com": field is immutable'],
  ],
  columns: ['Name', 'Node', 'Driver', 'Pool', 'Age'],
};

const flowRule = {
  subjects: [{ kind: 'User', user: { name: 'nobody' } }],
  resourceRules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], namespaces: ['nowhere'] }],
};
const withFlowRule = (change: object) => ({ spec: { rules: [{ ...flowRule, ...change }] } });
const withResourceRule = (change: object) =>
  withFlowRule({ resourceRules: [{ ...flowRule.resourceRules[0], ...change }] });
const withPaths = (...nonResourceURLs: string[]) =>
  withFlowRule({ nonResourceRules: [{ verbs: ['*'], nonResourceURLs }] });
const flowSchema: KindRules = {
  apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
  kind: 'FlowSchema',
  resource: 'flowschemas',
  namespaced: false,
  minimal: { spec: { priorityLevelConfiguration: { name: 'nobody' }, rules: [flowRule] } },
  defaults: { spec: { matchingPrecedence: 1000 }, status: {} },
  generation: 1,
  refused: [
    [{ spec: { matchingPrecedence: -1 } }, 'spec.matchingPrecedence: Invalid value: -1: must be a positive value'],
    [
      { spec: { matchingPrecedence: 10001 } },
      'spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000',
    ],
    [{ metadata: { name: 'catch-all' } }, "spec of 'catch-all' must equal the fixed value"],
    [
      { spec: { priorityLevelConfiguration: { name: '' } } },
      'spec.priorityLevelConfiguration.name: Required value: must reference a priority level',
    ],
    [
      { spec: { rules: [{ ...flowRule, subjects: [] }] } },
      'spec.rules[0].subjects: Required value: subjects must contain at least one value',
    ],
    [
      { spec: { rules: [{ ...flowRule, subjects: [{ kind: 'User' }] }] } },
      "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
    ],
    [
      withFlowRule({ subjects: [{ kind: 'ServiceAccount', serviceAccount: { name: '*' } }] }),
      'spec.rules[0].subjects[0].serviceAccount.namespace: Required value: must specify namespace for service account',
    ],
    [
      withFlowRule({ subjects: [{ kind: 'Group', group: { name: '' } }] }),
      'spec.rules[0].subjects[0].group.name: Required value',
    ],
    [
      withResourceRule({ verbs: ['GET'] }),
      'spec.rules[0].resourceRules[0].verbs: Unsupported value: ["GET"]: supported values: "create", "delete"',
    ],
    [
      withResourceRule({ apiGroups: ['*', 'apps'] }),
      'resourceRules[0].apiGroups: Invalid value: ["*","apps"]: if \'*\' is present, must not specify other api groups',
    ],
    [
      withResourceRule({ namespaces: ['A'] }),
      'resourceRules[0].namespaces[0]: Invalid value: "A": each member of this list must be \'*\' or a DNS-1123 label; a',
    ],
    [
      withPaths('healthz'),
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "healthz": must start with slash',
    ],
    [withPaths('/a*'), 'nonResourceURLs[0]: Invalid value: "/a*": wildcard can only do suffix matching'],
    [
      { spec: { distinguisherMethod: { type: 'Some' } } },
      'spec.distinguisherMethod.type: Unsupported value: {"type":"Some"}: supported values: "ByNamespace", "ByUser"',
    ],
    [
      { spec: { matchingPrecedence: 1 } },
      "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
    ],
    [
      { spec: { rules: [{ subjects: flowRule.subjects }] } },
      'spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty',
    ],
  ],
  changes: [{ spec: { matchingPrecedence: 900 } }],
  status: {
    accepted: { conditions: [{ type: 'Dangling', status: 'False' }] },
    refused: [
      [{ conditions: [{ type: '', status: 'True' }] }, 'status.conditions[0].type: Required value: must not be'],
    ],
  },
  columns: ['Name', 'PriorityLevel', 'MatchingPrecedence', 'DistinguisherMethod', 'Age', 'MissingPL'],
};

const priorityLevel: KindRules = {
  apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
  kind: 'PriorityLevelConfiguration',
  resource: 'prioritylevelconfigurations',
  namespaced: false,
  minimal: { spec: { type: 'Limited', limited: { limitResponse: { type: 'Queue', queuing: {} } } } },
  defaults: {
    spec: {
      limited: {
        nominalConcurrencyShares: 30,
        lendablePercent: 0,
        limitResponse: { queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } },
      },
    },
  },
  generation: 1,
  refused: [
    [{ spec: { type: 'Other' } }, 'spec.type: Unsupported value: "Other": supported values: "Exempt", "Limited"'],
    [
      { spec: { type: 'Exempt' } },
      'spec.type: Invalid value: "Exempt": type must be \'Exempt\' if and only if name is',
    ],
    [{ spec: { limited: null } }, 'spec.limited: Required value: must not be empty when type is Limited'],
    [
      { spec: { limited: { lendablePercent: 101 } } },
      'spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive',
    ],
    [
      { spec: { limited: { limitResponse: { queuing: { handSize: 65 } } } } },
      'spec.limited.limitResponse.queuing.handSize: Invalid value: 65: should not be greater than queues (64)',
    ],
    [
      { spec: { limited: { limitResponse: { queuing: { queues: 64, handSize: 11 } } } } },
      'required entropy bits of deckSize 64 and handSize 11 should not be greater than 60',
    ],
    [
      { metadata: { name: 'exempt' }, spec: { type: 'Exempt', limited: null, exempt: { lendablePercent: 101 } } },
      'spec.exempt.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive',
    ],
    [{ metadata: { name: 'catch-all' } }, "spec of 'catch-all' must equal the fixed value"],
  ],
  changes: [{ spec: { limited: { nominalConcurrencyShares: 5 } } }],
  status: {
    accepted: { conditions: [{ type: 'Some', status: 'True' }] },
    refused: [
      [{ conditions: [{ type: '', status: 'True' }] }, 'status.conditions[0].type: Required value: must not be'],
    ],
  },
  columns: ['Name', 'Type', 'NominalConcurrencyShares', 'Queues', 'HandSize', 'QueueLengthLimit', 'Age'],
};

for (const rules of [deviceClass, resourceClaim, claimTemplate, resourceSlice, flowSchema, priorityLevel]) {
  describeKind(target, rules);
}
