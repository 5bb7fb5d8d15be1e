import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '@slipway/api/types';
import { defaultProfile } from '../configuration/profile.ts';
import type { ClusterEvent } from '../queue/cluster-event.ts';
import { aNode, aPod, type PodTraits, SmallCluster } from '../testing/small-cluster.ts';

const host = 'kubernetes.io/hostname';
const only = (reason: string, count = 1) => `0/${count} nodes are available: ${count} ${reason}.`;
const inZone = (name: string, zone: string) => aNode(name, { labels: { zone } });

describe('taints', () => {
  const tainted = (effect: string, value = 'v') => [aNode('a', { spec: { taints: [{ key: 'k', value, effect }] } })];
  it.each([
    ['the same key and value', { key: 'k', value: 'v', effect: 'NoSchedule' }, true],
    ['another value', { key: 'k', value: 'w', effect: 'NoSchedule' }, false],
    ['another effect', { key: 'k', value: 'v', effect: 'NoExecute' }, false],
    ['any effect', { key: 'k', value: 'v' }, true],
    ['the key whatever its value', { key: 'k', operator: 'Exists' }, true],
    ['everything', { operator: 'Exists' }, true],
    ['a lower number', { key: 'k', operator: 'Gt', value: '5' }, false],
  ])('a toleration of %s', (_name, toleration, fits) => {
    const pod = aPod({ tolerations: [toleration] });
    expect(new SmallCluster(tainted('NoSchedule')).decide(pod)).toBe(
      fits ? 'a' : only('node(s) had untolerated taint(s)'),
    );
  });
  it('compares numbers', () => {
    const pod = aPod({ tolerations: [{ key: 'k', operator: 'Gt', value: '5' }] });
    expect(new SmallCluster(tainted('NoSchedule', '7')).decide(pod)).toBe('a');
    expect(new SmallCluster(tainted('NoSchedule', '5')).decide(pod)).toContain('untolerated');
  });
  it('that are only preferences keep nobody away', () => {
    expect(new SmallCluster(tainted('PreferNoSchedule')).decide(aPod())).toBe('a');
  });
});

describe('resources', () => {
  const asking = (requests: Record<string, string>, spec: PodTraits = {}) =>
    aPod({ containers: [{ name: 'c', image: 'x', resources: { requests } }], ...spec });
  const node = (allocatable: Record<string, string>) => new SmallCluster([aNode('a', { allocatable })]);

  it.each([
    ['cpu', { cpu: '3' }],
    ['memory', { memory: '5Gi' }],
    ['ephemeral-storage', { 'ephemeral-storage': '1Gi' }],
    ['example.com/gpu', { 'example.com/gpu': '1' }],
    ['hugepages-2Mi', { 'hugepages-2Mi': '2Mi' }],
  ])('are short: %s', (name, requests) => {
    expect(node({}).decide(asking(requests))).toBe(only(`Insufficient ${name}`));
  });
  it('may be all that there is', () => {
    const gpus = node({ 'example.com/gpu': '2' });
    const pod = () => asking({ 'example.com/gpu': '1', cpu: '1' });
    gpus.place(pod(), 'a');
    expect(gpus.decide(pod())).toBe('a');
    gpus.place(pod(), 'a');
    expect(gpus.decide(pod())).toBe('0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient example.com/gpu.');
  });
  it('are those of the pod as a whole where it says so, with its overhead', () => {
    const pod = asking({ cpu: '100m' }, { resources: { requests: { cpu: '1900m' } }, overhead: { cpu: '100m' } });
    expect(node({}).decide(pod)).toBe('a');
    expect(node({ cpu: '1999m' }).decide(pod)).toBe(only('Insufficient cpu'));
  });
  it('are the peak of init containers beside sidecars, or of what runs in the end', () => {
    const container = (name: string, cpu: string, restartPolicy?: string) => ({
      name,
      image: 'x',
      resources: { requests: { cpu } },
      ...(restartPolicy ? { restartPolicy } : {}),
    });
    const pod = aPod({
      containers: [container('a', '100m'), container('b', '200m')],
      initContainers: [container('side', '50m', 'Always'), container('init', '1')],
    });
    expect(node({ cpu: '1050m' }).decide(pod)).toBe('a');
    expect(node({ cpu: '1049m' }).decide(pod)).toBe(only('Insufficient cpu'));
  });
});

