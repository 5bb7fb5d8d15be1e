/** What admission adds to objects and refuses in them: limits, priorities, runtime classes, default classes, owners. */
import type { ApiObject, Tree } from './api-client.ts';
import { podSpec } from './manifests.ts';
import { useTarget } from './target.ts';

const target = useTarget();

function pod(name: string, spec: object = {}, resources: object = {}) {
  return {
    metadata: { name },
    spec: { ...podSpec, ...spec, containers: [{ name: 'c', image: 'registry.invalid/none:1', resources }] },
  };
}

function containerOf(object: ApiObject): Tree {
  return (object.spec.containers as readonly Tree[])[0] as Tree;
}

async function limited(...limits: readonly object[]): Promise<string> {
  const path = `/api/v1/namespaces/${await target.newNamespace()}`;
  await target.admin.made(`${path}/limitranges`, { metadata: { name: 'l' }, spec: { limits } });
  return path;
}

describe('LimitRange', () => {
  it('fills in what containers do not say, and writes down that it did', async () => {
    const path = await limited({
      type: 'Container',
      default: { cpu: '500m', memory: '128Mi' },
      defaultRequest: { cpu: '100m' },
    });
    const made = await target.admin.made(`${path}/pods`, pod('a', {}, { requests: { memory: '64Mi' } }));
    expect(containerOf(made).resources).toEqual({
      limits: { cpu: '500m', memory: '128Mi' },
      requests: { cpu: '100m', memory: '64Mi' },
    });
    expect(made.metadata.annotations).toEqual({
      'kubernetes.io/limit-ranger':
        'LimitRanger plugin set: cpu request for container c; cpu, memory limit for container c',
    });
    expect((made as unknown as { status: Tree }).status.qosClass).toBe('Burstable');
  });

  it.each([
    [{ max: { cpu: '1' } }, { limits: { cpu: '2' } }, 'maximum cpu usage per Container is 1, but limit is 2'],
    [
      { min: { memory: '1Mi' } },
      { requests: { memory: '1Ki' } },
      'minimum memory usage per Container is 1Mi, but request is 1Ki',
    ],
    [
      { maxLimitRequestRatio: { cpu: '2' } },
      { limits: { cpu: '3' }, requests: { cpu: '1' } },
      'cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
    ],
  ])('refuses containers beyond %j', async (bounds, resources, text) => {
    const path = await limited({ type: 'Container', ...bounds });
    const reply = await target.admin.post(`${path}/pods`, pod('a', {}, resources));
    expect([reply.code, reply.body.message]).toEqual([403, `pods "a" is forbidden: ${text}`]);
  });

  it('says all that is wrong with a pod', async () => {
    const path = await limited({ type: 'Pod', max: { cpu: '1', memory: '1Gi' } });
    const reply = await target.admin.post(`${path}/pods`, pod('a', {}, { limits: { cpu: '2' } }));
    expect(reply.body.message).toBe(
      'pods "a" is forbidden: [maximum cpu usage per Pod is 1, but limit is 2, maximum memory usage per Pod is 1Gi.  No limit is specified]',
    );
  });
});

describe('Priority', () => {
  it('gives every pod a number', async () => {
    const plain = await target.admin.made(`${target.core}/pods`, pod('plain'));
    expect(plain.spec).toMatchObject({ priority: 0, preemptionPolicy: 'PreemptLowerPriority' });
    const critical = await target.admin.made(
      `${target.core}/pods`,
      pod('critical', { priorityClassName: 'system-cluster-critical' }),
    );
    expect(critical.spec).toMatchObject({ priority: 2_000_000_000, preemptionPolicy: 'PreemptLowerPriority' });
  });

  it('knows no other classes than there are, and lets nobody say the number himself', async () => {
    const unknown = await target.admin.post(`${target.core}/pods`, pod('p', { priorityClassName: 'none-such' }));
    expect(unknown.body.message).toBe('pods "p" is forbidden: no PriorityClass with name none-such was found');
    const given = await target.admin.post(`${target.core}/pods`, pod('p', { priority: 7 }));
    expect(given.body.message).toBe(
      'pods "p" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name',
    );
  });

  it('has one class for everybody else at most', async () => {
    const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
    const name = `${target.namespace}-default`;
    await target.admin.made(classes, {
      metadata: { name },
      value: 5,
      globalDefault: true,
      preemptionPolicy: 'Never',
    });
    try {
      const made = await target.admin.made(`${target.core}/pods`, pod('defaulted'));
      expect(made.spec).toMatchObject({ priorityClassName: name, priority: 5, preemptionPolicy: 'Never' });
      const second = await target.admin.post(classes, {
        metadata: { name: `${name}-2` },
        value: 6,
        globalDefault: true,
      });
      expect([second.code, second.body.message]).toEqual([
        403,
        `priorityclasses.scheduling.k8s.io "${name}-2" is forbidden: PriorityClass ${name} is already marked as default. Only one default can exist`,
      ]);
    } finally {
      await target.admin.delete(`${classes}/${name}`);
    }
  });
});

