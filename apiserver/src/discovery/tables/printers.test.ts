import { readFileSync } from 'node:fs';
import { builtInResources } from '@slipway/api/resources';
import type { KubeObject } from '@slipway/api/types';
import { type Cell, type Printer, wide } from './printer.ts';
import { defaultPrinter, printerOf, printers } from './printers.ts';
import { renderTable } from './render-table.ts';

const nowMs = Date.parse('2025-01-01T01:00:00Z');
const metadata = { name: 'x', namespace: 'default', creationTimestamp: '2025-01-01T00:00:00Z', resourceVersion: '7' };

/** Cells by the name of their column. */
function row(kind: string, group: string, fields: object): Record<string, Cell> {
  const printer = printerOf({ group, kind });
  const apiVersion = group === '' ? 'v1' : `${group}/v1`;
  const cells = printer.cells({ apiVersion, kind, metadata, ...fields } as KubeObject, nowMs);
  expect(cells).toHaveLength(printer.columns.length);
  return Object.fromEntries(printer.columns.map(({ name }, index) => [name, cells[index] ?? null]));
}

const template = {
  spec: {
    containers: [
      { name: 'a', image: 'ia' },
      { name: 'b', image: 'ib' },
    ],
  },
};
const selector = {
  matchLabels: { tier: 'x', app: 'web' },
  matchExpressions: [{ key: 'old', operator: 'DoesNotExist' }],
};

describe('printers', () => {
  it('have the columns of upstream', () => {
    const facts = readFileSync(
      new URL('../../../../lib/api/generate/facts/printer-columns.tsv', import.meta.url),
      'utf8',
    );
    const upstream = new Map(
      facts
        .split('\n')
        .slice(1)
        .map((line) => line.split('\t') as [string, string]),
    );
    // Where the table in facts names a kind in its own way, or shows a part of the columns only.
    const namesInFacts: Record<string, string> = {
      'Endpoints.': 'endpoint',
      'RoleBinding.rbac.authorization.k8s.io': 'roleBindings',
      'ClusterRoleBinding.rbac.authorization.k8s.io': 'clusterRoleBindings',
      'MutatingWebhookConfiguration.admissionregistration.k8s.io': 'mutatingWebhook',
      'ValidatingWebhookConfiguration.admissionregistration.k8s.io': 'validatingWebhook',
      'CSIDriver.storage.k8s.io': '',
      'CSINode.storage.k8s.io': 'csiNode',
      'CSIStorageCapacity.storage.k8s.io': 'csiStorageCapacity',
      'IPAddress.networking.k8s.io': 'ipAddress',
      'ResourceSlice.resource.k8s.io': 'nodeResourceSlice',
      'PriorityLevelConfiguration.flowcontrol.apiserver.k8s.io': 'priorityLevel',
      'ServiceCIDR.networking.k8s.io': 'serviceCIDR',
    };
    let compared = 0;
    for (const [key, printer] of Object.entries(printers)) {
      const kind = key.split('.')[0] ?? '';
      const expected = upstream.get(namesInFacts[key] ?? kind.charAt(0).toLowerCase() + kind.slice(1));
      if (expected === undefined) continue;
      compared++;
      expect([key, columnsText(printer)]).toEqual([key, expected]);
    }
    expect(compared).toBeGreaterThan(40);
  });

  it('belong to kinds that exist', () => {
    const kinds = new Set(
      builtInResources.flatMap((resource) =>
        [resource, ...resource.subresources].map(({ kind, group }) => `${kind}.${group}`),
      ),
    );
    expect(Object.keys(printers).filter((key) => !kinds.has(key))).toEqual([]);
  });

  it('show deployments', () => {
    const status = { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 2 };
    expect(row('Deployment', 'apps', { spec: { replicas: 3, selector, template }, status })).toEqual({
      Name: 'x',
      Ready: '2/3',
      'Up-to-date': 3,
      Available: 2,
      Age: '60m',
      Containers: 'a,b',
      Images: 'ia,ib',
      Selector: 'app=web,!old,tier=x',
    });
    expect(row('Deployment', 'apps', { spec: { selector: {}, template } })).toMatchObject({
      Ready: '0/0',
      Available: 0,
      Selector: '',
    });
  });

  it('show services', () => {
    const ports = [
      { port: 80, protocol: 'TCP' },
      { port: 53, nodePort: 30053, protocol: 'UDP' },
    ];
    expect(
      row('Service', '', { spec: { type: 'NodePort', clusterIPs: ['10.96.0.9'], ports, selector: { app: 'web' } } }),
    ).toEqual({
      Name: 'x',
      Type: 'NodePort',
      'Cluster-IP': '10.96.0.9',
      'External-IP': '<none>',
      'Port(s)': '80/TCP,53:30053/UDP',
      Age: '60m',
      Selector: 'app=web',
    });
    expect(row('Service', '', { spec: { type: 'LoadBalancer' } })).toMatchObject({
      'External-IP': '<pending>',
      'Port(s)': '<none>',
    });
    expect(row('Service', '', { spec: { type: 'ExternalName', externalName: 'example.org' } })).toMatchObject({
      'External-IP': 'example.org',
      'Cluster-IP': '<none>',
    });
  });

  it('show nodes', () => {
    const node = {
      metadata: {
        ...metadata,
        labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' },
      },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [{ type: 'InternalIP', address: '192.0.2.4' }],
        nodeInfo: {
          kubeletVersion: 'v1.36.0',
          osImage: 'Debian',
          kernelVersion: '6.1',
          containerRuntimeVersion: 'slipway://1',
        },
      },
    };
    expect(Object.values(row('Node', '', node))).toEqual([
      'x',
      'Ready,SchedulingDisabled',
      'control-plane,worker',
      '60m',
      'v1.36.0',
      '192.0.2.4',
      '<none>',
      'Debian',
      '6.1',
      'slipway://1',
    ]);
    expect(row('Node', '', { spec: {} })).toMatchObject({
      Status: 'Unknown',
      Roles: '<none>',
      'OS-Image': '<unknown>',
    });
  });

  it('show events of both groups alike', () => {
    const core = row('Event', '', {
      involvedObject: { kind: 'Pod', name: 'web', fieldPath: 'spec.containers{a}' },
      lastTimestamp: '2025-01-01T00:58:30Z',
      firstTimestamp: '2025-01-01T00:00:00Z',
      type: 'Warning',
      reason: 'BackOff',
      message: 'restarting\n',
      source: { component: 'kubelet', host: 'n1' },
      count: 4,
    });
    expect(core).toMatchObject({
      'Last Seen': '90s',
      Object: 'pod/web',
      Source: 'kubelet, n1',
      Message: 'restarting',
      Count: 4,
    });
    const modern = row('Event', 'events.k8s.io', {
      regarding: { kind: 'Pod', name: 'web' },
      eventTime: '2025-01-01T00:59:00.000000Z',
      reportingController: 'scheduler',
      note: 'scheduled',
      reason: 'Scheduled',
    });
    expect(modern).toMatchObject({
      'Last Seen': '60s',
      Object: 'pod/web',
      Source: 'scheduler',
      Message: 'scheduled',
      Count: 1,
    });
  });

  it('show lists with what is left out', () => {
    const endpoints = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'].map((address) => ({
      addresses: [address],
    }));
    expect(
      row('EndpointSlice', 'discovery.k8s.io', { addressType: 'IPv4', ports: [{ port: 80 }], endpoints }),
    ).toMatchObject({
      Ports: '80',
      Endpoints: '10.0.0.1,10.0.0.2,10.0.0.3 + 2 more...',
    });
    expect(row('EndpointSlice', 'discovery.k8s.io', { addressType: 'IPv4', endpoints: [] })).toMatchObject({
      Endpoints: '<unset>',
    });
    expect(row('Endpoints', '', {})).toMatchObject({ Endpoints: '<none>' });
  });

  it('show jobs and claims', () => {
    const job = { spec: { completions: 3, template }, status: { succeeded: 1, startTime: '2025-01-01T00:55:00Z' } };
    expect(row('Job', 'batch', job)).toMatchObject({ Status: 'Running', Completions: '1/3', Duration: '5m' });
    const claim = {
      spec: { volumeName: 'pv', storageClassName: 'fast' },
      status: { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] },
    };
    expect(row('PersistentVolumeClaim', '', claim)).toMatchObject({
      Capacity: '1Gi',
      'Access Modes': 'RWO',
      StorageClass: 'fast',
    });
  });

  it('show other kinds by name and time', () => {
    expect(printerOf({ group: 'rbac.authorization.k8s.io', kind: 'Role' })).toBe(defaultPrinter);
    expect(row('Role', 'rbac.authorization.k8s.io', {})).toEqual({ Name: 'x', 'Created At': '2025-01-01T00:00:00Z' });
  });

  it('need no more of an object than the server requires', () => {
    const bare = {
      spec: {
        containers: [],
        template: {},
        scaleTargetRef: {},
        drivers: [],
        source: {},
        parentRef: {},
        jobTemplate: {},
        priorityLevelConfiguration: {},
        pool: {},
      },
      roleRef: {},
      involvedObject: {},
      addressType: '',
    };
    for (const key of Object.keys(printers)) {
      const [kind = '', ...group] = key.split('.');
      expect(() => row(kind, group.join('.'), bare)).not.toThrow();
    }
  });
});