describe('node affinity by name', () => {
  const to = (...values: string[]) => {
    const matchFields = [{ key: 'metadata.name', operator: 'In', values }];
    const required = { nodeSelectorTerms: [{ matchFields }] };
    return aPod({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } });
  };
  const full = aNode('b', { allocatable: { pods: '0' } });
  const cluster = new SmallCluster([aNode('a'), full, aNode('c')]);

  it('looks at no other node', () => {
    expect(cluster.decide(to('c'))).toBe('c');
    expect(cluster.decide(to('b'))).toBe(
      "0/3 nodes are available: 1 Too many pods, 2 node(s) didn't satisfy plugin(s) [NodeAffinity].",
    );
    expect(cluster.decide(to('gone'))).toBe(only("node(s) didn't satisfy plugin(s) [NodeAffinity]", 3));
    expect(['a', 'c']).toContain(cluster.decide(to('a', 'b', 'c')));
  });
  it('may preempt there', () => {
    const small = new SmallCluster([aNode('a', { allocatable: { pods: '1' } }), aNode('b')]);
    small.place(aPod({ name: 'x' }), 'a');
    const pod = to('a');
    expect(small.victims({ ...pod, spec: { ...pod.spec, priority: 1 } })).toBe('a: x');
    expect(small.victims(pod)).toBe(
      'preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
    );
  });
});

describe('inter-pod affinity', () => {
  const near = (labelSelector: object, extra: object = {}): Pod['spec']['affinity'] => ({
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', labelSelector, ...extra }],
    },
  });
  const nodes = [inZone('a', 'x'), inZone('b', 'y')];
  const db = { matchLabels: { app: 'db' } };

  it('looks into the namespaces that are named, the own one by default', () => {
    const cluster = new SmallCluster(nodes, [[aPod({ namespace: 'other', labels: { app: 'db' } }), 'b']]);
    expect(cluster.decide(aPod({ affinity: near(db) }))).toBe(only("node(s) didn't match pod affinity rules", 2));
    expect(cluster.decide(aPod({ affinity: near(db, { namespaces: ['other'] }) }))).toBe('b');
  });
  it('looks into the namespaces that are selected, as their labels are now', () => {
    const cluster = new SmallCluster(nodes, [[aPod({ namespace: 'other', labels: { app: 'db' } }), 'b']]);
    const pod = aPod({ affinity: near(db, { namespaceSelector: { matchLabels: { team: 't' } } }) });
    expect(cluster.decide(pod)).toContain("didn't match pod affinity rules");
    const metadata = { name: 'other', labels: { team: 't' } };
    cluster.state.setNamespace({ apiVersion: 'v1', kind: 'Namespace', metadata, spec: {} }, 'other');
    expect(cluster.decide(pod)).toBe('b');
    expect(cluster.decide(aPod({ affinity: near(db, { namespaceSelector: {} }) }))).toBe('b');
  });
  it('takes the pod’s own values of matchLabelKeys and keeps off those of mismatchLabelKeys', () => {
    const labels = (version: string) => ({ app: 'db', version });
    const cluster = new SmallCluster(nodes, [
      [aPod({ labels: labels('1') }), 'a'],
      [aPod({ labels: labels('2') }), 'b'],
    ]);
    const pod = (keys: object) => aPod({ labels: labels('2'), affinity: near(db, keys) });
    expect(cluster.decide(pod({ matchLabelKeys: ['version'] }))).toBe('b');
    expect(cluster.decide(pod({ mismatchLabelKeys: ['version'] }))).toBe('a');
  });
  it('needs one pod that matches all terms', () => {
    const cluster = new SmallCluster(
      [inZone('a', 'x')],
      [
        [aPod({ labels: { app: 'db' } }), 'a'],
        [aPod({ labels: { tier: 'back' } }), 'a'],
      ],
    );
    const both = [db, { matchLabels: { tier: 'back' } }].map((labelSelector) => ({
      topologyKey: 'zone',
      labelSelector,
    }));
    const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: both } };
    expect(cluster.decide(aPod({ affinity }))).toContain("didn't match pod affinity rules");
    cluster.place(aPod({ labels: { app: 'db', tier: 'back' } }), 'a');
    expect(cluster.decide(aPod({ affinity }))).toBe('a');
  });
});

