/** Disks of networks and clouds, which a pod's volume and a PersistentVolume describe alike. Nothing of ours mounts them; drivers of others do. */
import { dnsSubdomainProblems } from '../names.ts';
import type { PersistentVolumeSpec, Volume } from '../types.ts';
import { type FieldError, invalid, notSupported, pushInvalid, required, tooLong } from './field-error.ts';
import { validateNoBacksteps } from './path.ts';

/** The types of volumes whose rules are here. */
type DiskType =
  | 'awsElasticBlockStore'
  | 'azureDisk'
  | 'azureFile'
  | 'cephfs'
  | 'cinder'
  | 'fc'
  | 'flexVolume'
  | 'flocker'
  | 'gcePersistentDisk'
  | 'gitRepo'
  | 'glusterfs'
  | 'iscsi'
  | 'photonPersistentDisk'
  | 'portworxVolume'
  | 'quobyte'
  | 'rbd'
  | 'scaleIO'
  | 'vsphereVolume';

type Disk<Type extends DiskType> = NonNullable<
  | (Type extends keyof Volume ? Volume[Type] : never)
  | (Type extends keyof PersistentVolumeSpec ? PersistentVolumeSpec[Type] : never)
>;

/** Fields that have to say something. */
const requiredFields: { readonly [Type in DiskType]?: readonly (keyof Disk<Type> & string)[] } = {
  awsElasticBlockStore: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  azureFile: ['secretName', 'shareName'],
  cephfs: ['monitors'],
  cinder: ['volumeID'],
  flexVolume: ['driver'],
  gcePersistentDisk: ['pdName'],
  gitRepo: ['repository'],
  glusterfs: ['endpoints', 'path'],
  iscsi: ['targetPortal', 'iqn'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  quobyte: ['registry', 'volume'],
  rbd: ['monitors', 'image'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  vsphereVolume: ['volumePath'],
};

type Rule<Type extends DiskType> = (errors: FieldError[], disk: Disk<Type>, path: string) => void;

const furtherRules: { readonly [Type in DiskType]?: Rule<Type> } = {
  awsElasticBlockStore: (errors, { partition }, path) => validateByte(errors, partition, `${path}.partition`),
  gcePersistentDisk: (errors, { partition }, path) => validateByte(errors, partition, `${path}.partition`),
  gitRepo: (errors, { directory = '' }, path) => validateNoBacksteps(errors, directory, `${path}.directory`),
  azureDisk: validateAzureDisk,
  fc: validateFibreChannel,
  flocker: validateFlocker,
  iscsi: validateIscsi,
};

const types = new Set<string>([...Object.keys(requiredFields), ...Object.keys(furtherRules)]);

/** Whether the type is one of these, in which case it has been looked at. */
export function validateNetworkDisk(errors: FieldError[], type: string, disk: object, path: string): boolean {
  if (!types.has(type)) return false;
  const given = disk as Readonly<Record<string, unknown>>;
  for (const field of requiredFields[type as DiskType] ?? []) {
    const value = given[field];
    const isEmpty = value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
    if (isEmpty) errors.push(required(`${path}.${field}`));
  }
  const rule = furtherRules[type as DiskType] as Rule<DiskType> | undefined;
  rule?.(errors, disk as never, path);
  return true;
}

function validateByte(errors: FieldError[], value: number | undefined, path: string): void {
  if (value === undefined || (value >= 0 && value <= 255)) return;
  errors.push(invalid(path, value, 'must be between 0 and 255, inclusive'));
}

const cachingModes = ['None', 'ReadOnly', 'ReadWrite'];
const azureKinds = ['Dedicated', 'Managed', 'Shared'];

function validateAzureDisk(errors: FieldError[], { cachingMode, kind }: Disk<'azureDisk'>, path: string): void {
  if (cachingMode !== undefined && !cachingModes.includes(cachingMode)) {
    errors.push(notSupported(`${path}.cachingMode`, cachingMode, cachingModes));
  }
  if (kind !== undefined && !azureKinds.includes(kind)) errors.push(notSupported(`${path}.kind`, kind, azureKinds));
}

function validateFibreChannel(errors: FieldError[], disk: Disk<'fc'>, path: string): void {
  const { targetWWNs = [], wwids = [], lun } = disk;
  const either = 'must specify either targetWWNs or wwids, but not both';
  if (targetWWNs.length === 0 && wwids.length === 0) errors.push(required(`${path}.targetWWNs`, either));
  if (targetWWNs.length > 0 && wwids.length > 0) errors.push(invalid(`${path}.targetWWNs`, targetWWNs, either));
  if (targetWWNs.length === 0) return;
  if (lun === undefined) errors.push(required(`${path}.lun`, 'lun is required if targetWWNs is specified'));
  else validateByte(errors, lun, `${path}.lun`);
}

function validateFlocker(errors: FieldError[], { datasetName, datasetUUID }: Disk<'flocker'>, path: string): void {
  if (!datasetName && !datasetUUID) {
    errors.push(required(path, 'one of datasetName and datasetUUID is required'));
  }
  if (datasetName && datasetUUID) {
    const detail = 'datasetName and datasetUUID can not be specified simultaneously';
    errors.push(invalid(path, 'resource', detail));
  }
}

function validateIscsi(errors: FieldError[], disk: Disk<'iscsi'>, path: string): void {
  const { iqn, lun, chapAuthDiscovery: byDiscovery, chapAuthSession: bySession, secretRef } = disk;
  if (iqn && !/^(?:iqn|eui|naa)/.test(iqn)) {
    errors.push(invalid(`${path}.iqn`, iqn, 'must be valid format starting with iqn, eui, or naa'));
  }
  validateByte(errors, lun, `${path}.lun`);
  if ((byDiscovery || bySession) && !secretRef) errors.push(required(`${path}.secretRef`));
}

const driverNameMax = 63;

/** The name of a CSI driver, wherever it stands. */
export function validateDriverName(errors: FieldError[], name: string, path: string): void {
  if (name === '') errors.push(required(path));
  if (name.length > driverNameMax) errors.push(tooLong(path, driverNameMax));
  pushInvalid(errors, path, name, dnsSubdomainProblems(name.toLowerCase()));
}
