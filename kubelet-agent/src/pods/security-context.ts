import { join } from 'node:path';
import type { Container, Pod, SeccompProfile } from '@slipway/api/types';
import type { Image, LinuxContainerSecurityContext, NamespaceOption, SecurityProfile } from '../runtime/cri.ts';
import { ContainerConfigError } from './container-environment.ts';
import { podDisplayName } from './pod-containers.ts';

export function namespaceOptions(pod: Pod): NamespaceOption {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec;
  return {
    network: hostNetwork ? 'NODE' : 'POD',
    pid: hostPID ? 'NODE' : shareProcessNamespace ? 'POD' : 'CONTAINER',
    ipc: hostIPC ? 'NODE' : 'POD',
  };
}

export function securityProfile(profile: SeccompProfile | undefined, profileRoot: string): SecurityProfile | undefined {
  switch (profile?.type) {
    case 'Unconfined':
    case 'RuntimeDefault':
      return { profileType: profile.type };
    case 'Localhost':
      return { profileType: 'Localhost', localhostRef: join(profileRoot, join('/', profile.localhostProfile ?? '')) };
    default:
      return undefined;
  }
}

/** The container's settings over the pod's. Throws `ContainerConfigError` when it would run as root and must not. */
export function containerSecurityContext(
  pod: Pod,
  container: Container,
  image: Image,
  seccompRoot: string,
): LinuxContainerSecurityContext {
  const ofPod = pod.spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  const runAsUser = own.runAsUser ?? ofPod.runAsUser;
  const runAsGroup = own.runAsGroup ?? ofPod.runAsGroup;
  if (own.runAsNonRoot ?? ofPod.runAsNonRoot) refuseRoot(pod, container, runAsUser, image);
  const seccomp = securityProfile(own.seccompProfile ?? ofPod.seccompProfile, seccompRoot);
  const apparmor = securityProfile(own.appArmorProfile ?? ofPod.appArmorProfile, seccompRoot);
  const groups = [...(ofPod.supplementalGroups ?? []), ...(ofPod.fsGroup === undefined ? [] : [ofPod.fsGroup])];
  return {
    namespaceOptions: namespaceOptions(pod),
    privileged: own.privileged ?? false,
    readonlyRootfs: own.readOnlyRootFilesystem ?? false,
    noNewPrivs: own.allowPrivilegeEscalation === false,
    capabilities: {
      addCapabilities: own.capabilities?.add ?? [],
      dropCapabilities: own.capabilities?.drop ?? [],
    },
    supplementalGroups: groups,
    ...(ofPod.supplementalGroupsPolicy === 'Strict' ? { supplementalGroupsPolicy: 'Strict' } : {}),
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    ...(seccomp ? { seccomp } : {}),
    ...(apparmor ? { apparmor } : {}),
    ...(own.procMount === 'Unmasked' ? { maskedPaths: [], readonlyPaths: [] } : {}),
  };
}

function refuseRoot(pod: Pod, container: Container, runAsUser: number | undefined, image: Image): void {
  const where = `(pod: "${podDisplayName(pod)}", container: ${container.name})`;
  if (runAsUser !== undefined) {
    if (runAsUser === 0) throw new ContainerConfigError(`container's runAsUser breaks non-root policy ${where}`);
    return;
  }
  if (image.username !== '') {
    throw new ContainerConfigError(
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${where}`,
    );
  }
  if ((image.uid ?? 0) === 0) {
    throw new ContainerConfigError(`container has runAsNonRoot and image will run as root ${where}`);
  }
}