describe('topology spread', () => {
  const w = { labels: { app: 'w' } };
  const spreading = (extra: object = {}, traits: PodTraits = {}) =>
    aPod({
      ...w,
      ...traits,
      topologySpreadConstraints: [
        {
          topologyKey: 'zone',
          maxSkew: 1,
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { app: 'w' } },
          ...extra,
        },
      ],
    });
  const skewed = (count: number) => only("node(s) didn't match pod topology spread constraints", count);

  it('wants so many domains', () => {
    const cluster = new SmallCluster([inZone('a', 'x')], [[aPod(w), 'a']]);
    expect(cluster.decide(spreading())).toBe('a');
    expect(cluster.decide(spreading({ minDomains: 2 }))).toBe(skewed(1));
  });
  it('does not count nodes that the pod does not want, unless it is told to', () => {
    const nodes = [aNode('a', { labels: { zone: 'x', disk: 'ssd' } }), inZone('b', 'y')];
    const cluster = new SmallCluster(nodes, [[aPod(w), 'a']]);
    const wants = { nodeSelector: { disk: 'ssd' } };
    expect(cluster.decide(spreading({}, wants))).toBe('a');
    expect(cluster.decide(spreading({ nodeAffinityPolicy: 'Ignore' }, wants))).toContain('topology spread constraints');
  });
  it('counts tainted nodes, unless it is told not to', () => {
    const nodes = [
      inZone('a', 'x'),
      aNode('b', { labels: { zone: 'y' }, spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }),
    ];
    const cluster = new SmallCluster(nodes, [[aPod(w), 'a']]);
    expect(cluster.decide(spreading())).toContain('topology spread constraints');
    expect(cluster.decide(spreading({ nodeTaintsPolicy: 'Honor' }))).toBe('a');
  });
  it('counts only pods with the pod’s own values of matchLabelKeys', () => {
    const version = (value: string) => ({ labels: { app: 'w', version: value } });
    const full = aNode('b', { labels: { zone: 'y' }, allocatable: { pods: '0' } });
    const cluster = new SmallCluster([inZone('a', 'x'), full], [[aPod(version('1')), 'a']]);
    expect(cluster.decide(spreading({}, version('2')))).toContain('topology spread constraints');
    expect(cluster.decide(spreading({ matchLabelKeys: ['version'] }, version('2')))).toBe('a');
  });
  it('counts neither pods on their way out nor those of other namespaces', () => {
    const full = aNode('b', { labels: { zone: 'y' }, allocatable: { pods: '0' } });
    const cluster = new SmallCluster(
      [inZone('a', 'x'), full],
      [
        [aPod({ ...w, terminating: true }), 'a'],
        [aPod({ ...w, namespace: 'other' }), 'a'],
      ],
    );
    expect(cluster.decide(spreading())).toBe('a');
  });
  it('says where the label is missing', () => {
    expect(new SmallCluster([aNode('a')]).decide(spreading())).toBe(
      only("node(s) didn't match pod topology spread constraints (missing required label)"),
    );
  });
});

