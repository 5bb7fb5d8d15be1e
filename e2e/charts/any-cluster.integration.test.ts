/**
 * slipway-ecs on a cluster that is none of ours: an API server without controllers, agents and kinds of our own. The kinds, the roles and the account are put
 * there by kubectl; `slipway controllers` runs as its pod would, with the chart's arguments, the surroundings of a pod and the account's token. Nodes are
 * those of another kubelet, played here.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Service, Task } from '@slipway/api/ecs/kinds';
import type { ClusterRole, Deployment, KubeObject, Node, Pod, PolicyRule, TokenRequest } from '@slipway/api/types';
import { apiServerConfig, clientIdentities, createApiServer, openEmbeddedStore } from '@slipway/apiserver';
import { Client } from '@slipway/client/client';
import { serviceAccountDirectory } from '@slipway/client/in-cluster';
import { writeKubeconfig } from '@slipway/client/kubeconfig';
import { kinds } from '@slipway/client/kinds';
import { systemClock } from '@slipway/kit/clock';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { freePorts } from '../cluster/free-ports.ts';
import { slipwayBin } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { run } from '../harness/kubectl.ts';
import { RunningProgram } from '../harness/running-program.ts';
import { chartDirectory, release, variants } from './charts.ts';
import { renderChart } from './renderer/chart.ts';

const { signal } = new AbortController();
const { text: manifests, objects } = renderChart(chartDirectory('slipway-ecs'), release);
const admin = { name: 'admin', groups: ['system:masters'] };

/** A server by itself, a kubeconfig for kubectl, and the folder that a pod of the chart's account would have mounted. */
async function startServer() {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-any-cluster-'));
  const backend = await openEmbeddedStore({ directory: join(folder, 'store'), clock: systemClock });
  const stopping = new AbortController();
  const server = await createApiServer(apiServerConfig({ dataDir: folder, securePort: 0 }), {
    backend,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
  });
  const running = server.run(stopping.signal);
  await Promise.race([server.ready, running]);
  const kubeconfig = join(folder, 'kubeconfig');
  const { certificate: cert, privateKey: key } = await server.pki.clientCertificate(clientIdentities.admin);
  const { host, port } = server.address;
  const connection = { server: `https://${host}:${port}`, ca: server.pki.caCertificate, cert, key };
  await writeKubeconfig(kubeconfig, connection, { cluster: 'any', user: 'admin' });
  return {
    server,
    folder,
    client: new Client(server.transport(admin)),
    async kubectl(args: readonly string[], input?: string) {
      const ran = await run('kubectl', args, {
        env: { KUBECONFIG: kubeconfig, HOME: folder },
        ...(input === undefined ? {} : { input }),
      });
      if (ran.code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${ran.stderr}`);
      return ran.stdout;
    },
    async stop() {
      stopping.abort();
      await running;
      await backend.close();
      await rm(folder, { recursive: true });
    },
  };
}

type AnyServer = Awaited<ReturnType<typeof startServer>>;

/** The controllers as the container of the chart's Deployment, in a mount namespace where the token lies where pods have it. */
async function startControllers({ server, folder, client }: AnyServer, healthPort: number): Promise<RunningProgram> {
  const mounted = join(folder, 'account');
  await mkdir(mounted);
  const ref = { namespace: release.namespace, name: 'demo-slipway-ecs' };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const answer = (await client.createSubresource(kinds.serviceAccounts, ref, 'token', body, {
    signal,
  })) as TokenRequest;
  await writeFile(join(mounted, 'token'), answer.status?.token ?? '');
  await writeFile(join(mounted, 'ca.crt'), server.pki.caCertificate);
  await writeFile(join(mounted, 'namespace'), release.namespace);
  const deployment = objects.find(({ kind }) => kind === 'Deployment') as Deployment;
  const args = deployment.spec.template.spec?.containers[0]?.args ?? [];
  const own = [`--data-dir=${join(folder, 'data')}`, `--health-probe-bind-address=127.0.0.1:${healthPort}`];
  const script = `mount -t tmpfs none /run && mkdir -p ${serviceAccountDirectory} && mount --bind "$0" ${serviceAccountDirectory} && exec "$@"`;
  return new RunningProgram('unshare', ['--mount', 'sh', '-ec', script, mounted, slipwayBin, ...args, ...own], {
    env: { KUBERNETES_SERVICE_HOST: server.address.host, KUBERNETES_SERVICE_PORT: String(server.address.port) },
  });
}

/** What scheduler and kubelet do: every pod gets the node, then runs, or ends when it is being deleted. */
async function playKubelet(client: Client): Promise<void> {
  const { items } = await client.list(kinds.pods, { namespace: 'shop', signal });
  for (const pod of items) {
    const { deletionTimestamp, name = '' } = pod.metadata;
    const ref = { namespace: 'shop', name };
    if (!pod.spec.nodeName && !deletionTimestamp) {
      const target = { apiVersion: 'v1', kind: 'Node', name: 'worker-1' };
      const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name }, target };
      await client.createSubresource(kinds.pods, ref, 'binding', binding as KubeObject, { signal });
      continue;
    }
    if (deletionTimestamp && pod.metadata.deletionGracePeriodSeconds !== 0) {
      await client.updateStatus(kinds.pods, { ...pod, status: statusOf(pod, 'ended') }, { signal });
      await client.delete(kinds.pods, ref, { gracePeriodSeconds: 0, signal });
    } else if (!deletionTimestamp && pod.status?.phase !== 'Running') {
      await client.updateStatus(kinds.pods, { ...pod, status: statusOf(pod, 'running') }, { signal });
    }
  }
}

/** As a kubelet with containerd writes it. */
function statusOf({ spec, metadata, status }: Pod, state: 'running' | 'ended'): Pod['status'] {
  const at = '2026-01-01T00:00:00Z';
  const hasStarted = state === 'running';
  const condition = (type: string) => ({ type, status: hasStarted ? 'True' : 'False', lastTransitionTime: at });
  return {
    ...status,
    phase: hasStarted ? 'Running' : 'Failed',
    startTime: at,
    hostIP: '192.0.2.1',
    podIP: '10.244.0.7',
    podIPs: [{ ip: '10.244.0.7' }],
    conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(condition),
    containerStatuses: spec.containers.map(({ name, image = '' }) => ({
      name,
      image,
      imageID: `docker.io/library/${name}@sha256:${'0'.repeat(64)}`,
      containerID: `containerd://${metadata.uid}-${name}`,
      ready: hasStarted,
      started: hasStarted,
      restartCount: 0,
      lastState: {},
      state: hasStarted
        ? { running: { startedAt: at } }
        : { terminated: { exitCode: 143, reason: 'Error', startedAt: at, finishedAt: at } },
    })),
  };
}

