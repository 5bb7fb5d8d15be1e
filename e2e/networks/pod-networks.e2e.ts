/** A user's LAN, as pods see it and as somebody on it sees the pods. */
import type { Network } from '@slipway/api/networks/network-types';
import type { Pod } from '@slipway/api/types';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { eventually } from '../harness/eventually.ts';
import { containerNeeds } from '../harness/images.ts';
import { NodeCluster } from '../harness/nodes/node-cluster.ts';

const networksKey = 'k8s.v1.cni.cncf.io/networks';
const image = 'localhost/web:1';

const office = `
apiVersion: networks.slipway.dev/v1
kind: Network
metadata: {name: office}
spec:
  driver: macvlan
  options: {parent: eth0}
  subnets:
    - subnet: 192.168.100.0/24
      range: 192.168.100.128/25
      gateway: 192.168.100.1
---
apiVersion: networks.slipway.dev/v1
kind: Network
metadata: {name: backend}
spec: {driver: bridge}
`;

const databases = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: db}}
  template:
    metadata:
      labels: {app: db}
      annotations:
        ${networksKey}: office,backend@data0
        slipway.dev/addresses: office=192.168.100.40-192.168.100.49
    spec:
      terminationGracePeriodSeconds: 0
      topologySpreadConstraints:
        - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: db}}}
      containers:
        - {name: main, image: '${image}', command: [sh, -c, 'exec sleep 1d']}
`;

interface Told {
  readonly name: string;
  readonly interface: string;
  readonly ips: readonly string[];
  readonly default: boolean;
}

describeWith(missingCapability(containerNeeds), 'pods on a LAN', () => {
  let cluster: NodeCluster;

  beforeAll(async () => {
    cluster = await NodeCluster.start({ nodes: 2 });
    await cluster.loadExampleImage(image);
    await cluster.apply(office);
  });
  afterAll(() => cluster?.remove());

  const told = async (pod: string): Promise<readonly Told[]> => {
    const { metadata } = await cluster.get<Pod>('pod', pod);
    return JSON.parse(metadata.annotations?.['k8s.v1.cni.cncf.io/network-status'] ?? '[]') as Told[];
  };
  const fromLan = (address: string) => cluster.lan.router.exec('busybox', 'ping', '-c1', '-W2', address);
  const rolledOut = () => cluster.kubectl(['rollout', 'status', 'statefulset/db', '--timeout=40s']);

  it('is a Network that kubectl shows', async () => {
    await cluster.kubectl(['wait', 'network/office', 'network/backend', '--for=condition=Ready', '--timeout=10s']);
    const table = await cluster.kubectl(['get', 'networks']);
    expect(table).toMatch(/^office +macvlan +192\.168\.100\.0\/24 +True +Ready/m);
    expect(table).toMatch(/^backend +bridge +10\.128\.0\.0\/20 +True/m);
    expect(await cluster.kubectl(['explain', 'network.spec.subnets.range'])).toContain('nodes give out by themselves');
  });

  it('gives pods of a set the addresses of their numbers, on whatever node they are, and a neighbour sees them', async () => {
    await cluster.apply(databases);
    await rolledOut();
    for (const i of [0, 1]) {
      const status = await told(`db-${i}`);
      expect(status.map((each) => [each.name, each.interface, each.default])).toEqual([
        ['default', 'eth0', true],
        ['office', 'net1', false],
        ['backend', 'data0', false],
      ]);
      expect(status[1]?.ips).toEqual([`192.168.100.4${i}`]);
      await fromLan(`192.168.100.4${i}`);
    }
    await cluster.kubectl(['exec', 'db-0', '--', 'ping', '-c1', '-W2', '192.168.100.41']);
    await cluster.kubectl(['exec', 'db-0', '--', 'ping', '-c1', '-W2', '192.168.100.1']);
    expect(await cluster.kubectl(['get', 'networkaddresses'])).toMatch(
      /office +192\.168\.100\.40 +default +db-0 +node-/,
    );
    expect(await cluster.kubectl(['get', 'networksubnets'])).toMatch(/backend +10\.128\.\d+\.\d+\/26 +node-1/);
  });

  it('gives the address to the pod that comes in place of one that is gone', async () => {
    const { metadata, spec } = await cluster.get<Pod>('pod', 'db-0');
    await cluster.kubectl(['cordon', spec.nodeName ?? '']);
    await cluster.kubectl([
      'patch',
      'statefulset',
      'db',
      '--type=json',
      '-p',
      JSON.stringify([{ op: 'remove', path: '/spec/template/spec/topologySpreadConstraints' }]),
    ]);
    await cluster.kubectl(['delete', 'pod', 'db-0', '--wait=false']);
    await eventually(
      'the pod is on the other node, with its address',
      async () => {
        const now = await cluster.get<Pod>('pod', 'db-0');
        expect(now.metadata.uid).not.toBe(metadata.uid);
        expect(now.spec.nodeName).not.toBe(spec.nodeName);
        expect((await told('db-0'))[1]?.ips).toEqual(['192.168.100.40']);
      },
      30_000,
    );
    await fromLan('192.168.100.40');
    await cluster.kubectl(['uncordon', spec.nodeName ?? '']);
  });

  it('says in an event which network a pod cannot join, where it asked for it, and what to do', async () => {
    const pod = (name: string, text: string) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, annotations: { [networksKey]: text } },
      spec: { containers: [{ name: 'main', image }] },
    });
    await cluster.apply(pod('lost', 'ofice'));
    await cluster.apply(pod('rival', '[{"name":"office","ips":["192.168.100.41"]}]'));
    const events = (name: string) => cluster.kubectl(['events', '--for', `pod/${name}`]);
    await eventually(
      'both are told',
      async () => {
        expect(await events('lost')).toContain('FailedCreatePodSandBox');
        expect(await events('lost')).toContain(
          `annotation ${networksKey}, element 1 (ofice): there is neither a NetworkAttachmentDefinition default/ofice nor a Network ofice: create one, or correct the name`,
        );
        expect(await events('rival')).toContain(
          '192.168.100.41 of Network office is held by pod default/db-1 on node node-',
        );
      },
      20_000,
    );
    await cluster.kubectl(['delete', 'pod', 'lost', 'rival', '--force', '--grace-period=0']);
  });

  it('stays until no pod is on it, and says whom it waits for', async () => {
    await cluster.kubectl(['delete', 'network', 'office', '--wait=false']);
    await eventually('it says so', async () => {
      const { status } = await cluster.get<Network>('network', 'office');
      expect(status?.conditions?.[0]).toMatchObject({
        reason: 'InUse',
        message: 'is deleted when these pods are gone: default/db-0, default/db-1',
      });
    });
    await fromLan('192.168.100.41');
    await cluster.kubectl(['delete', 'statefulset', 'db']);
    await cluster.kubectl(['wait', 'network/office', '--for=delete', '--timeout=20s']);
    await eventually('nothing of it is left', async () => {
      expect(await cluster.kubectl(['get', 'networkaddresses', '-o', 'name'])).toBe('');
      expect(await cluster.kubectl(['get', 'networksubnets', '-o', 'name'])).not.toContain('office');
    });
    for (const { machine } of cluster.nodes) expect(await machine.exec('ip', 'link')).not.toContain('macvlan');
  });
});