describe('claims', () => {
  const pod = aPod({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] });
  const ephemeral = aPod({ name: 'e', volumes: [{ name: 'v', ephemeral: {} }] });
  const claim = (extra: object): PersistentVolumeClaim =>
    ({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data' },
      ...extra,
    }) as PersistentVolumeClaim;
  const bound = claim({ spec: { volumeName: 'pv' }, status: { phase: 'Bound' } });
  const volume = (zone?: string) =>
    ({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'pv' },
      spec: zone
        ? {
            nodeAffinity: {
              required: {
                nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] }],
              },
            },
          }
        : {},
    }) as PersistentVolume;
  const decide = (
    which: Pod,
    data?: PersistentVolumeClaim,
    pv?: PersistentVolume,
    storageClass?: Partial<StorageClass>,
  ) =>
    new SmallCluster([inZone('a', 'x'), inZone('b', 'y')], [], {
      volumes: { claim: () => data, volume: () => pv, storageClass: () => storageClass as StorageClass | undefined },
    }).decide(which);
  const all = (reason: string) => `0/2 nodes are available: ${reason}.`;

  it.each([
    ['is missing', pod, undefined, 'persistentvolumeclaim "data" not found'],
    [
      'is yet to be made',
      ephemeral,
      undefined,
      'waiting for ephemeral volume controller to create the persistentvolumeclaim "e-v"',
    ],
    [
      'is going',
      pod,
      claim({ metadata: { name: 'data', deletionTimestamp: 'x' } }),
      'persistentvolumeclaim "data" is being deleted',
    ],
    [
      'lost its volume',
      pod,
      claim({ spec: { volumeName: 'pv' }, status: { phase: 'Lost' } }),
      'persistentvolumeclaim "data" bound to non-existent persistentvolume "pv"',
    ],
    ['is not bound', pod, claim({ spec: {} }), 'pod has unbound immediate PersistentVolumeClaims'],
  ] as const)('one that %s', (_name, which, data, reason) => {
    expect(decide(which, data)).toBe(all(reason));
  });
  it('one that waits for its first consumer', () => {
    expect(
      decide(pod, claim({ spec: { storageClassName: 's' } }), undefined, { volumeBindingMode: 'WaitForFirstConsumer' }),
    ).toBe(all("2 node(s) didn't find available persistent volumes to bind"));
  });
  it('one whose volume is within reach of some nodes', () => {
    expect(decide(pod, bound, volume('y'))).toBe('b');
    expect(decide(pod, bound, volume('z'))).toBe(all("2 node(s) didn't match PersistentVolume's node affinity"));
    expect(['a', 'b']).toContain(decide(pod, bound, volume()));
    expect(decide(pod, bound)).toBe(all('2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'));
  });
});

