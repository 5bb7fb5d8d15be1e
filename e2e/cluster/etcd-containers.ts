/** An etcd of three members, each in a container of its own, by testcontainers: the same to a test as processes are. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { exec } from '@slipway/kit/exec';
import { findProgram, missingCapability } from '@slipway/kit/testing/capabilities';
import type { StartedNetwork, StartedTestContainer } from 'testcontainers';
import { dockerEngine, missingDockerEngine } from './docker-engine.ts';
import { type EtcdMembers, etcdControl, memberCount } from './etcd-members.ts';
import { freePorts } from './free-ports.ts';

const imageName = 'localhost/slipway-test-etcd:local';
const [clientPort, peerPort] = [2379, 2380];

/** For `describeWith`. */
export function missingForContainers(): string | undefined {
  return missingDockerEngine() ?? missingCapability({ programs: ['etcd', 'etcdctl', 'ldd'] });
}

/** Once for each test file: testcontainers remembers the first engine that it was shown. */
export async function startEtcdContainers(): Promise<EtcdMembers> {
  const engine = await dockerEngine();
  const undo: (() => Promise<unknown>)[] = [() => engine.stop()];
  const stop = async () => {
    // What is gone already is no reason to leave the rest.
    for (const step of undo.toReversed()) await step().catch(() => {});
  };
  // Its helper that removes what was forgotten comes from a registry; here everything is removed by `stop`, or with the engine's folders.
  Object.assign(process.env, { DOCKER_HOST: engine.host, TESTCONTAINERS_RYUK_DISABLED: 'true' });
  // Else it looks for a way that depends on whether it runs in a container itself.
  if (engine.host.startsWith('unix:')) process.env.TESTCONTAINERS_HOST_OVERRIDE = '127.0.0.1';
  try {
    const { GenericContainer, getContainerRuntimeClient, Network, Wait } = await import('testcontainers');
    const { dockerode } = (await getContainerRuntimeClient()).container;
    await buildImage();
    const network: StartedNetwork = await new Network().start();
    undo.push(() => network.stop());
    const ports = await freePorts(memberCount);
    // Known to each other by these names; aliases would want a default network, which our own engine has not.
    const names = ports.map((port, i) => `slipway-etcd-${port}-m${i}`);
    const cluster = names.map((name) => `${name}=http://${name}:${peerPort}`).join(',');
    undo.push(() =>
      Promise.all(
        names.map((name) =>
          dockerode
            .getContainer(name)
            .remove({ force: true, v: true })
            .catch(() => {}),
        ),
      ),
    );
    const containers: StartedTestContainer[] = await Promise.all(
      ports.map((host, i) =>
        new GenericContainer(imageName)
          .withNetwork(network)
          .withName(names[i] ?? '')
          .withExposedPorts({ container: clientPort, host })
          .withCommand(memberFlags(names[i] ?? '', cluster))
          .withWaitStrategy(Wait.forLogMessage(/published local member/))
          .withStartupTimeout(30_000)
          .start(),
      ),
    );
    const endpoints = containers.map(
      (container, i) => `http://${container.getHost().replace('localhost', '127.0.0.1')}:${ports[i]}`,
    );
    const container = (index: number) => dockerode.getContainer(containers[index]?.getId() ?? '');
    const networkOf = () => dockerode.getNetwork(network.getId());
    return {
      ...etcdControl(endpoints),
      endpoints,
      tls: undefined,
      kill: async (index) => void (await container(index).kill()),
      start: async (index) => void (await container(index).start()),
      halt: async (index) => void (await container(index).pause()),
      resume: async (index) => void (await container(index).unpause()),
      cutOff: async (index) => void (await networkOf().disconnect({ Container: container(index).id, Force: true })),
      join: async (index) =>
        void (await networkOf().connect({
          Container: container(index).id,
          EndpointConfig: { Aliases: [`m${index}`] },
        })),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function memberFlags(name: string, cluster: string): string[] {
  const flags = {
    name,
    'data-dir': '/data',
    'listen-client-urls': `http://0.0.0.0:${clientPort}`,
    'advertise-client-urls': `http://${name}:${clientPort}`,
    'listen-peer-urls': `http://0.0.0.0:${peerPort}`,
    'initial-advertise-peer-urls': `http://${name}:${peerPort}`,
    'initial-cluster': cluster,
    logger: 'zap',
  };
  return Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
}

/** Nothing but this machine's etcd and the libraries that it loads. */
async function buildImage(): Promise<void> {
  const { GenericContainer } = await import('testcontainers');
  const context = await mkdtemp(join(tmpdir(), 'slipway-etcd-image-'));
  try {
    const etcd = findProgram('etcd') ?? '/usr/bin/etcd';
    const { stdout } = await exec('ldd', [etcd], { signal: AbortSignal.timeout(10_000) });
    const libraries = stdout.toString().match(/\/\S+(?= \(0x)/g) ?? [];
    for (const file of [etcd, ...libraries]) {
      const target = join(context, 'root', file === etcd ? '/etcd' : file);
      await mkdir(dirname(target), { recursive: true });
      await cp(file, target, { dereference: true });
    }
    await mkdir(join(context, 'root/tmp'), { recursive: true });
    await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nCOPY root /\nENTRYPOINT ["/etcd"]\n');
    await GenericContainer.fromDockerfile(context).build(imageName, { deleteOnExit: false });
  } finally {
    await rm(context, { recursive: true, force: true });
  }
}
