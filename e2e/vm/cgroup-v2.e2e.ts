/** The node agent where cgroups are version 2 alone, as on most machines today; the developers' may have both. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWith, missingCapability } from '@slipway/kit/testing/capabilities';
import { containerNeeds } from '../harness/images.ts';
import { kubectlVersions, run } from '../harness/kubectl.ts';
import { repositoryRoot } from '../tidy/sources.ts';
import { bootVm, missingForVm, type VmResult } from './boot-vm.ts';

/** About 100 s on a quiet machine with two cores. */
const timeoutMs = 600_000;

describeWith(missingCapability(containerNeeds) ?? missingForVm(), 'a node on cgroup v2 alone', () => {
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
      script: await readFile(join(import.meta.dirname, 'cgroup-v2.guest.sh'), 'utf8'),
      env: { REPOSITORY: repositoryRoot, IMAGE: image, KUBECTL: kubectlVersions().at(-1) ?? 'kubectl' },
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
});
