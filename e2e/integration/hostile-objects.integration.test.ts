/**
 * Objects that cannot work, and others who work against the controllers. What is wrong is said, the load stays bounded, and whoever
 * has nothing to do with it is served meanwhile.
 *
 * Everything lives on virtual time: an hour of trying again passes in a moment, and what is bounded is a number of requests.
 */
import type { Deployment, KubeObject, Pod, ReplicaSet } from '@slipway/api/types';
import { type Kind, kinds } from '@slipway/client/kinds';
import { systemClock } from '@slipway/kit/clock';
import { VirtualClock } from '@slipway/kit/virtual-clock';
import { startWebhookServer } from '../conformance/webhook-server.ts';
import { addNodes, type ControlPlane, startControlPlane } from './control-plane.ts';
import { RequestCounts } from './counting-transport.ts';
import { startScriptedAgent } from './scripted-agent.ts';

const hourMs = 3_600_000;
const patienceMs = 20_000;
/** What is tried again after 5 ms, 10 ms, 20 ms, ... up to 5 minutes is tried so often in an hour. */
const triesPerHour = 17 + 12;

const { deployments, replicaSets, pods, configMaps } = kinds;

describe('objects that cannot work', () => {
  const clock = new VirtualClock(systemClock.nowMs());
  const counts = new RequestCounts();
  let plane: ControlPlane;
  let stopAgent: () => Promise<void>;
  /** Reasons for which the agents refuse pods of an image. */
  const refusals = new Map<string, string>();

  beforeAll(async () => {
    plane = await startControlPlane({
      clock,
      through: (plain) => counts.through(plain),
      // Nobody renews leases here.
      controllers: ['*', '-node-lifecycle', '-taint-eviction', '-pod-gc'],
    });
    stopAgent = startScriptedAgent(
      plane,
      () => false,
      ({ spec }) => refusals.get(spec.containers[0]?.image ?? ''),
    );
    await addNodes(plane, ['n0', 'n1']);
    // What a node is admitted with, and its lifecycle would take away.
    for (const name of ['n0', 'n1']) {
      await plane.client.patch(kinds.nodes, { name }, { spec: { taints: null } }, { signal: plane.signal });
    }
  });

  afterEach(async () => {
    for (const { metadata } of plane.manager.caches.list(kinds.namespaces)) {
      const { name = '', deletionTimestamp } = metadata;
      if (!name.startsWith('hostile') || deletionTimestamp) continue;
      await plane.client.delete(kinds.namespaces, { name }, { signal: plane.signal });
    }
    await until('all is tidied away', () => plane.manager.caches.list(pods).length === 0);
  });

  afterAll(async () => {
    await stopAgent();
    await plane.stop();
  });

  /** Lets requests be answered, and no time pass but what short waits need. */
  async function until(what: string, holds: () => boolean, stepMs = 10): Promise<void> {
    const endMs = systemClock.monotonicMs() + patienceMs;
    while (!holds()) {
      if (systemClock.monotonicMs() > endMs) throw new Error(`it did not come about: ${what}; ${counts}`);
      await clock.advance(stepMs);
    }
  }

  /** Lets time go by; at each timer, what it began ends before time goes on. */
  async function pass(ms: number): Promise<void> {
    const endMs = clock.nowMs() + ms;
    for (;;) {
      await until('the controllers rest', () => plane.manager.isIdle, 0);
      const next = clock.nextTimerMs();
      if (next === undefined || next > endMs) break;
      await clock.advance(Math.max(0, next - clock.nowMs()));
    }
    await clock.advance(Math.max(0, endMs - clock.nowMs()));
  }

  let counter = 0;
  async function aNamespace(labels: Record<string, string> = {}): Promise<string> {
    const name = `hostile-${++counter}`;
    await create(kinds.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels }, spec: {} });
    await until('the account', () => plane.manager.caches.get(kinds.serviceAccounts, `${name}/default`) !== undefined);
    return name;
  }
  const create = <T extends KubeObject>(kind: Kind<T>, object: T) =>
    plane.client.create(kind, object, { signal: plane.signal });
  const web = (namespace: string, replicas: number, image = 'web:1', more: object = {}): Deployment => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name: 'web' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }], ...more } },
    },
  });
  const condition = (namespace: string, type: string) =>
    plane.manager.caches.get(deployments, `${namespace}/web`)?.status?.conditions?.find((each) => each.type === type);
  const eventsOf = async (namespace: string, reason: string) => {
    const { items } = await plane.client.list(kinds.events, { namespace, signal: plane.signal });
    return items.filter((event) => event.reason === reason);
  };
  const podsIn = (namespace: string) => plane.manager.caches.inNamespace(pods, namespace);
  const readyIn = (namespace: string) =>
    podsIn(namespace).filter(({ status }) => status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'))
      .length;

  /** Somebody else's deployment is served while all this goes on. */
  async function neighbourIsServed(): Promise<void> {
    const namespace = await aNamespace();
    await create(deployments, web(namespace, 3));
    await until(
      'the neighbour is served',
      () => condition(namespace, 'Progressing')?.reason === 'NewReplicaSetAvailable',
    );
    expect(readyIn(namespace)).toBe(3);
  }

  /** An hour of a deployment whose pods cannot be made. */
  async function hourOfRefusal(namespace: string, message: RegExp): Promise<void> {
    await until('the deployment says so', () => message.test(condition(namespace, 'ReplicaFailure')?.message ?? ''));
    expect(condition(namespace, 'ReplicaFailure')).toMatchObject({ status: 'True', reason: 'FailedCreate' });
    counts.reset();
    await pass(hourMs);
    expect(counts.of('create pods')).toBeLessThanOrEqual(triesPerHour);
    expect(counts.total).toBeLessThanOrEqual(10 * triesPerHour);
    const [event] = await eventsOf(namespace, 'FailedCreate');
    expect(event?.message).toMatch(message);
    expect(condition(namespace, 'Progressing')).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' });
    await neighbourIsServed();
  }

  it('a quota forbids the next replica', async () => {
    const namespace = await aNamespace();
    const quota = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { namespace, name: 'few' },
      spec: { hard: { pods: '2' } },
    };
    await create(kinds.resourceQuotas, quota);
    await until(
      'the quota is counted',
      () => plane.manager.caches.get(kinds.resourceQuotas, `${namespace}/few`)?.status?.hard !== undefined,
    );
    await create(deployments, web(namespace, 4));
    await hourOfRefusal(namespace, /exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2/);
    expect(readyIn(namespace)).toBe(2);
    const more = { spec: { hard: { pods: '9' } } };
    await plane.client.patch(kinds.resourceQuotas, { namespace, name: 'few' }, more, { signal: plane.signal });
    await pass(hourMs / 12);
    await until('the rest is made', () => readyIn(namespace) === 4);
    await until('and nothing is wrong any more', () => condition(namespace, 'ReplicaFailure') === undefined);
  });

  it('a template can never be valid', async () => {
    const namespace = await aNamespace();
    await create(deployments, web(namespace, 3, 'web:1', { serviceAccountName: 'nobody' }));
    await hourOfRefusal(namespace, /error looking up service account .*nobody/);
  });

  it('a webhook rejects every pod', async () => {
    const webhook = await startWebhookServer([]);
    webhook.on('no', () => ({ allowed: false, status: { message: 'no pods on Fridays' } }));
    const namespace = await aNamespace({ refused: 'yes' });
    const configurations: Kind = {
      group: 'admissionregistration.k8s.io',
      version: 'v1',
      resource: 'validatingwebhookconfigurations',
      kind: 'ValidatingWebhookConfiguration',
      namespaced: false,
    };
    await create(configurations, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'no-pods' },
      webhooks: [
        {
          name: 'no.example.com',
          clientConfig: webhook.clientConfig('no'),
          rules: [{ operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] }],
          namespaceSelector: { matchLabels: { refused: 'yes' } },
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    } as KubeObject);
    try {
      await create(deployments, web(namespace, 3));
      await hourOfRefusal(namespace, /admission webhook "no.example.com" denied the request: no pods on Fridays/);
      expect(webhook.seen('no').length).toBeLessThanOrEqual(triesPerHour * 2);
    } finally {
      await plane.client.delete(configurations, { name: 'no-pods' }, { signal: plane.signal });
      await webhook.close();
    }
  });

  it('a node lies about its capacity', async () => {
    const namespace = await aNamespace();
    refusals.set('huge', 'OutOfcpu');
    await create(deployments, web(namespace, 2, 'huge'));
    await until('the first are refused', () => podsIn(namespace).some(({ status }) => status?.reason === 'OutOfcpu'));
    counts.reset();
    await pass(hourMs / 3);
    // Two at a time, each time after a longer rest, and not one after the other for twenty minutes.
    expect(counts.of('create pods')).toBeGreaterThan(2);
    expect(counts.of('create pods')).toBeLessThanOrEqual(2 * 30);
    expect(condition(namespace, 'Available')).toMatchObject({ status: 'False', reason: 'MinimumReplicasUnavailable' });
    expect(podsIn(namespace)[0]?.status).toMatchObject({ phase: 'Failed', message: 'Pod was rejected: OutOfcpu' });
    await neighbourIsServed();
    refusals.delete('huge');
    await pass(hourMs / 12);
    await until('they run when the node does what it says', () => readyIn(namespace) === 2);
  });

  it('two owners select the same pods', async () => {
    const namespace = await aNamespace();
    const set = (name: string, replicas: number): ReplicaSet => ({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { namespace, name },
      spec: { ...web(namespace, replicas).spec, replicas },
    });
    await create(pods, { ...podOf(namespace), metadata: { namespace, name: 'orphan', labels: { app: 'web' } } });
    await create(replicaSets, set('one', 2));
    await create(replicaSets, set('two', 3));
    const owned = (name: string) =>
      podsIn(namespace).filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === name).length;
    await until('each has its own', () => owned('one') === 2 && owned('two') === 3);
    counts.reset();
    await pass(hourMs);
    expect([owned('one'), owned('two')]).toEqual([2, 3]);
    expect(counts.of('create pods') + counts.of('delete pods') + counts.of('patch pods')).toBe(0);
    await neighbourIsServed();
  });

  it('somebody fights a controller over an object', async () => {
    const namespace = await aNamespace();
    await create(deployments, web(namespace, 2));
    await until('it is there', () => readyIn(namespace) === 2);
    const rounds = 30;
    let blows = 0;
    const { client, signal } = plane;
    const fight = plane.manager.caches.of(replicaSets).subscribe((changes) => {
      for (const { after } of changes) {
        const { name = '', namespace: where } = after?.metadata ?? {};
        if (where !== namespace || after?.spec.replicas !== 2 || blows >= rounds) continue;
        blows++;
        void client.patch(replicaSets, { namespace, name }, { spec: { replicas: 5 } }, { signal });
      }
    });
    counts.reset();
    const [first] = plane.manager.caches.inNamespace(replicaSets, namespace);
    await client.patch(
      replicaSets,
      { namespace, name: first?.metadata.name ?? '' },
      { spec: { replicas: 5 } },
      { signal },
    );
    await neighbourIsServed();
    await until('the other gives up', () => blows === rounds);
    await until(
      'it is as it should be',
      () => plane.manager.caches.inNamespace(replicaSets, namespace)[0]?.spec.replicas === 2,
    );
    fight();
    // One answer to each blow, and no more.
    expect(counts.of('patch replicasets')).toBeLessThanOrEqual(rounds + 20);
  });

  it.each(['Background', 'Foreground', 'Orphan'] as const)(
    'owners in a circle are deleted (%s)',
    async (propagationPolicy) => {
      const namespace = await aNamespace();
      const names = ['a', 'b', 'c'];
      const made = new Map<string, KubeObject>();
      for (const name of [...names, 'self']) {
        made.set(
          name,
          await create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name } }),
        );
      }
      const own = async (child: string, owner: string) => {
        const { uid = '' } = made.get(owner)?.metadata ?? {};
        const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: owner, uid, blockOwnerDeletion: true }];
        await plane.client.patch(
          configMaps,
          { namespace, name: child },
          { metadata: { ownerReferences } },
          { signal: plane.signal },
        );
      };
      for (const [i, name] of names.entries()) await own(name, names[(i + 1) % names.length] ?? '');
      await own('self', 'self');
      counts.reset();
      for (const name of ['a', 'self']) {
        await plane.client.delete(configMaps, { namespace, name }, { signal: plane.signal, propagationPolicy });
      }
      const left = () => plane.manager.caches.inNamespace(configMaps, namespace).map(({ metadata }) => metadata.name);
      const remaining = propagationPolicy === 'Orphan' ? ['b', 'c', 'kube-root-ca.crt'] : ['kube-root-ca.crt'];
      await until('the circle is gone', () => left().toSorted().join() === remaining.join());
      await pass(hourMs);
      const asked = ['get configmaps', 'patch configmaps', 'delete configmaps'].map((name) => counts.of(name));
      expect(asked.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(20);
      await neighbourIsServed();
    },
  );
});

function podOf(namespace: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: 'pod' },
    spec: { containers: [{ name: 'web', image: 'web:1' }] },
  };
}
