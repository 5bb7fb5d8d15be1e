/**
 * The node agent on a kernel as most machines have it: cgroups of version 2 alone, and every kind of network. The developers' may
 * have both versions, and no ipvlan, 802.1q, dummies or VLAN filtering of bridges. One machine for all, as a start takes its time.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { containerNeeds } from '../harness/images.ts';
import { kubectlVersions, run } from '../harness/kubectl.ts';
import { repositoryRoot } from '../tidy/sources.ts';
import { bootVm, missingForVm, type VmResult } from './boot-vm.ts';

/** About two minutes on a quiet machine with two cores; ten and more when six others want them too. */
const timeoutMs = 900_000;

describeWith(missingCapability(containerNeeds) ?? missingForVm(), 'a node on a kernel as most machines have it', () => {
  let folder: string;
  let vm: VmResult;

  /** Value of a `name: value` line that the guest's script printed. */
  function fact(name: string): string | undefined {
    return vm.output
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2);
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-vm-image-'));
    const image = join(folder, 'image.tar');
    const built = await run(join(repositoryRoot, 'examples/images/build.sh'), ['localhost/vm:1', image]);
    expect(built).toMatchObject({ code: 0 });
    vm = await bootVm({
      script: await readFile(join(import.meta.dirname, 'node.guest.sh'), 'utf8'),
      env: {
        REPOSITORY: repositoryRoot,
        IMAGE: image,
        KUBECTL: kubectlVersions().at(-1) ?? 'kubectl',
        // Of this very run: what is transformed already need not be in the guest, where it takes a minute.
        JEST_CACHE: join(tmpdir(), `jest_${(process.getuid?.() ?? 0).toString(36)}`),
      },
      timeoutMs,
    });
    if (vm.code !== 0) throw new Error(`the script ended with ${vm.code}\n${vm.output}\n${vm.console}`);
  }, timeoutMs + 60_000);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('has no cgroup v1 tree, and nobody else in its own', () => {
    expect(fact('mounts')).toBe('0');
    expect(fact('controllers')?.split(' ')).toEqual(expect.arrayContaining(['cpu', 'memory', 'pids']));
    expect(fact('cgroups before')).toBe('0');
  });

  it('puts a container below its pod and its class of service', () => {
    expect(fact('cgroup')).toBe('/sys/fs/cgroup/kubepods/burstable/podUID/ID');
  });

  it('sets what the spec says', () => {
    expect(fact('container memory.max')).toBe(String(64 * 2 ** 20));
    // Memory that may not be used may not be moved to a disk either.
    expect(fact('container memory.swap.max')).toBe('0');
    expect(fact('container memory.oom.group')).toBe('1');
    expect(fact('container cpu.max')).toBe('50000 100000');
    expect(fact('container pids.max')).toBe('max');
    expect(fact('pod memory.max')).toBe(String(64 * 2 ** 20));
    expect(fact('pod cpu.max')).toBe('50000 100000');
    // 250m are 256 shares, which is 10 of 10000: see cpuWeightFromShares.
    expect(fact('container cpu.weight')).toBe('10');
    expect(fact('pod cpu.weight')).toBe('10');
  });

  it('lets a process in the container see its own limits, and not change them', () => {
    expect(fact('exec sees')).toBe(`0::/ ${64 * 2 ** 20} read-only`);
  });

  it('ends a container as a whole for want of memory, and says so', () => {
    expect(fact('hungry')).toBe('OOMKilled 137');
    expect(fact('limited restarts')).toBe('0');
  });

  it('leaves no cgroup behind', () => {
    expect(fact('cgroups after')).toBe('');
  });

  it('passes the suites of plugins that need such a kernel', () => {
    const { testResults } = JSON.parse(fact('suites') ?? '{}') as JestResults;
    const cases = testResults.flatMap((file) => file.assertionResults).filter(({ status }) => status !== 'pending');
    expect(cases.filter(({ status }) => status !== 'passed')).toEqual([]);
    const names = cases.map(({ fullName }) => fullName);
    for (const name of [
      /^ipvlan on a LAN of two nodes .* l2: /,
      /^ipvlan on a LAN of two nodes .* l3: /,
      /^ipvlan on a LAN of two nodes .* l3s: /,
      /^802\.1q sub-interfaces as parents lead macvlan into one VLAN/,
      /^802\.1q sub-interfaces as parents lead ipvlan into one VLAN/,
      /^VLANs of a bridge /,
      /^CNI specification, ipvlan in process .* lives as CNI /,
    ]) {
      expect(names).toContainEqual(expect.stringMatching(name));
    }
  });

  it('runs a pod on each kind of network, which reaches the one that is on all of them', () => {
    const status = (pod: string) => JSON.parse(fact(`status of ${pod}`) ?? '[]') as readonly NetworkStatus[];
    expect(status('peer').map(({ name, interface: link, ips }) => [name, link, ips?.[0]])).toEqual([
      ['default', 'eth0', expect.stringMatching(/^10\./)],
      ['yard', 'yard0', '10.71.0.9'],
      ['office', 'office0', '10.72.0.9'],
      ['lab', 'lab0', '10.73.0.9'],
      ['vault', 'vault0', '10.74.0.9'],
      ['wide', 'wide0', '10.75.0.9'],
    ]);
    expect(status('peer')[2]?.mac).toBe('02:00:00:00:00:72');
    for (const network of ['yard', 'office', 'lab', 'vault', 'wide']) {
      expect(status(`on-${network}`).map(({ name }) => name)).toEqual(['default', network]);
    }
  });

  it('makes the parents of LANs with their first pod and removes them with the last', () => {
    // Ends of pods can have such names too, and then another link behind an @.
    const ownParent = /^swd[0-9a-f]{10}$/;
    const links = (name: string) => fact(name)?.split(' ') ?? [];
    expect(links('links with pods')).toEqual(
      expect.arrayContaining(['eth0.50@eth0', 'eth0.60@eth0', expect.stringMatching(ownParent)]),
    );
    const without = links('links without pods');
    expect(without.filter((name) => name.startsWith('eth0.') || ownParent.test(name))).toEqual([]);
    // The kernel's module makes dummy0 itself, when the first dummy is asked for.
    expect(links('links after').filter((name) => !['lo', 'eth0', 'dummy0'].includes(name))).toEqual([]);
  });
});

interface JestResults {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** Of the annotation `k8s.v1.cni.cncf.io/network-status`. */
interface NetworkStatus {
  readonly name: string;
  readonly interface?: string;
  readonly ips?: readonly string[];
  readonly mac?: string;
}
