/**
 * Network policies of one node: 1,000 policies and 10,000 pods (or as many as the arguments say), a hundred of the pods on this node, each
 * under ten policies. First synchronisation, then single changes down to the kernel, what a restart reads back, and memory. All
 * in a network namespace of its own; needs root.
 */
import type { KubeObject, Namespace, NetworkPolicy, Pod } from '@slipway/api/types';
import { ObjectCache } from '@slipway/client/cache';
import { createTestNetwork } from '@slipway/cni/testing';
import { NetworkPolicies } from '@slipway/kubelet-agent';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { createLogger } from '@slipway/kit/logger';

const policyCount = Number(process.argv[2] ?? 1_000);
const podCount = Number(process.argv[3] ?? 10_000);
const rounds = 20;
const namespaceCount = 100;
const appsPerNamespace = 10;

type Feed = (objects: readonly KubeObject[], gone?: boolean) => void;

const namespaces = Array.from({ length: namespaceCount }, (_, i): Namespace => {
  const name = `ns-${i}`;
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: { team: `t${i % 10}`, env: 'x' } },
    spec: {},
  };
});

function aPod(i: number): Pod {
  const namespace = `ns-${i % namespaceCount}`;
  const app = `app-${Math.floor(i / namespaceCount) % appsPerNamespace}`;
  const ip = `10.${64 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${app}-5f97f99c95-${i}`,
      namespace,
      uid: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
      resourceVersion: '1',
      labels: { app, 'pod-template-hash': '5f97f99c95', tier: i % 2 ? 'front' : 'back' },
      annotations: { note: 'x'.repeat(200) },
    },
    spec: {
      nodeName: `node-${i % 250}`,
      containers: [
        {
          name: 'c',
          image: 'registry.local/app:1',
          env: Array.from({ length: 10 }, (_, n) => ({ name: `VARIABLE_${n}`, value: `value ${i} ${n}` })),
          ports: [{ name: 'http', containerPort: 8080 }],
        },
      ],
    },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }] },
  };
}

function aPolicy(i: number): NetworkPolicy {
  const rank = Math.floor(i / namespaceCount);
  const app = (n: number) => ({ matchLabels: { app: `app-${n % appsPerNamespace}` } });
  const from = [
    { podSelector: app(rank) },
    { podSelector: app(rank + 1), namespaceSelector: { matchLabels: { team: `t${i % 10}` } } },
    { ipBlock: { cidr: '192.0.2.0/24', except: [`192.0.2.${i % 250}/32`] } },
  ];
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: `policy-${i}`, namespace: `ns-${i % namespaceCount}`, resourceVersion: '1' },
    spec: {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          from,
          ports: [
            { port: 'http', protocol: 'TCP' },
            { port: 9000, endPort: 9100, protocol: 'TCP' },
          ],
        },
      ],
      egress: [{ to: from.slice(0, 1), ports: [{ port: 53, protocol: 'UDP' }] }],
    },
  };
}

function heapMib(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

function median(values: readonly number[]): string {
  return (values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0).toFixed(1);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

const network = await createTestNetwork();
try {
  await network.host.nft('add table inet warm\n', { signal: neverAborted });
  const heapBefore = heapMib();
  const pods = new ObjectCache<Pod>();
  const networkPolicies = new ObjectCache<NetworkPolicy>();
  const localPods = Array.from({ length: 100 }, (_, i) => aPod(i));
  const feeds = new Map<string, Feed>();
  const create = () =>
    new NetworkPolicies(
      {
        host: network.host,
        clock: systemClock,
        log: createLogger('warn'),
        pods,
        networkPolicies,
        watch: ({ kind, cache, project }) => {
          const take = (objects: readonly KubeObject[]) =>
            objects.map((each) => project?.(each as never) ?? each) as never[];
          const all = kind.kind === 'Pod' ? everyPod() : namespaces;
          cache.replace(take(all), 1n);
          feeds.set(kind.kind, (objects, gone = false) =>
            cache.apply(
              take(objects).map((object) => ({ object, gone })),
              2n,
            ),
          );
          return async () => {};
        },
      },
      { clusterId: 'bench' },
    );
  let everyPod = () => Array.from({ length: podCount }, (_, i) => JSON.parse(JSON.stringify(aPod(i))) as Pod);
  let policies = create();
  policies.follow();
  const first = await timed(async () => {
    networkPolicies.replace(
      Array.from({ length: policyCount }, (_, i) => aPolicy(i)),
      1n,
    );
    pods.replace(localPods, 1n);
    await policies.apply(neverAborted);
  });
  const heapAfter = heapMib();
  const listing = await network.run(network.hostNetns, 'nft', 'list', 'table', 'inet', 'slipway-bench-policy');
  console.log(`policies ${policyCount}, pods ${podCount}: ${listing.split('\n').length} lines of rules`);
  console.log(
    `first synchronisation ${first.toFixed(0)} ms; grown by ${(heapAfter - heapBefore).toFixed(0)} MiB of heap`,
  );

  const feedPods = feeds.get('Pod');
  const moved: number[] = [];
  const relabelled: number[] = [];
  const gone: number[] = [];
  const empty: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const pod = aPod(500 + i);
    const newIp = `10.200.0.${i + 1}`;
    empty.push(await timed(() => network.host.nft('add table inet warm\n', { signal: neverAborted })));
    moved.push(
      await timed(async () => {
        feedPods?.([{ ...pod, status: { phase: 'Running', podIP: newIp, podIPs: [{ ip: newIp }] } } as Pod]);
        await policies.apply(neverAborted);
      }),
    ); // prettier-ignore
    relabelled.push(
      await timed(async () => {
        feedPods?.([{ ...pod, metadata: { ...pod.metadata, labels: { app: 'app-1', round: String(i) } } }]);
        await policies.apply(neverAborted);
      }),
    ); // prettier-ignore
    gone.push(
      await timed(async () => {
        feedPods?.([pod], true);
        await policies.apply(neverAborted);
      }),
    ); // prettier-ignore
  }
  console.log(
    `one pod to the kernel (median of ${rounds}): another address ${median(moved)} ms, other labels ${median(relabelled)} ms, gone ${median(gone)} ms`,
  );
  console.log(`  of that an nft process that does nothing: ${median(empty)} ms`);

  const changed: number[] = [];
  const local: number[] = [];
  for (let i = 0; i < rounds; i++) {
    changed.push(
      await timed(async () => {
        networkPolicies.apply([{ object: aPolicy(i + 1_000_000 + (i % 2)), gone: false }], BigInt(i + 2));
        await policies.apply(neverAborted);
      }),
    ); // prettier-ignore
    local.push(
      await timed(async () => {
        const pod = localPods[i] as Pod;
        const object = { ...pod, metadata: { ...pod.metadata, labels: { app: `new-${i}` } } };
        pods.apply([{ object, gone: false }], BigInt(i + 2));
        await policies.apply(neverAborted);
      }),
    ); // prettier-ignore
  }
  console.log(`one policy more: ${median(changed)} ms; a pod of this node relabelled: ${median(local)} ms`);

  const known = everyPod();
  everyPod = () => known;
  const restarted = await timed(async () => {
    policies = create();
    policies.follow();
    await policies.apply(neverAborted);
  });
  console.log(`restart: ${restarted.toFixed(0)} ms until what the kernel has is compared`);
} finally {
  await network.remove();
}
