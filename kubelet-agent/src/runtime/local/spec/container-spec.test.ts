import { readFileSync, writeFileSync } from 'node:fs';
import type { ContainerConfig } from '../../cri.ts';
import { capabilitiesFromMask } from './capabilities.ts';
import { buildContainerSpec, containerArgs, type SpecRequest } from './container-spec.ts';

const goldenFile = new URL('./container-spec.golden.json', import.meta.url);

const config = (changes: Partial<ContainerConfig> = {}): ContainerConfig => ({
  metadata: { name: 'web', attempt: 0 },
  image: { image: 'app:1' },
  command: [],
  args: ['--port', '80'],
  workingDir: '',
  envs: [{ key: 'A', value: 'from the pod' }],
  mounts: [
    { containerPath: '/data/inner/', hostPath: '/host/inner', readonly: false },
    { containerPath: '/data', hostPath: '/host/data', readonly: true, propagation: 'PROPAGATION_HOST_TO_CONTAINER' },
    { containerPath: '/etc/hosts', hostPath: '/host/hosts', readonly: false },
  ],
  devices: [],
  labels: {},
  annotations: {},
  logPath: 'web/0.log',
  stdin: false,
  stdinOnce: false,
  tty: false,
  linux: {
    resources: {
      cpuShares: 102,
      cpuQuota: 20_000,
      cpuPeriod: 100_000,
      memoryLimitInBytes: 64 << 20,
      oomScoreAdj: -500,
    },
    securityContext: { namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } },
  },
  ...changes,
});

const request = (changes: Partial<SpecRequest> = {}): SpecRequest => ({
  containerId: 'c1',
  config: config(),
  image: { Entrypoint: ['/app'], Cmd: ['serve'], Env: ['A=from the image', 'B=kept'], WorkingDir: '/srv' },
  image32Bit: false,
  user: { uid: 1000, gid: 1000, additionalGids: [1000, 50] },
  host: { arch: 'x64', cgroupVersion: 'v2', capabilities: capabilitiesFromMask('1ffffffffff'), oomScoreAdjMin: 0 },
  rootfsPath: '/rootfs',
  cgroupsPath: '/kubepods/burstable/podX/c1',
  hostname: 'web-0',
  namespaces: { net: '/ns/net', ipc: '/ns/ipc', uts: '/ns/uts' },
  ownPid: true,
  sandboxMounts: [
    { containerPath: '/etc/hosts', hostPath: '/sandbox/hosts', readonly: false },
    { containerPath: '/etc/resolv.conf', hostPath: '/sandbox/resolv.conf', readonly: false },
  ],
  shmPath: '/sandbox/shm',
  devices: [],
  annotations: { 'slipway.dev/pod-uid': 'X' },
  ...changes,
});

const withSecurity = (securityContext: object): SpecRequest => {
  const base = config();
  return request({
    config: {
      ...base,
      linux: { ...base.linux, securityContext: { ...base.linux.securityContext, ...securityContext } },
    },
  });
};

describe('buildContainerSpec', () => {
  it('writes the specification of the golden file', () => {
    const { seccomp, ...linux } = buildContainerSpec(request()).linux;
    const spec = { ...buildContainerSpec(request()), linux };
    expect(seccomp?.defaultAction).toBe('SCMP_ACT_ERRNO');
    if (process.env.UPDATE_GOLDEN) writeFileSync(goldenFile, `${JSON.stringify(spec, null, 2)}\n`);
    expect(JSON.parse(JSON.stringify(spec))).toEqual(JSON.parse(readFileSync(goldenFile, 'utf8')));
  });

  it('filters system calls unless told not to', () => {
    const allowed = (made: ReturnType<typeof buildContainerSpec>) =>
      made.linux.seccomp?.syscalls
        .filter((rule) => rule.action === 'SCMP_ACT_ALLOW' && !rule.args)
        .flatMap((rule) => rule.names);
    expect(allowed(buildContainerSpec(request()))).not.toContain('mount');
    expect(allowed(buildContainerSpec(request()))).not.toContain('clone3');
    const admin = withSecurity({ capabilities: { addCapabilities: ['SYS_ADMIN'], dropCapabilities: [] } });
    expect(allowed(buildContainerSpec(admin))).toEqual(expect.arrayContaining(['mount', 'clone3', 'unshare']));
    expect(buildContainerSpec(withSecurity({ seccomp: { profileType: 'Unconfined' } })).linux.seccomp).toBeUndefined();
    expect(buildContainerSpec(withSecurity({ privileged: true })).linux.seccomp).toBeUndefined();
  });

  it('opens everything for a privileged container', () => {
    const { linux, mounts } = buildContainerSpec(withSecurity({ privileged: true }));
    expect(linux.maskedPaths).toEqual([]);
    expect(linux.resources.devices).toEqual([{ allow: true, access: 'rwm' }]);
    expect(mounts.find((mount) => mount.destination === '/sys')?.options).toContain('rw');
  });

  it('leaves out namespaces that are the host’s', () => {
    const { linux } = buildContainerSpec(request({ namespaces: { ipc: '/ns/ipc' }, ownPid: false }));
    expect(linux.namespaces.map((namespace) => namespace.type)).toEqual(['mount', 'ipc', 'cgroup']);
  });

  it('lets the 32 bit sister in only for its images', () => {
    expect(buildContainerSpec(request()).linux.seccomp?.architectures).toEqual(['SCMP_ARCH_X86_64']);
    expect(buildContainerSpec(request({ image32Bit: true })).linux.seccomp?.architectures).toContain('SCMP_ARCH_X86');
  });
});

describe('containerArgs', () => {
  const image = { Entrypoint: ['entry'], Cmd: ['cmd'] };

  it.each([
    [[], [], ['entry', 'cmd']],
    [[], ['arg'], ['entry', 'arg']],
    [['command'], [], ['command']],
    [['command'], ['arg'], ['command', 'arg']],
  ])('command %j and args %j give %j', (command, args, expected) => {
    expect(containerArgs({ command, args }, image)).toEqual(expected);
  });

  it('refuses nothing at all', () => {
    expect(() => containerArgs({ command: [], args: [] }, {})).toThrow('no command specified');
  });
});
