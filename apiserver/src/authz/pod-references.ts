/** What a pod's spec refers to, and so what the agent that runs it must read. Pure. */
import type { PersistentVolume, Pod, PodSpec, Volume } from '@slipway/api/types';

export type ReferredResource =
  | 'secrets'
  | 'configmaps'
  | 'persistentvolumeclaims'
  | 'serviceaccounts'
  | 'resourceclaims';

/** `secrets/NAMESPACE/NAME` */
export type Reference = string;

export function referenceTo(resource: ReferredResource, namespace: string, name: string): Reference {
  return `${resource}/${namespace}/${name}`;
}

const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** Each once. A mirror pod, which its own node made, gives a right to nothing. */
export function referencesOf({ metadata, spec }: Pod): ReadonlySet<Reference> {
  const references = new Set<Reference>();
  if (metadata.annotations?.[mirrorAnnotation] !== undefined) return references;
  const add = (resource: ReferredResource, names: Iterable<string | undefined>) => {
    for (const name of names) if (name) references.add(referenceTo(resource, metadata.namespace ?? '', name));
  };
  add('serviceaccounts', [spec.serviceAccountName]);
  add('secrets', secretsOf(spec));
  add('configmaps', configMapsOf(spec));
  for (const { name, persistentVolumeClaim, ephemeral } of spec.volumes ?? []) {
    add('persistentvolumeclaims', [persistentVolumeClaim?.claimName, ephemeral && `${metadata.name}-${name}`]);
  }
  add(
    'resourceclaims',
    (spec.resourceClaims ?? []).map(({ resourceClaimName }) => resourceClaimName),
  );
  return references;
}

function* secretsOf(spec: PodSpec): Generator<string | undefined> {
  for (const { name } of spec.imagePullSecrets ?? []) yield name;
  for (const { env, envFrom } of containersOf(spec)) {
    for (const { valueFrom } of env ?? []) yield valueFrom?.secretKeyRef?.name;
    for (const { secretRef } of envFrom ?? []) yield secretRef?.name;
  }
  for (const volume of spec.volumes ?? []) yield* secretsOfVolume(volume);
}

function* secretsOfVolume(volume: Volume): Generator<string | undefined> {
  yield volume.secret?.secretName;
  for (const { secret } of volume.projected?.sources ?? []) yield secret?.name;
  yield volume.azureFile?.secretName;
  yield volume.csi?.nodePublishSecretRef?.name;
  for (const source of [volume.cephfs, volume.cinder, volume.flexVolume, volume.iscsi, volume.rbd]) {
    yield source?.secretRef?.name;
  }
  for (const source of [volume.scaleIO, volume.storageos]) yield source?.secretRef?.name;
}

function* configMapsOf(spec: PodSpec): Generator<string | undefined> {
  for (const { env, envFrom } of containersOf(spec)) {
    for (const { valueFrom } of env ?? []) yield valueFrom?.configMapKeyRef?.name;
    for (const { configMapRef } of envFrom ?? []) yield configMapRef?.name;
  }
  for (const { configMap, projected } of spec.volumes ?? []) {
    yield configMap?.name;
    for (const source of projected?.sources ?? []) yield source.configMap?.name;
  }
}

function containersOf({ initContainers, containers, ephemeralContainers }: PodSpec) {
  return [...(initContainers ?? []), ...(containers ?? []), ...(ephemeralContainers ?? [])];
}

/** The Secrets that mounting the volume takes, for the claim that it is bound to. */
export function secretsOfPersistentVolume({ spec }: PersistentVolume): ReadonlySet<Reference> {
  const references = new Set<Reference>();
  const claimNamespace = spec.claimRef?.namespace ?? '';
  const { csi, azureFile, cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos } = spec;
  const csiRefs = [
    csi?.controllerPublishSecretRef,
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.controllerExpandSecretRef,
    csi?.nodeExpandSecretRef,
  ];
  const others = [cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos].map((source) => source?.secretRef);
  const azure = azureFile && { name: azureFile.secretName, namespace: azureFile.secretNamespace };
  for (const ref of [...csiRefs, ...others, azure]) {
    if (ref?.name) references.add(referenceTo('secrets', ref.namespace || claimNamespace, ref.name));
  }
  return references;
}
