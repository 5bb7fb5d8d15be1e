import type { KubeObject, Namespace, Node, Secret } from '@slipway/api/types';
import type { Strategy } from '../strategy.ts';
import { clusterRoleStrategy } from './access/cluster-role.ts';
import { clusterRoleBindingStrategy } from './access/cluster-role-binding.ts';
import { configMapStrategy } from './cluster/config-map.ts';
import { endpointSliceStrategy } from './network/endpoint-slice.ts';
import { eventStrategy } from './cluster/event.ts';
import { leaseStrategy } from './cluster/lease.ts';
import { namespaceStrategy } from './cluster/namespace.ts';
import { nodeStrategy } from './cluster/node.ts';
import { roleStrategy } from './access/role.ts';
import { roleBindingStrategy } from './access/role-binding.ts';
import { secretStrategy } from './cluster/secret.ts';
import { serviceAccountStrategy } from './access/service-account.ts';
import { create, type Given, update } from './strategy-line.fixture.ts';

/** A row of the table below: the types of its parts agree, the table's rows among each other need not. */
function row<T extends KubeObject>(what: string, strategy: Strategy<T>, given: Given<T>, errors: string[]) {
  return { what, judge: () => create(strategy, given).errors, errors };
}

const rbac = 'rbac.authorization.k8s.io';
const roleRef = { kind: 'ClusterRole', name: 'view' };
const mebibyte = 'x'.repeat(1024 * 1024);

