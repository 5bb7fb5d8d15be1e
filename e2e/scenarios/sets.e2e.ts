/** Somebody runs a database as a StatefulSet and a log collector as a DaemonSet, with kubectl alone. */
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { type Cluster, newCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { SimulatedNodesProcess } from '../harness/simulated-nodes.ts';

const missing = missingCapability({ programs: ['kubectl'] });

const template = (app: string) => `
  selector: {matchLabels: {app: ${app}}}
  template:
    metadata: {labels: {app: ${app}}}
    spec: {containers: [{name: main, image: "example/${app}:1"}]}`;

const manifest = `
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 3${template('db')}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: log}
spec:${template('log')}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: old}
spec:
  replicas: 2
  selector: {app: old}
  template:
    metadata: {labels: {app: old}}
    spec: {containers: [{name: main, image: "example/old:1"}]}
`;

describeWith(missing, 'sets by kubectl', () => {
  let cluster: Cluster;
  let simulation: SimulatedNodesProcess;
  const kubectl = (...args: string[]) => cluster.kubectl(args);
  const rolledOut = (what: string) => kubectl('rollout', 'status', what, '--timeout=60s');
  const images = async (app: string) => {
    const printed = await kubectl(
      'get',
      'pods',
      '-l',
      `app=${app}`,
      '-o',
      'jsonpath={.items[*].spec.containers[0].image}',
    );
    return printed.split(' ');
  };

  beforeAll(async () => {
    cluster = await newCluster({ agent: false });
    await cluster.up();
    simulation = new SimulatedNodesProcess(cluster, ['--count', '4', '--stages', 'fast', '--log-level', 'warn']);
    await simulation.start();
    await cluster.kubectl(['apply', '-f', '-'], { input: manifest });
  });

  afterAll(async () => {
    await simulation?.end('SIGTERM');
    await cluster?.remove();
  });

  it('rolls a StatefulSet out, updates it, undoes that and restarts it', async () => {
    expect(await rolledOut('sts/db')).toContain('partitioned roll out complete: 3 new pods have been updated...');
    await kubectl('set', 'image', 'sts/db', 'main=example/db:2');
    await rolledOut('sts/db');
    expect(await images('db')).toEqual(Array(3).fill('example/db:2'));
    await kubectl('rollout', 'undo', 'sts/db');
    await rolledOut('sts/db');
    expect(await images('db')).toEqual(Array(3).fill('example/db:1'));
    await kubectl('rollout', 'restart', 'sts/db');
    await rolledOut('sts/db');
    const history = await kubectl('rollout', 'history', 'sts/db');
    expect(history.match(/^\d+/gm)).toEqual(['2', '3', '4']);
    const described = await kubectl('describe', 'sts', 'db');
    expect(described).toContain('3 desired | 3 total');
    expect(described).toContain('create Pod db-0 in StatefulSet db successful');
  });

  it('leaves the pods of a StatefulSet behind, which another of its name takes over', async () => {
    const uids = () => kubectl('get', 'pods', '-l', 'app=db', '-o', 'jsonpath={.items[*].metadata.uid}');
    const before = await uids();
    await kubectl('delete', 'sts', 'db', '--cascade=orphan');
    expect(await uids()).toBe(before);
    await kubectl('annotate', 'pods', '-l', 'app=db', 'kept=yes');
    await cluster.kubectl(['apply', '-f', '-'], { input: manifest });
    await eventually('pods are taken over', async () =>
      expect(
        await kubectl('get', 'pods', '-l', 'app=db', '-o', 'jsonpath={.items[*].metadata.ownerReferences[0].kind}'),
      ).toBe('StatefulSet StatefulSet StatefulSet'),
    );
    await kubectl('scale', 'sts/db', '--replicas=1');
    await eventually('two pods gone', async () => expect(await images('db')).toHaveLength(1));
  });

  it('rolls a DaemonSet over all nodes and back', async () => {
    expect(await rolledOut('ds/log')).toContain('daemon set "log" successfully rolled out');
    await kubectl('set', 'image', 'ds/log', 'main=example/log:2');
    await rolledOut('ds/log');
    expect(await images('log')).toEqual(Array(4).fill('example/log:2'));
    await kubectl('rollout', 'undo', 'ds/log');
    await rolledOut('ds/log');
    expect((await kubectl('get', 'ds', 'log', '--no-headers')).split(/\s+/).slice(1, 6)).toEqual(Array(5).fill('4'));
    expect(await kubectl('describe', 'ds', 'log')).toMatch(
      /Normal +SuccessfulCreate .*daemonset-controller +Created pod: log-/,
    );
  });

  it('scales a ReplicationController', async () => {
    await kubectl('scale', 'rc/old', '--replicas=3');
    await eventually('three pods', async () =>
      expect((await kubectl('get', 'rc', 'old', '--no-headers')).split(/\s+/).slice(1, 4)).toEqual(['3', '3', '3']),
    );
    await kubectl('delete', 'rc', 'old');
    await eventually('no pods', async () =>
      expect(await kubectl('get', 'pods', '-l', 'app=old', '-o', 'name')).toBe(''),
    );
  });
});
