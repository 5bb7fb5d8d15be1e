/** Volumes of a task and where its containers have them. Pure. */
import type { DockerVolumeConfiguration, Volume as EcsVolume } from '@slipway/api/ecs/generated/types';
import type { Volume, VolumeMount } from '@slipway/api/types';
import type { EffectiveContainer, EffectiveDefinition } from './effective-definition.ts';

/** Where volumes that all tasks of a node share lie on it, by name. */
export const sharedVolumesDirectory = '/var/lib/slipway-volumes';
const sharedMemoryVolume = 'shared-memory';

export interface TaskVolumes {
  readonly volumes: readonly Volume[];
  /** By ECS' name of the container. */
  readonly mounts: ReadonlyMap<string, readonly VolumeMount[]>;
}

export function taskVolumes({ containers, volumes = [] }: EffectiveDefinition): TaskVolumes {
  const named = new Map(volumes.map((volume, i) => [volume.name ?? '', { as: `volume-${i}`, volume }]));
  const memory = containers.flatMap(memoryVolumes);
  const mounts = new Map(containers.map((each) => [each.name, mountsOf(each, containers, named)]));
  return {
    volumes: [
      ...[...named.values()].map(({ as, volume }) => volumeFrom(as, volume)),
      ...memory.map(({ volume }) => volume),
    ],
    mounts: new Map(
      containers.map(({ name }) => [
        name,
        [...(mounts.get(name) ?? []), ...memory.filter((each) => each.container === name).map(({ mount }) => mount)],
      ]),
    ),
  };
}

type NamedVolumes = ReadonlyMap<string, { readonly as: string }>;

function mountsOf(
  container: EffectiveContainer,
  all: readonly EffectiveContainer[],
  named: NamedVolumes,
): readonly VolumeMount[] {
  const inherited = (container.volumesFrom ?? []).flatMap(({ sourceContainer, readOnly }) => {
    const source = all.find(({ name }) => name === sourceContainer);
    return source ? ownMounts(source, named).map((mount) => (readOnly ? { ...mount, readOnly: true } : mount)) : [];
  });
  const own = ownMounts(container, named);
  const taken = new Set(own.map(({ mountPath }) => mountPath));
  return [...inherited.filter(({ mountPath }) => !taken.has(mountPath)), ...own];
}

function ownMounts({ mountPoints = [] }: EffectiveContainer, named: NamedVolumes): VolumeMount[] {
  return mountPoints.flatMap(({ sourceVolume = '', containerPath, readOnly }) => {
    const volume = named.get(sourceVolume);
    if (!volume || !containerPath) return [];
    return [{ name: volume.as, mountPath: containerPath, ...(readOnly ? { readOnly: true } : {}) }];
  });
}

/** A path of the node; else what Docker would keep for the task alone, or for all tasks that name it. */
function volumeFrom(as: string, { name = '', host, dockerVolumeConfiguration: docker }: EcsVolume): Volume {
  // Of any type, as a socket or a file may be there; what is not there becomes a directory, as Docker does it.
  if (host?.sourcePath) return { name: as, hostPath: { path: host.sourcePath } };
  const local = localVolume(docker);
  if (local?.kind === 'bind') return { name: as, hostPath: { path: local.path, type: 'Directory' } };
  if (local?.kind === 'memory') return { name: as, emptyDir: { medium: 'Memory', ...local.limit } };
  if (docker?.scope === 'shared') {
    const type = docker.autoprovision ? 'DirectoryOrCreate' : 'Directory';
    return { name: as, hostPath: { path: `${sharedVolumesDirectory}/${name}`, type } };
  }
  return { name: as, emptyDir: {} };
}

type LocalVolume =
  | { readonly kind: 'bind'; readonly path: string }
  | { readonly kind: 'memory'; readonly limit: { readonly sizeLimit?: string } }
  | { readonly kind: 'unknown'; readonly why: string };

/** What Docker's own driver makes of its options: what `mount` would. Undefined without options. */
export function localVolume({ driverOpts = {}, scope }: DockerVolumeConfiguration = {}): LocalVolume | undefined {
  if (Object.keys(driverOpts).length === 0) return undefined;
  const { type = '', device = '', o = '', ...others } = driverOpts;
  const options = o.split(',').filter(Boolean);
  const [unknown] = Object.keys(others);
  if (unknown) return { kind: 'unknown', why: `the option ${unknown} is not known` };
  if (['', 'none', 'bind'].includes(type) && device.startsWith('/') && options.some((each) => /^r?bind$/.test(each))) {
    return { kind: 'bind', path: device };
  }
  const size = /^size=(\d+)([kmg]?)$/i.exec(options.find((each) => each.startsWith('size=')) ?? '');
  const isPlain = options.every((each) => each.startsWith('size='));
  if (type === 'tmpfs' && scope !== 'shared' && isPlain && (options.length === 0 || size)) {
    const [, count = '', unit = ''] = size ?? [];
    const suffix = { '': '', k: 'Ki', m: 'Mi', g: 'Gi' }[unit.toLowerCase()] ?? '';
    return { kind: 'memory', limit: size ? { sizeLimit: `${count}${suffix}` } : {} };
  }
  return {
    kind: 'unknown',
    why: `type=${type || 'none'},o=${o} is not served, only binds of a path and tmpfs of the task`,
  };
}

/** Memory that looks like a file system: `/dev/shm` of another size than usual, and tmpfs mounts. */
function memoryVolumes({ name, podName, linuxParameters }: EffectiveContainer) {
  const { sharedMemorySize, tmpfs = [] } = linuxParameters ?? {};
  const wanted = [
    ...(sharedMemorySize ? [{ path: '/dev/shm', size: sharedMemorySize, as: sharedMemoryVolume }] : []),
    // One with options of its own is a term of the container (terms-from-definition).
    ...tmpfs
      .filter(({ mountOptions }) => !mountOptions?.length)
      .map(({ containerPath, size }, i) => ({ path: containerPath, size, as: `tmpfs-${i}` })),
  ];
  return wanted.map(({ path, size, as }) => {
    const volume = `${as}-${podName}`.slice(-63).replace(/^-+/, '');
    return {
      container: name,
      volume: { name: volume, emptyDir: { medium: 'Memory', sizeLimit: `${size}Mi` } } as Volume,
      mount: { name: volume, mountPath: path } as VolumeMount,
    };
  });
}