const rows = [
  row('a config map with an odd key', configMapStrategy, { data: { 'a b': '' } }, [
    `data[a b]: Invalid value: "a b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`,
  ]),
  row('one key as text and as bytes', configMapStrategy, { data: { a: 'x' }, binaryData: { a: 'eA==' } }, [
    'data[a]: Invalid value: "a": duplicate of key present in binaryData',
  ]),
  row('a config map of one mebibyte', configMapStrategy, { data: { a: mebibyte } }, []),
  row('a byte more', configMapStrategy, { data: { a: mebibyte }, binaryData: { b: 'eA==' } }, [
    '[]: Too long: may not be more than 1048576 bytes',
  ]),
  row('a secret of a mebibyte and a byte', secretStrategy, { stringData: { a: `${mebibyte}x` } }, [
    'data: Too long: may not be more than 1048576 bytes',
  ]),
  row('a TLS secret without key', secretStrategy, { type: 'kubernetes.io/tls', data: { 'tls.crt': 'eA==' } }, [
    'data[tls.key]: Required value',
  ]),
  row('a token of nobody', secretStrategy, { type: 'kubernetes.io/service-account-token' }, [
    'metadata.annotations[kubernetes.io/service-account.name]: Required value',
  ]),
  row('a namespace with dots', namespaceStrategy, { metadata: { name: 'a.b' } }, [
    'metadata.name: Invalid value: "a.b": must not contain dots',
  ]),
  row('a finalizer of nobody', namespaceStrategy, { spec: { finalizers: ['mine'] } }, [
    'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
  ]),
  row('two taints of one kind', nodeStrategy, { spec: { taints: [taint(), taint()] } }, [
    'spec.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}: taints must be unique by key and effect pair',
  ]),
  row('a taint without effect', nodeStrategy, { spec: { taints: [{ key: 'a' }] } }, [
    'spec.taints[0].effect: Required value',
  ]),
  row('a slice of no type', endpointSliceStrategy, {}, ['addressType: Required value']),
  row(
    'a slice of another family',
    endpointSliceStrategy,
    { addressType: 'IPv6', endpoints: [{ addresses: ['10.0.0.1'] }] },
    ['endpoints[0].addresses[0]: Invalid value: "10.0.0.1": must be a valid IPv6 address'],
  ),
  row('an endpoint nowhere', endpointSliceStrategy, { addressType: 'IPv4', endpoints: [{ addresses: [] }] }, [
    'endpoints[0].addresses: Required value: must contain at least 1 address',
  ]),
  row(
    'an endpoint on the loopback',
    endpointSliceStrategy,
    { addressType: 'IPv4', endpoints: [{ addresses: ['127.0.0.1'] }] },
    ['endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  ),
  row(
    'too many endpoints',
    endpointSliceStrategy,
    { addressType: 'IPv4', endpoints: new Array(1001).fill({ addresses: ['10.0.0.1'] }) },
    ['endpoints: Too many: 1001: must have at most 1000 items'],
  ),
  row('an event elsewhere', eventStrategy, { involvedObject: { namespace: 'other' } }, [
    'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
  ]),
  row('an event of a node', eventStrategy, { involvedObject: { kind: 'Node', name: 'n' } }, []),
  row(
    'a new event that says nothing',
    eventStrategy,
    { eventTime: '2026-01-01T00:00:00.000000Z', involvedObject: {}, reportingComponent: 'a' },
    ['reportingInstance: Required value', 'action: Required value', 'reason: Required value'],
  ),
  row('a lease of no time', leaseStrategy, { spec: { leaseDurationSeconds: 0, leaseTransitions: -1 } }, [
    'spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
    'spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0',
  ]),
  row('a role without verbs', roleStrategy, { rules: [{ apiGroups: [''], resources: ['pods'] }] }, [
    'rules[0].verbs: Required value: verbs must contain at least one value',
  ]),
  row('a role for paths', roleStrategy, { rules: [{ verbs: ['get'], nonResourceURLs: ['/x'] }] }, [
    'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
  ]),
  row('a role with colons in its name', roleStrategy, { metadata: { name: 'system:x' } }, []),
  row('a rule without resources', clusterRoleStrategy, { rules: [{ verbs: ['get'] }] }, [
    'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
    'rules[0].resources: Required value: resource rules must supply at least one resource',
  ]),
  row('a sum of nothing', clusterRoleStrategy, { aggregationRule: {} }, [
    'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
  ]),
  row('a binding to a role of one namespace', clusterRoleBindingStrategy, { roleRef: { kind: 'Role', name: 'a' } }, [
    'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
  ]),
  row(
    'an account of no namespace',
    clusterRoleBindingStrategy,
    { roleRef, subjects: [{ kind: 'ServiceAccount', name: 'a' }] },
    ['subjects[0].namespace: Required value'],
  ),
  row('a subject that is none', roleBindingStrategy, { roleRef, subjects: [{ kind: 'Robot', name: 'a' }] }, [
    'subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
  ]),
];

function taint() {
  return { key: 'a', effect: 'NoSchedule' };
}

describe('strategies', () => {
  it.each(rows)('judge $what', ({ judge, errors }) => {
    expect(judge()).toEqual(errors);
  });
});

describe('secretStrategy', () => {
  it('turns text into bytes and forgets it', () => {
    const { object } = create(secretStrategy, { data: { a: 'eA==' }, stringData: { a: 'y', b: 'z' } });
    expect(object).toMatchObject({ type: 'Opaque', data: { a: 'eQ==', b: 'eg==' } });
    expect(object.stringData).toBeUndefined();
  });

  it('stays as it is once immutable, and of its type always', () => {
    const old = create(secretStrategy, { immutable: true, data: { a: 'eA==' } }).object;
    const changed = (change: Partial<Secret>) =>
      update(secretStrategy, old, (draft) => Object.assign(draft, change)).errors;
    expect(changed({ data: { a: 'eQ==' } })).toEqual(['data: Forbidden: field is immutable when `immutable` is set']);
    expect(changed({ immutable: undefined })).toEqual([
      'immutable: Forbidden: field is immutable when `immutable` is set',
    ]);
    expect(changed({ type: 'other' })).toEqual(['type: Invalid value: "other": field is immutable']);
  });
});

describe('namespaceStrategy', () => {
  it('begins active, labelled with its name and held by its content', () => {
    expect(create(namespaceStrategy, { metadata: { name: 'a' } }).object).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': 'a' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
  });

  it('keeps its finalizers on the main endpoint and ends when deletion begins', () => {
    const old = create(namespaceStrategy, {}).object;
    const { object } = update(namespaceStrategy, old, (draft: Namespace) => {
      draft.spec = { finalizers: [] };
    });
    expect(object.spec.finalizers).toEqual(['kubernetes']);
    namespaceStrategy.prepareDeletion?.(object);
    expect(object.status?.phase).toBe('Terminating');
    expect(namespaceStrategy.otherFinalizers?.(object)).toEqual(['kubernetes']);
  });
});

describe('nodeStrategy', () => {
  const node = () =>
    create(nodeStrategy, { spec: { podCIDRs: ['10.0.0.0/24'] }, status: { capacity: { memory: '1024Ki' } } }).object;

  it('may bring a status when it registers', () => {
    expect(node().status).toEqual({ capacity: { memory: '1Mi' }, allocatable: { memory: '1Mi' } });
  });

  it('can be cordoned and tainted, and keeps its network', () => {
    const changed = (change: Partial<Node['spec']>) =>
      update(nodeStrategy, node(), (draft) => Object.assign(draft.spec, change)).errors;
    expect(changed({ unschedulable: true, taints: [taint()], providerID: 'a' })).toEqual([]);
    expect(changed({ podCIDRs: ['10.1.0.0/24'] })).toEqual([
      'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    ]);
    expect(changed({ externalID: 'x' })).toEqual([
      'spec: Forbidden: node updates may only change labels, taints, or capacity',
    ]);
  });
});

describe('bindings', () => {
  it('know the group of their role and of users', () => {
    const subjects = [
      { kind: 'User', name: 'a' },
      { kind: 'ServiceAccount', name: 'b', namespace: 'c' },
    ];
    const { object, errors } = create(clusterRoleBindingStrategy, { roleRef, subjects });
    expect(errors).toEqual([]);
    expect(object.roleRef.apiGroup).toBe(rbac);
    expect(object.subjects?.map(({ apiGroup }) => apiGroup)).toEqual([rbac, undefined]);
  });

  it('never change their role', () => {
    const old = create(roleBindingStrategy, { roleRef }).object;
    const { errors } = update(roleBindingStrategy, old, (draft) => {
      draft.roleRef = { ...draft.roleRef, name: 'edit' };
    });
    expect(errors).toEqual([
      `roleRef: Invalid value: {"kind":"ClusterRole","name":"edit","apiGroup":"${rbac}"}: cannot change roleRef`,
    ]);
  });
});

describe('serviceAccountStrategy', () => {
  it('keeps of a secret its name', () => {
    const { object } = create(serviceAccountStrategy, { secrets: [{ name: 'a', namespace: 'b', kind: 'Secret' }] });
    expect(object.secrets).toEqual([{ name: 'a' }]);
  });
});

describe('endpointSliceStrategy', () => {
  it('counts what proxies look at', () => {
    const old = create(endpointSliceStrategy, { addressType: 'IPv4', ports: [{ port: 80 }] }).object;
    expect(old.ports).toEqual([{ name: '', port: 80, protocol: 'TCP' }]);
    const annotated = update(endpointSliceStrategy, old, ({ metadata }) =>
      Object.assign(metadata, { annotations: { a: '' } }),
    );
    expect(annotated.object.metadata.generation).toBe(1);
    const moved = update(endpointSliceStrategy, old, (draft) => {
      draft.endpoints = [{ addresses: ['10.0.0.1'] }];
    });
    expect(moved.object.metadata.generation).toBe(2);
  });
});