describe('what may help', () => {
  const db = { topologyKey: host, labelSelector: { matchLabels: { app: 'db' } } };
  const required = { requiredDuringSchedulingIgnoredDuringExecution: [db] };
  const spread = {
    topologyKey: 'zone',
    maxSkew: 1,
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: db.labelSelector,
  };
  const ported = { containers: [{ name: 'c', image: 'x', ports: [{ containerPort: 1, hostPort: 1 }] }] };
  const traits = { labels: false, taints: false, unschedulable: false, allocatable: false, images: false };
  type Happening = (cluster: SmallCluster) => ClusterEvent;
  const nodeOf = (cluster: SmallCluster) =>
    cluster.state.node('a') ?? cluster.state.placePod(cluster.reader.placed(aPod()), 'a');
  const added: Happening = (cluster) => ({ kind: 'nodeAdded', node: nodeOf(cluster) });
  const changed =
    (what: Partial<typeof traits>): Happening =>
    (cluster) => ({ kind: 'nodeChanged', node: nodeOf(cluster), changes: { ...traits, ...what } });
  const removed =
    (pod: PodTraits): Happening =>
    (cluster) => ({ kind: 'podRemoved', node: nodeOf(cluster), pod: cluster.reader.placed(aPod(pod)) });
  const placed =
    (pod: PodTraits): Happening =>
    (cluster) => ({ kind: 'podPlaced', node: nodeOf(cluster), pod: cluster.reader.placed(aPod(pod)) });
  const tainted = aNode('a', { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }], unschedulable: true } });
  const plain = aNode('a', { labels: { zone: 'x' } });
  const claim = aPod({ volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] });

  it.each<[string, string, ReturnType<typeof aNode>, Pod, Happening, boolean]>([
    ['NodeUnschedulable', 'a node', plain, aPod(), added, true],
    ['NodeUnschedulable', 'a cordoned node', tainted, aPod(), added, false],
    ['NodeUnschedulable', 'another change', plain, aPod(), changed({ labels: true }), false],
    ['TaintToleration', 'taints that went', plain, aPod(), changed({ taints: true }), true],
    ['TaintToleration', 'taints that stay', tainted, aPod(), changed({ taints: true }), false],
    ['NodeAffinity', 'wanted labels', plain, aPod({ nodeSelector: { zone: 'x' } }), changed({ labels: true }), true],
    ['NodeAffinity', 'other labels', plain, aPod({ nodeSelector: { zone: 'y' } }), changed({ labels: true }), false],
    ['NodePorts', 'a free port', plain, aPod(ported), removed(ported), true],
    ['NodePorts', 'a label', plain, aPod(ported), changed({ labels: true }), false],
    ['NodeResourcesFit', 'room', plain, aPod(), removed({}), true],
    ['NodeResourcesFit', 'too little room', plain, aPod({ cpu: '3' }), removed({}), false],
    ['NodeResourcesFit', 'a larger node', plain, aPod(), changed({ allocatable: true }), true],
    ['NodeResourcesFit', 'another pod', plain, aPod(), placed({}), false],
    [
      'PodTopologySpread',
      'a counted pod that went',
      plain,
      aPod({ topologySpreadConstraints: [spread] }),
      removed({ labels: { app: 'db' } }),
      true,
    ],
    [
      'PodTopologySpread',
      'a counted pod that came',
      plain,
      aPod({ topologySpreadConstraints: [spread] }),
      placed({ labels: { app: 'db' } }),
      true,
    ],
    [
      'PodTopologySpread',
      'any other pod',
      plain,
      aPod({ topologySpreadConstraints: [spread] }),
      removed({ labels: { app: 'x' } }),
      false,
    ],
    ['PodTopologySpread', 'a node of a domain', plain, aPod({ topologySpreadConstraints: [spread] }), added, true],
    [
      'InterPodAffinity',
      'a pod that is liked',
      plain,
      aPod({ affinity: { podAffinity: required } }),
      placed({ labels: { app: 'db' } }),
      true,
    ],
    ['InterPodAffinity', 'any other pod', plain, aPod({ affinity: { podAffinity: required } }), placed({}), false],
    [
      'InterPodAffinity',
      'a pod that was in the way',
      plain,
      aPod({ affinity: { podAntiAffinity: required } }),
      removed({ labels: { app: 'db' } }),
      true,
    ],
    [
      'InterPodAffinity',
      'a pod that kept it away',
      plain,
      aPod({ labels: { app: 'db' } }),
      removed({ affinity: { podAntiAffinity: required } }),
      true,
    ],
    ['InterPodAffinity', 'a pod that did neither', plain, aPod({ labels: { app: 'db' } }), removed({}), false],
    [
      'VolumeBinding',
      'its claim',
      plain,
      claim,
      () => ({ kind: 'claimChanged', namespace: 'default', name: 'c' }),
      true,
    ],
    [
      'VolumeBinding',
      'another claim',
      plain,
      claim,
      () => ({ kind: 'claimChanged', namespace: 'default', name: 'd' }),
      false,
    ],
    ['VolumeBinding', 'a class', plain, claim, () => ({ kind: 'storageClassChanged', name: 's' }), true],
  ])('%s: %s', (name, _what, node, pod, happening, helps) => {
    const cluster = new SmallCluster([node]);
    const filter = defaultProfile.filters.find((each) => each.name === name);
    expect(filter?.mayHelp(cluster.pending(pod), happening(cluster), cluster.state, defaultProfile.args)).toBe(helps);
  });
});
