import { join } from 'node:path';
import type { Container, Pod, SeccompProfile } from '@slipway/api/types';
import type { Image, LinuxContainerSecurityContext, NamespaceOption, SecurityProfile } from '../runtime/cri.ts';
import { ContainerConfigError } from './container-environment.ts';
import { podDisplayName } from './pod-containers.ts';
import { namespacesWith, termsOf } from './runtime-terms.ts';

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
  const terms = termsOf(pod, container.name);
  const { user } = terms;
  const runAsUser = user === undefined ? (own.runAsUser ?? ofPod.runAsUser) : undefined;
  const runAsGroup = user === undefined ? (own.runAsGroup ?? ofPod.runAsGroup) : undefined;
  if (own.runAsNonRoot ?? ofPod.runAsNonRoot)
    refuseRoot(pod, container, runAsUser, user === undefined ? image : namedUser(user));
  const seccomp = securityProfile(own.seccompProfile ?? ofPod.seccompProfile, seccompRoot);
  const apparmor = securityProfile(own.appArmorProfile ?? ofPod.appArmorProfile, seccompRoot);
  const groups = [...(ofPod.supplementalGroups ?? []), ...(ofPod.fsGroup === undefined ? [] : [ofPod.fsGroup])];
  return {
    namespaceOptions: namespacesWith(terms, namespaceOptions(pod)),
    privileged: own.privileged ?? false,
    readonlyRootfs: own.readOnlyRootFilesystem ?? false,
    noNewPrivs: own.allowPrivilegeEscalation === false,
    capabilities: {
      addCapabilities: own.capabilities?.add ?? [],
      dropCapabilities: own.capabilities?.drop ?? [],
    },
    supplementalGroups: groups,
    ...(ofPod.supplementalGroupsPolicy === 'Strict' ? { supplementalGroupsPolicy: 'Strict' } : {}),
    ...(user === undefined ? {} : { runAsUsername: user }),
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    ...(seccomp ? { seccomp } : {}),
    ...(apparmor ? { apparmor } : {}),
    ...(own.procMount === 'Unmasked' ? { maskedPaths: [], readonlyPaths: [] } : {}),
  };
}

/** As if the image said so. */
function namedUser(user: string): Pick<Image, 'uid' | 'username'> {
  const [name = ''] = user.split(':');
  return /^\d+$/.test(name) ? { uid: Number(name), username: '' } : { username: name };
}

function refuseRoot(
  pod: Pod,
  container: Container,
  runAsUser: number | undefined,
  image: Pick<Image, 'uid' | 'username'>,
): void {
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
