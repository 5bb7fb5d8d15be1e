import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Container } from '@slipway/api/types';
import type { Mount } from '../runtime/cri.ts';
import type { PodFacts } from '../volumes/field-reference.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { VolumeLayout } from '../volumes/volume-layout.ts';
import { mountPropagation, terminationMessagePathDefault } from './container-config.ts';
import { ContainerConfigError } from './container-environment.ts';
import { expandVariables } from './expand-variables.ts';
import { hostsFile, podHostname } from './hosts-file.ts';

export interface ContainerMountsInput {
  readonly facts: PodFacts;
  readonly container: Container;
  readonly attempt: number;
  readonly variables: ReadonlyMap<string, string>;
  readonly volumes: Pick<PodVolumes, 'hostPath'>;
  readonly layout: VolumeLayout;
  readonly clusterDomain: string;
}

const hostsPath = '/etc/hosts';

/** The volumes that the container asks for, /etc/hosts and the file for its last words. */
export async function containerMounts(input: ContainerMountsInput): Promise<Mount[]> {
  const { container } = input;
  const requested = container.volumeMounts ?? [];
  const mounts = await Promise.all(requested.map((_, index) => volumeMount(index, input)));
  const taken = new Set(mounts.map(({ containerPath }) => containerPath));
  const hosts = writeHosts(input);
  const words = makeTerminationLog(input);
  if (!taken.has(hostsPath)) mounts.push({ containerPath: hostsPath, hostPath: hosts, readonly: false });
  const wordsPath = container.terminationMessagePath ?? terminationMessagePathDefault;
  if (wordsPath !== '' && !taken.has(wordsPath)) {
    mounts.push({ containerPath: wordsPath, hostPath: words, readonly: false });
  }
  return mounts;
}

async function volumeMount(index: number, input: ContainerMountsInput): Promise<Mount> {
  const { container, facts, variables, volumes } = input;
  const mount = container.volumeMounts?.[index];
  if (!mount) throw new ContainerConfigError(`volume mount ${index} of container ${container.name} is missing`);
  const subPath = mount.subPathExpr ? expandStrictly(mount.subPathExpr, variables) : mount.subPath;
  const sub = subPath ? { volume: mount.name, container: container.name, index, subPath } : undefined;
  return {
    containerPath: resolve('/', mount.mountPath),
    hostPath: await volumes.hostPath(facts, mount.name, sub),
    readonly: mount.readOnly ?? false,
    propagation: mountPropagation(mount.mountPropagation),
  };
}

/** In a path an unknown variable is an error, where in an argument it stays as it is. */
function expandStrictly(text: string, variables: ReadonlyMap<string, string>): string {
  return expandVariables(text, (name) => {
    const value = variables.get(name);
    if (value === undefined)
      throw new ContainerConfigError(`cannot expand subPathExpr "${text}": ${name} is not defined`);
    return value;
  });
}

/**
 * Written anew for each container: the pod's address may be another one since the last sandbox. The calls here block:
 * each takes some tens of microseconds, and the start of a container would wait for a thread pool.
 */
function writeHosts({ facts, layout, clusterDomain, container }: ContainerMountsInput): string {
  const { pod, podIps } = facts;
  const path = layout.hostsFile(pod.metadata.uid ?? '');
  const ofHost = pod.spec.hostNetwork ? readFileSync(hostsPath, 'utf8') : '';
  const text = hostsFile(pod, podHostname(pod, clusterDomain), podIps, ofHost);
  const present = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  if (present === text) return path;
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
  if (present !== undefined) {
    // In place: a running container has this very file mounted.
    writeFileSync(path, text);
    return path;
  }
  const fresh = `${path}.${container.name}`;
  writeFileSync(fresh, text, { mode: 0o644 });
  renameSync(fresh, path);
  return path;
}

function makeTerminationLog({ facts, layout, container, attempt }: ContainerMountsInput): string {
  const path = layout.terminationLog(facts.pod.metadata.uid ?? '', container.name, attempt);
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  // Whoever the container runs as writes to it.
  writeFileSync(path, '', { mode: 0o666 });
  chmodSync(path, 0o666);
  return path;
}
