import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { neverAborted } from '@slipway/kit/abort';
import { exec } from '@slipway/kit/exec';
import { describeWith, findProgram, missingCapability } from '@slipway/kit/testing/capabilities';
import { installPlugins } from '../plugins/install-plugins.ts';
import { createTestNetwork, describeWithNetwork, type TestNetwork } from './test-network.ts';

/** Engines of others run containers on our executables, by one configuration list. */
describeWithNetwork('other engines', () => {
  let network: TestNetwork;
  let confDirectory: string;
  let bin: string;
  let rootfs: string;

  beforeAll(async () => {
    network = await createTestNetwork();
    confDirectory = join(network.directory, 'net.d');
    bin = join(network.directory, 'bin');
    rootfs = join(network.directory, 'rootfs');
    await installPlugins(bin);
    await mkdir(confDirectory);
    await writeFile(join(confDirectory, '10-ours.conflist'), JSON.stringify(conflist(network)));
    await makeRootfs(rootfs);
  });
  afterAll(() => network?.remove());

  const run = async (command: readonly string[], env: Record<string, string> = {}) => {
    const inside = [`--net=${network.hostNetns}`, ...command];
    const { stdout } = await exec('nsenter', inside, { signal: neverAborted, env: { ...process.env, ...env } });
    return stdout.toString();
  };
  const expectOurs = (printed: string) => {
    expect(printed).toMatch(/inet 10\.84\.0\.\d+\/24/);
    expect(printed).toContain('default via 10.84.0.1 dev eth0');
    expect(printed).toMatch(/^284$/m);
  };
  const expectNothingLeft = async () => {
    const links = await network.host.ipShow(['link', 'show'], { signal: neverAborted });
    expect(links.map((link) => link.ifname)).toEqual(['lo', 'swt-ours']);
    expect(await readdir(join(network.directory, 'ipam', 'ours', 'attachments'))).toEqual([]);
  };

  describeWith(missingCapability({ programs: ['podman', 'conmon', 'runc'] }), 'podman', () => {
    it('runs containers on our plugins, with ports and limits, and cleans up', async () => {
      const files = join(network.directory, 'podman');
      await mkdir(files);
      const quoted = (text: string) => JSON.stringify(text);
      const containersConf = `[network]
network_backend = "cni"
cni_plugin_dirs = [${quoted(bin)}]
network_config_dir = ${quoted(confDirectory)}
default_network = "ours"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = ${quoted(join(files, 'tmp'))}
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
`;
      const storageConf = `[storage]
driver = "vfs"
graphroot = ${quoted(join(files, 'graph'))}
runroot = ${quoted(join(files, 'run'))}
`;
      await writeFile(join(files, 'containers.conf'), containersConf);
      await writeFile(join(files, 'storage.conf'), storageConf);
      const env = {
        CONTAINERS_CONF: join(files, 'containers.conf'),
        CONTAINERS_STORAGE_CONF: join(files, 'storage.conf'),
      };
      const podman = (...args: string[]) => run(['podman', '--runtime', findProgram('runc') ?? '', ...args], env);

      const serve = `${shows}; while true; do echo from podman | nc -l -p 80; done`;
      await podman('run', '-d', '--name', 'web', '-p', '8084:80', '--rootfs', rootfs, '/bin/sh', '-c', serve);
      try {
        const served = () => network.fetch(network.hostNetns, '10.84.0.1', 8084);
        expect(await untilAnswered(served)).toBe('from podman');
        expectOurs(await podman('logs', 'web'));
        expect(await network.run(network.hostNetns, 'tc', 'qdisc', 'show')).toMatch(/tbf .*rate 84Mbit/);
      } finally {
        await podman('rm', '-f', '-t', '0', 'web');
      }
      await expectNothingLeft();
    }, 60_000);
  });

  const noFolder = existsSync('/etc/cni/net.d') ? undefined : 'the folder /etc/cni/net.d';
  const programs = ['containerd', 'ctr', 'runc', 'unshare'];
  describeWith(missingCapability({ programs }) ?? noFolder, 'containerd', () => {
    it('runs containers on our plugins, and cleans up', async () => {
      const files = join(network.directory, 'containerd');
      await mkdir(files);
      const config = `version = 2
root = ${JSON.stringify(join(files, 'root'))}
state = ${JSON.stringify(join(files, 'state'))}
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = ${JSON.stringify(join(files, 'c.sock'))}
`;
      await writeFile(join(files, 'config.toml'), config);
      // ctr looks in fixed folders: ours are there for it alone.
      const script = `
mount --bind ${confDirectory} /etc/cni/net.d
mount -t tmpfs none /opt && mkdir -p /opt/cni/bin && mount --bind ${bin} /opt/cni/bin
ctr -a ${join(files, 'c.sock')} run --rm --cni --runc-binary runc --rootfs ${rootfs} sw-citizen /bin/sh -c '${shows}'
`;
      const daemon = new AbortController();
      const args = [`--net=${network.hostNetns}`, 'containerd', '-c', join(files, 'config.toml')];
      const done = exec('nsenter', args, { signal: daemon.signal }).catch(() => {}); // ends by our abort
      try {
        const ctr = () => run(['ctr', '-a', join(files, 'c.sock'), 'version']);
        await untilAnswered(ctr);
        expectOurs(await run(['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script]));
      } finally {
        daemon.abort();
        await done;
      }
      await expectNothingLeft();
    }, 60_000);
  });
});

const shows = 'ip address show dev eth0; ip route; cat /proc/sys/net/core/somaxconn';

function conflist({ directory }: TestNetwork) {
  const ipam = {
    type: 'host-local',
    ranges: [[{ subnet: '10.84.0.0/24' }]],
    routes: [{ dst: '0.0.0.0/0' }],
    dataDir: join(directory, 'ipam'),
  };
  const burst = { ingressRate: 84_000_000, ingressBurst: 8_400_000 };
  return {
    cniVersion: '1.0.0',
    name: 'ours',
    plugins: [
      { type: 'bridge', bridge: 'swt-ours', isGateway: true, ipMasq: true, hairpinMode: true, ipam },
      { type: 'portmap', capabilities: { portMappings: true } },
      { type: 'bandwidth', ...burst },
      { type: 'tuning', sysctl: { 'net.core.somaxconn': '284' }, dataDir: join(directory, 'tuning') },
    ],
  };
}

async function makeRootfs(rootfs: string): Promise<void> {
  for (const folder of ['bin', 'dev', 'etc', 'proc', 'run', 'sys', 'tmp']) {
    await mkdir(join(rootfs, folder), { recursive: true });
  }
  await cp(findProgram('busybox') ?? '', join(rootfs, 'bin/busybox'));
  for (const applet of ['sh', 'ip', 'nc', 'cat', 'echo']) await symlink('busybox', join(rootfs, 'bin', applet));
}

/** A program inside takes a moment until it listens. */
async function untilAnswered<T>(ask: () => Promise<T>, attempts = 100): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (attempts === 0) throw error;
    await exec('sleep', ['0.1'], { signal: neverAborted });
    return untilAnswered(ask, attempts - 1);
  }
}
