/**
 * Gives every pod a service account, and mounts a token for it where the API server expects one to be used: a projected volume
 * `kube-api-access-xxxxx` with a bound token, the cluster's CA and the pod's namespace.
 */
import type { Container, KubeObject, Pod, PodSpec, ServiceAccount, Volume } from '@slipway/api/types';
import { flatText } from '@slipway/kit/flat-text';
import { forbidden } from '../../registry/status-errors.ts';
import type { AdmissionPlugin } from '../plugin.ts';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
/** As upstream: an hour, and seven seconds by which it can be told from one that a user asked for. */
const tokenExpirationSeconds = 3607;
const projectedMode = 0o644;
const pods = { group: '', resource: 'pods' };

export const serviceAccount: AdmissionPlugin = {
  name: 'ServiceAccount',
  on: [{ operations: ['CREATE'], group: '', resources: ['pods'] }],

  mutate({ draft, request: { namespace = '' }, signal }, deps) {
    const pod = draft as Pod | undefined;
    if (!pod?.spec || isMirror(pod)) return;
    const { spec } = pod;
    const name = spec.serviceAccountName || spec.serviceAccount || 'default';
    spec.serviceAccountName = name;
    spec.serviceAccount = name;
    const finish = (account: KubeObject | undefined) => {
      if (!account) throw missing(pod, namespace, name);
      complete(spec, account as ServiceAccount, () => flatText(volumePrefix, deps.random.suffix(5)));
    };
    const account = deps.read('serviceaccounts', '', namespace, name);
    if (account) return finish(account);
    return deps.readNewest('serviceaccounts', '', namespace, name, signal).then(finish);
  },
};

/** Pods that a node made by itself, and reports. */
function isMirror(pod: Pod): boolean {
  return pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
}

function missing(pod: Pod, namespace: string, name: string) {
  const podName = pod.metadata.name ?? pod.metadata.generateName ?? '';
  return forbidden(
    pods,
    podName,
    `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`,
  );
}

function complete(spec: PodSpec, account: ServiceAccount, volumeName: () => string): void {
  if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
    spec.imagePullSecrets = structuredClone(account.imagePullSecrets) as NonNullable<PodSpec['imagePullSecrets']>;
  }
  if (!(spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true)) return;
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])].filter(
    (container) => !hasMount(container),
  );
  if (containers.length === 0) return;
  const name = spec.volumes?.find((volume) => volume.name.startsWith(volumePrefix))?.name ?? volumeName();
  for (const container of containers) {
    container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath }];
  }
  if (!spec.volumes?.some((volume) => volume.name === name))
    spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

function hasMount(container: Container): boolean {
  return container.volumeMounts?.some((mount) => mount.mountPath === mountPath) ?? false;
}

function tokenVolume(name: string): Volume {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenExpirationSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
      defaultMode: projectedMode,
    },
  };
}