function columnsText(printer: Printer): string {
  return printer.columns.map(({ name, type, priority }) => `${name}:${type}:${priority}`).join(' | ');
}

describe('renderTable', () => {
  const object: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
  const printer = printerOf({ group: '', kind: 'ConfigMap' });

  it('is a meta.k8s.io Table with partial metadata', () => {
    expect(renderTable(printer, [object], { listMetadata: { resourceVersion: '9', continue: 'c' } }, nowMs)).toEqual({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: '9', continue: 'c' },
      columnDefinitions: [
        { name: 'Name', type: 'string', format: 'name', description: '', priority: 0 },
        { name: 'Data', type: 'string', format: '', description: '', priority: 0 },
        { name: 'Age', type: 'string', format: '', description: '', priority: 0 },
      ],
      rows: [
        { cells: ['x', 0, '60m'], object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata } },
      ],
    });
  });

  it('includes what is asked for', () => {
    const rowsOf = (includeObject: 'None' | 'Object') => renderTable(printer, [object], { includeObject }, nowMs).rows;
    expect(rowsOf('None')[0]?.object).toBeNull();
    expect(rowsOf('Object')[0]?.object).toBe(object);
  });

  it('leaves columns out of later watch events, and takes the version of a single object', () => {
    const table = renderTable(printer, [object], { withColumns: false, version: 'v1beta1' }, nowMs);
    expect(table).toMatchObject({
      apiVersion: 'meta.k8s.io/v1beta1',
      columnDefinitions: null,
      metadata: { resourceVersion: '7' },
    });
    expect(wide('x').priority).toBe(1);
  });
});