const definition = `
apiVersion: ecs.slipway.dev/v1
kind: TaskDefinition
metadata: {name: web.1}
spec:
  family: web
  revision: 1
  networkMode: awsvpc
  containerDefinitions:
    - {name: web, image: "web:1", memory: 64, portMappings: [{containerPort: 80}], dependsOn: [{containerName: init, condition: START}]}
    - {name: init, image: "init:1", memory: 16, essential: false}
`;
const network = 'networkConfiguration: {awsvpcConfiguration: {subnets: [default]}}';
const task = `
apiVersion: ecs.slipway.dev/v1
kind: Task
metadata: {name: once, namespace: shop}
spec: {taskDefinition: "web:1", ${network}}
`;
const service = `
apiVersion: ecs.slipway.dev/v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {taskDefinition: "web:1", desiredCount: 2, ${network}}
`;

/** GROUP/RESOURCE VERB for each that the rules allow. */
function rightsOf(rules: readonly PolicyRule[]): ReadonlySet<string> {
  return new Set(
    rules.flatMap(({ apiGroups = [], resources = [], verbs }) =>
      apiGroups.flatMap((group) => resources.flatMap((name) => verbs.map((verb) => `${group}/${name} ${verb}`))),
    ),
  );
}

describeWith(
  missingCapability({ root: true, programs: ['kubectl', 'unshare', 'mount'] }),
  'slipway-ecs on any cluster',
  () => {
    let cluster: AnyServer;
    let controllers: RunningProgram;
    let healthPort: number;
    let kubelet: Promise<void>;
    const stopping = new AbortController();

    beforeAll(async () => {
      cluster = await startServer();
      [healthPort = 0] = await freePorts(1);
      const { client, kubectl } = cluster;
      for (const name of [release.namespace, 'shop']) {
        await client.create(
          kinds.namespaces,
          { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} },
          { signal },
        );
      }
      const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'shop' } };
      await client.create(kinds.serviceAccounts, account, { signal });
      const nodeInfo = { kubeletVersion: 'v1.33.4', containerRuntimeVersion: 'containerd://2.1.4' };
      const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'worker-1' }, status: { nodeInfo } };
      await client.create(kinds.nodes, node as Node, { signal });
      await kubectl(['apply', '--server-side', '-f', join(chartDirectory('slipway-ecs'), 'crds')]);
      await kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=20s']);
      await kubectl(['apply', '-f', '-'], manifests);
      controllers = await startControllers(cluster, healthPort);
      await controllers.says(/^ready: leading/m);
      kubelet = (async () => {
        while (!stopping.signal.aborted) {
          await playKubelet(client).catch(() => {});
          await systemClock.sleep(50, stopping.signal).catch(() => {});
        }
      })();
    });
    afterAll(async () => {
      stopping.abort();
      await kubelet;
      await controllers?.end('SIGTERM');
      await cluster?.stop();
    });

    const taskNamed = async (name: string) =>
      (await cluster.client.get(kinds.ecsTasks, { namespace: 'shop', name }, { signal })) as Task;

    it('is ready as its probes see it', async () => {
      expect((await fetch(`http://127.0.0.1:${healthPort}/readyz`)).status).toBe(200);
    });

    it('runs a task as a pod, and says what that node does not carry', async () => {
      await cluster.kubectl(['apply', '-f', '-'], `${definition}---${task}`);
      const running = await eventually('the task runs', async () => {
        const { status } = await taskNamed('once');
        if (status?.lastStatus !== 'RUNNING') throw new Error(JSON.stringify(status));
        return status;
      });
      expect(running.containerInstance).toBe('worker-1');
      expect(running.containers?.map(({ name, lastStatus }) => [name, lastStatus])).toEqual([
        ['web', 'RUNNING'],
        ['init', 'RUNNING'],
      ]);
      expect(running.conditions?.find(({ type }) => type === 'FieldsWithoutEffect')).toMatchObject({
        status: 'True',
        message: expect.stringMatching(/node worker-1, whose kubelet \(v1\.33\.4\).* web\.dependsOn has no effect/),
      });
      expect(await cluster.kubectl(['-n', 'shop', 'get', 'events'])).toMatch(/NotCarried .*web\.dependsOn/);
    });

    it('keeps the tasks of a service', async () => {
      await cluster.kubectl(['apply', '-f', '-'], service);
      const name = { namespace: 'shop', name: 'web' };
      await eventually('the service is steady', async () => {
        const { status } = (await cluster.client.get(kinds.ecsServices, name, { signal })) as Service;
        if (status?.runningCount !== 2) throw new Error(JSON.stringify(status));
      });
      await cluster.kubectl([
        '-n',
        'shop',
        'patch',
        'services.ecs.slipway.dev',
        'web',
        '--type=merge',
        '-p',
        '{"spec":{"desiredCount":1}}',
      ]);
      await eventually('one is left', async () => {
        const { items } = await cluster.client.list(kinds.ecsTasks, { namespace: 'shop', signal });
        const left = items.filter(({ spec, status }) => spec.serviceName && status?.lastStatus !== 'STOPPED');
        if (left.length !== 1) throw new Error(String(left.length));
      });
    });

    it('shows nodes as container instances, and drains the one with the other', async () => {
      const patch = ['--type=merge', '-p', '{"spec":{"status":"DRAINING"}}'];
      await eventually('the instance is there', () =>
        cluster.kubectl(['patch', 'containerinstance', 'worker-1', ...patch]),
      );
      await eventually('the node is cordoned', async () => {
        const { spec } = await cluster.client.get(kinds.nodes, { name: 'worker-1' }, { signal });
        if (!spec?.unschedulable) throw new Error('not yet');
      });
    });

    it('stops a task that is stopped, and lets go of its pod', async () => {
      const patch = ['--type=merge', '-p', '{"spec":{"desiredStatus":"STOPPED","stoppedReason":"enough"}}'];
      await cluster.kubectl(['-n', 'shop', 'patch', 'tasks', 'once', ...patch]);
      await eventually('the task has stopped', async () => {
        const { status } = await taskNamed('once');
        if (status?.lastStatus !== 'STOPPED') throw new Error(JSON.stringify(status));
        expect(status.containers?.map(({ exitCode }) => exitCode)).toEqual([143, 143]);
      });
      await cluster.kubectl(['-n', 'shop', 'delete', 'services.ecs.slipway.dev', 'web', '--timeout=30s']);
    });

    it('may watch the Lease that it waits for', async () => {
      const watch = (name: string) =>
        cluster.kubectl([
          ...['get', '--as=system:serviceaccount:platform:demo-slipway-ecs', '--raw'],
          `/apis/coordination.k8s.io/v1/namespaces/platform/leases?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3D${name}`,
        ]);
      expect(await watch('demo-slipway-ecs')).toMatch(/"ADDED".*demo-slipway-ecs/);
    });

    it('was refused nothing, and has no rights beyond those of its controllers', async () => {
      const metrics = await cluster.kubectl(['get', '--raw', '/metrics']);
      expect(metrics).toMatch(/^apiserver_request_total\{.*code="201"/m);
      expect(metrics.split('\n').filter((line) => /^apiserver_request_total.*code="(401|403)"/.test(line))).toEqual([]);
      expect(controllers.said).not.toMatch(/forbidden|reconcile failed/);
      const { items } = await cluster.client.list(kinds.clusterRoles, { signal });
      const wanted = (items as readonly ClusterRole[]).filter(({ metadata }) =>
        metadata.name?.startsWith('slipway:controller:ecs-'),
      );
      const made = objects.find(({ kind }) => kind === 'ClusterRole') as ClusterRole;
      expect([...rightsOf(made.rules ?? [])].sort()).toEqual(
        [...rightsOf(wanted.flatMap(({ rules }) => rules ?? []))].sort(),
      );
    });

    it('is taken by the server in every variant, with strict field validation', async () => {
      const other = { name: 'other', namespace: release.namespace };
      const all = variants().map(({ chart, values }) => renderChart(chartDirectory(chart), other, values).text);
      await cluster.kubectl(['create', '--dry-run=server', '--validate=strict', '-f', '-'], all.join(''));
    });

    it('says what is missing on a cluster without the kinds', async () => {
      await cluster.kubectl(['delete', 'crd', 'capacityproviders.ecs.slipway.dev']);
      const ran = await run(slipwayBin, [
        'controllers',
        '--controllers=ecs-task',
        `--data-dir=${join(cluster.folder, 'second')}`,
        `--kubeconfig=${join(cluster.folder, 'kubeconfig')}`,
      ]);
      expect(ran.code).toBe(1);
      expect(ran.stderr).toMatch(/kinds this cluster does not have.* ecs-task: capacityproviders\.ecs\.slipway\.dev/);
    });
  },
);