describe('RuntimeClass', () => {
  const classes = '/apis/node.k8s.io/v1/runtimeclasses';

  it('adds its overhead and its nodes to a pod', async () => {
    const name = `${target.namespace}-vm`;
    await target.admin.made(classes, {
      metadata: { name },
      handler: 'vm',
      overhead: { podFixed: { memory: '120Mi', cpu: '250m' } },
      scheduling: { nodeSelector: { vm: 'yes' }, tolerations: [{ key: 'vm', operator: 'Exists' }] },
    });
    try {
      const made = await target.admin.made(
        `${target.core}/pods`,
        pod('in-vm', { runtimeClassName: name, nodeSelector: { a: 'b' } }),
      );
      expect(made.spec).toMatchObject({
        overhead: { memory: '120Mi', cpu: '250m' },
        nodeSelector: { a: 'b', vm: 'yes' },
      });
      expect(made.spec.tolerations).toContainEqual({ key: 'vm', operator: 'Exists' });
      const conflicting = await target.admin.post(
        `${target.core}/pods`,
        pod('p', { runtimeClassName: name, nodeSelector: { vm: 'no' } }),
      );
      expect(conflicting.body.message).toBe(
        'pods "p" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no',
      );
    } finally {
      await target.admin.delete(`${classes}/${name}`);
    }
  });

  it('must exist, and overhead is its affair alone', async () => {
    const unknown = await target.admin.post(`${target.core}/pods`, pod('p', { runtimeClassName: 'none-such' }));
    expect(unknown.body.message).toBe('pods "p" is forbidden: pod rejected: RuntimeClass "none-such" not found');
    const own = await target.admin.post(`${target.core}/pods`, pod('p', { overhead: { cpu: '1' } }));
    expect(own.body.message).toBe(
      'pods "p" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    );
  });
});

describe('a new node', () => {
  it('takes no pods before it is ready', async () => {
    const name = `${target.namespace}-node`;
    const made = await target.admin.made('/api/v1/nodes', { metadata: { name } });
    expect(made.spec.taints).toEqual([{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
    await target.admin.delete(`/api/v1/nodes/${name}`);
  });
});

describe('storage', () => {
  const classes = '/apis/storage.k8s.io/v1/storageclasses';
  const claim = (name: string, spec: object = {}) => ({
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  });

  it('comes from the default class when a claim names none', async () => {
    const name = `${target.namespace}-fast`;
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    await target.admin.made(classes, { metadata: { name, annotations }, provisioner: 'example.com/none' });
    try {
      const made = await target.admin.made(`${target.core}/persistentvolumeclaims`, claim('silent'));
      expect(made.spec.storageClassName).toBe(name);
      const none = await target.admin.made(
        `${target.core}/persistentvolumeclaims`,
        claim('none', { storageClassName: '' }),
      );
      expect(none.spec.storageClassName).toBe('');
    } finally {
      await target.admin.delete(`${classes}/${name}`);
    }
  });

  it('is kept from being deleted while it may be in use', async () => {
    const made = await target.admin.made(`${target.core}/persistentvolumeclaims`, claim('kept'));
    expect(made.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
  });

  it('is limited by the LimitRange of the namespace', async () => {
    const path = await limited({ type: 'PersistentVolumeClaim', max: { storage: '512Mi' } });
    const reply = await target.admin.post(`${path}/persistentvolumeclaims`, claim('large'));
    expect(reply.body.message).toBe(
      'persistentvolumeclaims "large" is forbidden: maximum storage usage per PersistentVolumeClaim is 512Mi, but request is 1Gi',
    );
  });

  it('does not grow where the class does not say that it can', async () => {
    const path = `${target.core}/persistentvolumeclaims`;
    const made = await target.admin.made(path, claim('small', { storageClassName: 'none-such' }));
    const bound = await target.admin.put(`${path}/small/status`, { ...made, status: { phase: 'Bound' } });
    expect(bound.code).toBe(200);
    const reply = await target.admin.merge(`${path}/small`, { spec: { resources: { requests: { storage: '2Gi' } } } });
    expect([reply.code, reply.body.message]).toEqual([
      403,
      'persistentvolumeclaims "small" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    ]);
  });
});

describe('an ingress that names no class', () => {
  it('gets the default one', async () => {
    const classes = '/apis/networking.k8s.io/v1/ingressclasses';
    const name = `${target.namespace}-web`;
    const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
    await target.admin.made(classes, { metadata: { name, annotations }, spec: { controller: 'example.com/none' } });
    try {
      const service = { name: 's', port: { number: 80 } };
      const ingresses = `/apis/networking.k8s.io/v1/namespaces/${target.namespace}/ingresses`;
      const made = await target.admin.made(ingresses, {
        metadata: { name: 'web' },
        spec: { defaultBackend: { service } },
      });
      expect(made.spec.ingressClassName).toBe(name);
    } finally {
      await target.admin.delete(`${classes}/${name}`);
    }
  });
});

describe('who names owners', () => {
  it('must be allowed to delete what he gives away, and to hold back what he names', async () => {
    const account = `system:serviceaccount:${target.namespace}:owner-test`;
    const roles = `/apis/rbac.authorization.k8s.io/v1/namespaces/${target.namespace}`;
    await target.admin.made(`${roles}/roles`, {
      metadata: { name: 'maker' },
      rules: [
        { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
        { apiGroups: [''], resources: ['secrets'], verbs: ['create', 'delete'] },
      ],
    });
    await target.admin.made(`${roles}/rolebindings`, {
      metadata: { name: 'maker' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'maker' },
      subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: account }],
    });
    const owner = await target.admin.made(`${target.core}/configmaps`, { metadata: { name: 'owner' } });
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid };
    const create = (resource: string, name: string, more: object) =>
      target.admin.request('POST', `${target.core}/${resource}`, {
        body: { metadata: { name, ownerReferences: [{ ...reference, ...more }] } },
        headers: { 'impersonate-user': account },
      });
    expect((await create('configmaps', 'given', {})).body.message).toBe(
      'configmaps "given" is forbidden: cannot set an ownerRef on a resource you can\'t delete: , <nil>',
    );
    expect((await create('secrets', 'given', {})).code).toBe(201);
    expect((await create('secrets', 'blocking', { blockOwnerDeletion: true })).body.message).toBe(
      'secrets "blocking" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can\'t set finalizers on: , <nil>',
    );
  });
});
