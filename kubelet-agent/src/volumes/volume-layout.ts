/**
 * Where a pod's files are, below the agent's data directory:
 *
 *   pods/UID/volumes/kubernetes.io~TYPE/NAME     volumes on the disk, and mount points of those in memory
 *   pods/UID/volume-subpaths/NAME/CONTAINER/N    bind mounts of subPaths
 *   pods/UID/etc-hosts                           /etc/hosts
 *   pods/UID/containers/CONTAINER/ATTEMPT        /dev/termination-log
 *   pods-memory/                                 one tmpfs for all pods
 *   pods-memory/UID/kubernetes.io~TYPE/NAME      secrets, tokens, downward API: never on a disk
 *   var/log/pods/NAMESPACE_NAME_UID/             container logs
 *
 * One tmpfs serves all pods, because a mount for each would cost more than writing the files.
 */
import { join } from 'node:path';

export interface VolumeLayout {
  readonly podsDirectory: string;
  readonly memoryDirectory: string;
  readonly logsDirectory: string;
  podDirectory(uid: string): string;
  volumesDirectory(uid: string): string;
  subPathsDirectory(uid: string): string;
  podMemoryDirectory(uid: string): string;
  logDirectory(pod: { readonly namespace: string; readonly name: string; readonly uid: string }): string;
  hostsFile(uid: string): string;
  terminationLog(uid: string, container: string, attempt: number): string;
}

export function volumeLayout(dataDirectory: string): VolumeLayout {
  const podsDirectory = join(dataDirectory, 'pods');
  const memoryDirectory = join(dataDirectory, 'pods-memory');
  const logsDirectory = join(dataDirectory, 'var/log/pods');
  const podDirectory = (uid: string) => join(podsDirectory, uid);
  return {
    podsDirectory,
    memoryDirectory,
    logsDirectory,
    podDirectory,
    volumesDirectory: (uid) => join(podDirectory(uid), 'volumes'),
    subPathsDirectory: (uid) => join(podDirectory(uid), 'volume-subpaths'),
    podMemoryDirectory: (uid) => join(memoryDirectory, uid),
    logDirectory: ({ namespace, name, uid }) => join(logsDirectory, `${namespace}_${name}_${uid}`),
    hostsFile: (uid) => join(podDirectory(uid), 'etc-hosts'),
    terminationLog: (uid, container, attempt) => join(podDirectory(uid), 'containers', container, String(attempt)),
  };
}
