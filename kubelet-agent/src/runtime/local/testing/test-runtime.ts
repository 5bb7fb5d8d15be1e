import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import { systemClock } from '@slipway/kit/clock';
import { createExec } from '@slipway/kit/exec';
import { silentLogger } from '@slipway/kit/logger';
import { systemRandom } from '@slipway/kit/random';
import { findProgram, missingCapability } from '@slipway/kit/testing/capabilities';
import type { ContainerConfig, LinuxContainerSecurityContext, NamespaceOption, PodSandboxConfig } from '../../cri.ts';
import type { ImageRootfs } from '../image-rootfs.ts';
import { createLocalRuntime, type LocalRuntime } from '../local-runtime.ts';
import { createPosixSpawn } from '../kernel/posix-spawn.ts';

const spawn = createPosixSpawn({ PATH: process.env.PATH });

const ownNamespaces: NamespaceOption = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' };
/** Those of Debian; the tests do not depend on the caller's PATH. */
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A throw-away data directory with a busybox image in it, and runtimes over it as an agent would make them. */
export class TestNode {
  readonly dataDir: string;
  readonly #images: ImageRootfs;
  readonly heldImages = new Set<string>();
  readonly tornDown: string[] = [];
  readonly #stops: AbortController[] = [];
  #pods = 0;

  readonly #runtimeName: string | undefined;

  private constructor(dataDir: string, runtimeName: string | undefined) {
    this.dataDir = dataDir;
    this.#runtimeName = runtimeName;
    const layer = join(dataDir, 'layer');
    this.#images = {
      hold: async (_, holder) => {
        this.heldImages.add(holder);
        return { id: `sha256:${'0'.repeat(64)}`, architecture: 'amd64', config: { Cmd: ['sh'] }, layers: [layer] };
      },
      release: async (holder) => void this.heldImages.delete(holder),
      holders: async () => [...this.heldImages],
    };
  }

  static async create(runtimeName?: string): Promise<TestNode> {
    const node = new TestNode(await mkdtemp(join(tmpdir(), 'slipway-runtime-')), runtimeName);
    const layer = join(node.dataDir, 'layer');
    await Promise.all(['bin', 'etc', 'tmp'].map((name) => mkdir(join(layer, name), { recursive: true })));
    await cp(findProgram('busybox') ?? '', join(layer, 'bin', 'busybox'), { dereference: true });
    const applets = 'sh sleep cat echo id hostname nc stty ps touch mount grep ls readlink'.split(' ');
    for (const applet of applets) await symlink('busybox', join(layer, 'bin', applet));
    await writeFile(join(layer, 'etc', 'passwd'), 'root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n');
    await writeFile(join(layer, 'etc', 'group'), 'root:x:0:\napp:x:1000:\nextra:x:2000:app\n');
    await writeFile(join(layer, 'etc', 'not-executable'), 'text\n', { mode: 0o644 });
    return node;
  }

  /** What an agent is to the runtime. Call it again for what happens after a kill -9: nothing of the old one is asked. */
  async startAgent(): Promise<LocalRuntime> {
    const network = {
      setUp: async () => ({ ips: ['192.0.2.7'] }),
      tearDown: async ({ sandboxId }: { sandboxId: string }) => void this.tornDown.push(sandboxId),
      problem: async () => undefined,
    };
    const deps = {
      clock: systemClock,
      random: systemRandom,
      exec: createExec(spawn),
      spawn,
      log: silentLogger,
      network,
      images: this.#images,
    };
    const chosen = this.#runtimeName === undefined ? {} : { runtime: this.#runtimeName };
    const runtime = await createLocalRuntime(deps, { dataDir: this.dataDir, searchPath, ...chosen }, neverAborted);
    const stop = new AbortController();
    this.#stops.push(stop);
    runtime.run(stop.signal).catch(() => {});
    return runtime;
  }

  /** The agent is gone from one moment to the next. */
  killAgent(): void {
    for (const stop of this.#stops.splice(0)) stop.abort();
  }

  async destroy(runtime: LocalRuntime): Promise<void> {
    this.killAgent();
    await runtime.removeEverything(neverAborted);
    await rm(this.dataDir, { recursive: true, force: true });
  }

  podConfig(changes: Partial<PodSandboxConfig['linux']['securityContext']> = {}): PodSandboxConfig {
    const uid = `test-${process.pid}-${++this.#pods}`;
    const name = `pod-${this.#pods}`;
    return {
      metadata: { name, uid, namespace: 'default', attempt: 0 },
      hostname: name,
      logDirectory: join(this.dataDir, 'var/log/pods', `default_${name}_${uid}`),
      dnsConfig: { servers: ['192.0.2.53'], searches: ['svc.cluster.local'], options: ['ndots:5'] },
      portMappings: [],
      labels: { app: name },
      annotations: {},
      linux: {
        cgroupParent: `/kubepods/besteffort/pod${uid}`,
        securityContext: { namespaceOptions: ownNamespaces, ...changes },
      },
    };
  }

  containerConfig(
    command: readonly string[],
    changes: Partial<ContainerConfig> = {},
    security: Partial<LinuxContainerSecurityContext> = {},
  ): ContainerConfig {
    return {
      metadata: { name: 'main', attempt: 0 },
      image: { image: 'busybox' },
      command,
      args: [],
      workingDir: '',
      envs: [],
      mounts: [],
      devices: [],
      labels: {},
      annotations: {},
      logPath: 'main/0.log',
      stdin: false,
      stdinOnce: false,
      tty: false,
      linux: { resources: {}, securityContext: { namespaceOptions: ownNamespaces, ...security } },
      ...changes,
    };
  }

  /** A pod with one started container. */
  async run(runtime: LocalRuntime, config: ContainerConfig, pod = this.podConfig()) {
    const sandboxId = await runtime.runPodSandbox(pod, neverAborted);
    const containerId = await runtime.createContainer(sandboxId, config, neverAborted);
    await runtime.startContainer(containerId, neverAborted);
    return { sandboxId, containerId, logFile: join(pod.logDirectory, config.logPath) };
  }
}

/** Undefined when the OCI runtime works on this machine; crun refuses some layouts of cgroups. */
export async function missingForRuntime(name: string): Promise<string | undefined> {
  const missing = missingCapability({ root: true, programs: ['conmon', name, 'busybox'] });
  if (missing !== undefined) return missing;
  const node = await TestNode.create(name);
  const runtime = await node.startAgent();
  const [ready] = await runtime.status(neverAborted);
  await node.destroy(runtime);
  return ready?.status ? undefined : `a machine on which ${name} works`;
}

/** Waits for a condition; the runner's own limit is the limit. */
export async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found) return found;
    await systemClock.sleep(10, neverAborted);
  }
}

/** The messages of a log in CRI's format, without time, stream and tag. */
export async function logMessages(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ').slice(3).join(' '));
}
